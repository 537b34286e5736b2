"""Named public collections (BRIGHT, BEIR, MS MARCO and others), downloaded by ir_datasets at first use."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from typing import Any

from reasonrank.corpora.base import Corpus
from reasonrank.data import Document
from reasonrank.errors import InputError, MissingDependencyError

SUGGESTED = {
    "bright/biology": "BRIGHT, biology: questions that need reasoning",
    "bright/economics": "BRIGHT, economics",
    "bright/psychology": "BRIGHT, psychology",
    "bright/stackoverflow": "BRIGHT, Stack Overflow",
    "beir/scifact": "BEIR, SciFact: scientific claims",
    "beir/nfcorpus": "BEIR, NFCorpus: medicine",
    "msmarco-passage": "MS MARCO passages (8.8 million)",
}
"""A few of the names that ir_datasets knows; any other of its names works too."""


def is_installed() -> bool:
    return importlib.util.find_spec("ir_datasets") is not None


def load_public(name: str) -> Corpus:
    """The passages of a collection that ir_datasets knows under ``name``.

    Raises:
        MissingDependencyError: ir_datasets is not installed.
        InputError: There is no such collection, or it could not be downloaded.
    """
    if not is_installed():
        raise MissingDependencyError("ir_datasets", "pip install 'reasonrank[datasets]'")
    import ir_datasets

    try:
        dataset = ir_datasets.load(name)
    except KeyError:
        raise InputError(
            f"There is no corpus {name!r}; expected collection, python-docs, a name that ir_datasets knows "
            "(https://ir-datasets.com), or a .jsonl, .csv, .tsv or .txt file."
        ) from None
    if not dataset.has_docs():
        raise InputError(f"{name} has no passages of its own; choose the collection below it, such as {name}/...")
    try:
        return Corpus.of(name, SUGGESTED.get(name, name), _documents(dataset))
    except ImportError as error:
        raise MissingDependencyError(f"{error.name}, which reads {name},", f"pip install {error.name}") from error
    except (OSError, RuntimeError) as error:
        # Downloads fail as one of requests' errors, which are OSErrors; broken ones as RuntimeError.
        raise InputError(
            f"{name} could not be downloaded ({_in_short(error)}); check this machine's internet connection, "
            "or name a corpus that is on this machine."
        ) from error


def _documents(dataset: Any) -> Iterator[Document]:
    for record in dataset.docs_iter():
        title = str(getattr(record, "title", "") or "").strip()
        text = str(getattr(record, "text", None) or record.default_text()).strip()
        if text or title:
            yield Document(str(record.doc_id), text or title, title if text else "")


def _in_short(error: Exception) -> str:
    host = re.search(r"host='([^']+)'", str(error))
    if host:
        return f"no connection to {host.group(1)}"
    text = " ".join(str(error).split())
    return (text if len(text) <= 120 else text[:117] + "...") or type(error).__name__
