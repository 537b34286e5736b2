"""Named corpora and files, by the one name that a user gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reasonrank.corpora import collection, public, python_docs
from reasonrank.corpora.base import Corpus
from reasonrank.corpora.files import load_file
from reasonrank.corpora.lines import LIMITS, UPLOAD_LIMITS, Limits
from reasonrank.errors import InputError
from reasonrank.settings import Settings

__all__ = [
    "LIMITS",
    "UPLOAD_LIMITS",
    "Corpus",
    "CorpusName",
    "Limits",
    "corpus_names",
    "load_corpus",
    "load_file",
    "load_named",
]


@dataclass(frozen=True, slots=True)
class CorpusName:
    """A corpus that can be asked for: the name to type, and what to call it before people."""

    name: str
    title: str


def corpus_names() -> list[CorpusName]:
    """The named corpora: those on every machine first, then public ones if ir_datasets is installed."""
    names = {collection.NAME: collection.TITLE, python_docs.NAME: python_docs.title()}
    if public.is_installed():
        names |= public.SUGGESTED
    return [CorpusName(name, title) for name, title in names.items()]


def load_corpus(name_or_path: str, settings: Settings | None = None, *, limits: Limits = LIMITS) -> Corpus:
    """A named corpus or a file.

    A name wins over a file; ``./collection`` is the file. Never pass a visitor's text here, since it would
    open any file: use :func:`load_named`.

    Raises:
        InputError: There is neither such a name nor such a file, or the file is not as expected.
        MissingDependencyError: A public collection was named and ir_datasets is missing.
    """
    if name_or_path in (collection.NAME, python_docs.NAME) or not _looks_like_file(name_or_path):
        return load_named(name_or_path, settings)
    return load_file(Path(name_or_path), limits)


def load_named(name: str, settings: Settings | None = None) -> Corpus:
    """A corpus by its name, never a file.

    Raises:
        InputError: There is no such corpus, or it could not be loaded.
        MissingDependencyError: A public collection was named and ir_datasets is missing.
    """
    if name == collection.NAME:
        return collection.load_collection()
    if name == python_docs.NAME:
        return python_docs.load_python_docs((settings or Settings()).cache)
    if name in public.SUGGESTED or (name.strip() and public.is_installed()):
        return public.load_public(name)
    known = ", ".join(entry.name for entry in corpus_names())
    raise InputError(f"There is no corpus {name!r}; expected {known}, or a .jsonl, .csv, .tsv or .txt file.")


def _looks_like_file(name: str) -> bool:
    path = Path(name)
    try:
        return name.strip() != "" and (path.exists() or path.suffix != "" or path.is_absolute())
    except (OSError, ValueError):
        # Longer than a path may be, or with a NUL in it.
        return False
