"""All settings in one frozen dataclass, from flags and ``REASONRANK_*`` environment variables."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from reasonrank.errors import InputError


def setting(
    default: Any, text: str, choices: tuple[str, ...] = (), least: float | None = None, *, secret: bool = False
) -> Any:
    """A field of a settings dataclass: its default, its help, and what it may be; a secret one is never shown."""
    return field(default=default, repr=not secret, metadata={"help": text, "choices": choices, "least": least})


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting of the app and the command line.

    Each field is also an environment variable: ``student`` is ``REASONRANK_STUDENT``. A flag wins over the
    variable, the variable over the default.
    """

    cache: Path = setting(Path(), "folder for indexes and converted models; the user's cache folder by default")
    corpus: str = setting("collection", "a corpus's name (collection, python-docs, an ir_datasets id) or a file")
    retriever: str = setting("hybrid", "first stage", ("bm25", "dense", "hybrid"))
    k: int = setting(20, "how many documents the first stage returns", least=1)
    explain: int = setting(5, "how many documents from the top get a reason", least=0)
    student: str = setting("default", "none, base, default, an adapter's or model's folder, or a hub id")
    base: str = setting("default", "base model below an adapter that names none: default, a folder or a hub id")
    engine: str = setting("auto", "what runs the student", ("auto", "ctranslate2", "transformers", "openai", "vllm"))
    server: str = setting("", "with engine openai: the server's address, or several with commas between them")
    server_model: str = setting("", "with engine openai: the model's name there; needed where there are several")
    server_samples: int = setting(
        0, "with a server that tells no log-probabilities: how many grades to draw; 0 refuses it", least=0
    )
    server_requests: int = setting(8, "requests that one server is sent side by side", least=1)
    server_timeout: float = setting(60.0, "seconds to wait for a server's next words", least=0.1)
    device: str = setting("auto", "where transformers run: auto, cpu, cuda, mps")
    order: str = setting("fused", "what the list is sorted by", ("student", "fused"))
    mode: str = setting("score_then_reason", "which is written first", ("score_then_reason", "reason_then_score"))
    samples: int = setting(1, "reasons sampled and averaged for a score, in the mode reason_then_score", least=1)
    encoder: str = setting("default", "sentence-transformers encoder: default (packaged MiniLM), a folder or hub id")
    query_writing: bool = setting(False, "let the student write search queries for the question before the search")
    long_queries: bool = setting(False, "weight the words of long questions on the query side of BM25")
    bm25_k1: float = setting(0.9, "BM25's k1", least=0)
    bm25_b: float = setting(0.4, "BM25's b", least=0)
    rrf_k: int = setting(60, "the constant of reciprocal rank fusion", least=1)
    milvus_uri: str = setting("", "search in Milvus: a file ending in .db, or http(s)://host:port; empty: files here")
    milvus_index: str = setting(
        "exact", "vectors of a new Milvus collection: exact, or nearly so", ("exact", "hnsw", "diskann", "auto")
    )
    milvus_shards: int = setting(1, "shards of a new Milvus collection", least=1)
    max_document_tokens: int = setting(256, "documents longer than this are cut at a sentence end", least=16)
    max_query_chars: int = setting(4000, "longer questions are refused", least=1)
    max_reason_tokens: int = setting(80, "length at which a reason counts as cut off", least=8)
    batch_tokens: int = setting(4096, "tokens a scoring batch holds at most", least=256)
    threads: int = setting(0, "processor threads for the student; 0 takes them all", least=0)
    database: str = setting("", "review database: sqlite:///FILE or postgresql://...; a file in the cache by default")
    segments: str = setting("", "where reviews are kept besides: a folder, or hub:OWNER/NAME (a private dataset)")
    leads: str = setting("", "names that may lead reviews, between commas; empty: everybody on this machine may")
    passwords: str = setting("", "password file by which reviewers sign in; empty: a name is enough")

    def __post_init__(self) -> None:
        if self.cache == Path():
            object.__setattr__(self, "cache", default_cache())
        for item in fields(self):
            value, meta = getattr(self, item.name), item.metadata
            if meta["choices"] and value not in meta["choices"]:
                raise InputError(f"{item.name} is {value!r}; it must be one of {', '.join(meta['choices'])}.")
            if meta["least"] is not None and value < meta["least"]:
                raise InputError(f"{item.name} is {value}; it must be at least {meta['least']}.")

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, **flags: Any) -> Self:
        """Settings from the environment, overridden by the flags that are not None.

        Raises:
            InputError: A value has the wrong type or is out of range.
        """
        environment = os.environ if environment is None else environment
        values: dict[str, Any] = {}
        for item in fields(cls):
            text = environment.get(f"REASONRANK_{item.name.upper()}")
            if text is not None and text != "":
                values[item.name] = _parse(item.name, text, item.default)
            if flags.get(item.name) is not None:
                values[item.name] = flags[item.name]
        unknown = flags.keys() - {item.name for item in fields(cls)}
        if unknown:
            raise InputError(f"There is no setting named {', '.join(sorted(unknown))}.")
        return cls(**values)


def default_cache() -> Path:
    """The user's cache folder for ReasonRank, as the operating system has it."""
    from platformdirs import user_cache_path

    return user_cache_path("reasonrank", appauthor=False)


def _parse(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() in ("1", "true", "yes", "on"):
            return True
        if text.lower() in ("0", "false", "no", "off"):
            return False
        raise InputError(f"REASONRANK_{name.upper()} is {text!r}; expected true or false.")
    try:
        return type(default)(text)
    except ValueError as error:
        kind = "a whole number" if isinstance(default, int) else "a number"
        raise InputError(f"REASONRANK_{name.upper()} is {text!r}; expected {kind}.") from error
