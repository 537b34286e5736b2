"""The two kinds of index: what each depends on, and the functions that make and open it."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reasonrank import __version__
from reasonrank.corpora.base import Corpus
from reasonrank.encoder import Encoder, EncoderIdentity
from reasonrank.retrieval.base import Progress, Retriever
from reasonrank.retrieval.bm25 import BM25Retriever, build_bm25_index
from reasonrank.retrieval.dense import DenseRetriever, build_dense_index
from reasonrank.retrieval.manifest import Stamp
from reasonrank.settings import Settings


@dataclass(frozen=True)
class IndexKind:
    """One kind of index of one corpus.

    Args:
        corpus: The corpus.
        stamp: What the index depends on.
        parent: Where it lies.
        build: Fills a folder.
        open: Opens a folder that ``build`` filled.
    """

    corpus: Corpus
    stamp: Stamp
    parent: Path
    build: Callable[[Path, Progress], None]
    open: Callable[[Path], Retriever]


def bm25_kind(corpus: Corpus, settings: Settings) -> IndexKind:
    """The Lucene index. k1, b and the weighting of queries are applied while searching: one index serves them all."""
    stamp = _stamp("bm25", corpus, {"analyzer": "DefaultEnglishAnalyzer", "pyserini": _version_of("pyserini")})
    return IndexKind(
        corpus,
        stamp,
        _parent(corpus, settings, stamp),
        lambda folder, progress: build_bm25_index(corpus, folder, progress),
        lambda folder: BM25Retriever(
            folder, corpus, k1=settings.bm25_k1, b=settings.bm25_b, long_queries=settings.long_queries
        ),
    )


def dense_kind(
    corpus: Corpus, settings: Settings, identity: EncoderIdentity, encoder: Callable[[], Encoder]
) -> IndexKind:
    """The FAISS index; ``encoder`` is called when the index is built or opened, not before."""
    stamp = _stamp("dense", corpus, {"encoder": identity.name, "encoder_fingerprint": identity.fingerprint})
    return IndexKind(
        corpus,
        stamp,
        _parent(corpus, settings, stamp),
        lambda folder, progress: build_dense_index(corpus, encoder(), folder, progress),
        lambda folder: DenseRetriever(folder, corpus, encoder()),
    )


def _stamp(index: str, corpus: Corpus, parameters: dict[str, str]) -> Stamp:
    return Stamp(index, corpus.name, corpus.fingerprint, len(corpus), parameters, __version__)


@functools.lru_cache
def _version_of(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "none"


def _parent(corpus: Corpus, settings: Settings, stamp: Stamp) -> Path:
    """Where the indexes of one corpus and kind lie, whatever their version; two encoders do not share a place."""
    place = [corpus.origin or corpus.name, stamp.parameters.get("encoder", "")]
    short = hashlib.sha256("\n".join(place).encode()).hexdigest()[:10]
    readable = re.sub(r"[^a-z0-9]+", "-", corpus.name.lower()).strip("-")[:40] or "corpus"
    return settings.cache / "indexes" / f"{readable}-{stamp.index}-{short}"
