"""A tiny random Llama and its tokenizer, made in a moment, and its conversion."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any


def make_tokenizer() -> Any:
    """A byte-level tokenizer with three special tokens and a few merged tokens, two of them with a line's end."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    specials = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    merges = [("Ċ", "Ċ"), (".", "Ċ"), ("a", "n"), ("t", "h"), ("th", "e")]
    vocabulary = [*specials, *sorted(pre_tokenizers.ByteLevel.alphabet()), *("".join(pair) for pair in merges)]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(vocabulary)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(special, special=True) for special in specials])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", bos_token="<|im_start|>")


def make_tiny(tokenizer: Any, window: int = 512) -> Any:
    """A random model of two layers whose greedy texts are printable and do not end by themselves.

    Its weights are wide, so that its choices differ between prompts.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=window,
        initializer_range=0.15,
        bos_token_id=1,
        eos_token_id=2,
    )
    model = LlamaForCausalLM(config).eval()
    for number, token in enumerate(tokenizer.convert_ids_to_tokens(range(len(tokenizer)))):
        if not (token.isascii() and token.isprintable()) or "|" in token:
            model.lm_head.weight.data[number] = 0  # never the largest logit
    return model


def convert(student: Any, folder: Path, quantization: str) -> Path:
    """Convert a copy: the converter takes the model apart."""
    from reasonrank.engines.conversion import convert_once

    convert_once(folder, lambda: replace(student, model=copy.deepcopy(student.model)), quantization)
    return folder


def make_unconvertible(tokenizer: Any) -> Any:
    """A tiny loaded model of an architecture that transformers know and CTranslate2 does not."""
    import torch
    from transformers import OlmoConfig, OlmoForCausalLM

    from reasonrank.models import LoadedModel

    torch.manual_seed(2)
    config = OlmoConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=256,
    )
    return LoadedModel(OlmoForCausalLM(config).eval(), tokenizer, "tiny-olmo", "none")


def make_adapter(student: Any, folder: Path) -> Path:
    """A LoRA adapter with random weights over a model, saved as the trainer saves one."""
    import json

    import torch
    from peft import LoraConfig, get_peft_model

    from reasonrank.prompts import PROMPT_VERSION

    torch.manual_seed(3)
    lora = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False)
    get_peft_model(copy.deepcopy(student.model), lora).save_pretrained(folder)
    meta = {"prompt_version": PROMPT_VERSION, "base": student.name, "base_weights_hash": student.weights_hash}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
    return folder
