"""The Python documentation that every machine has: docstrings of the running interpreter's standard library.

They are collected once, by :mod:`reasonrank.corpora.docstrings` in a process of its own, and kept on disk by
interpreter version.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from reasonrank.corpora.base import Corpus
from reasonrank.corpora.files import load_file
from reasonrank.corpora.passages import numbered, split_passages
from reasonrank.data import Document, Query
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.formats import replacing

NAME = "python-docs"
MIN_WORDS = 5
"""Shorter docstrings say no more than the name."""
TIMEOUT_S = 120
"""A module that has not been read in this time is left out."""
MAX_HANGING = 3
FORMAT = "1"
SCRIPT = Path(__file__).with_name("docstrings.py")

QUERIES = (
    "keep only the last 100 lines that a program printed",
    "remember a function's results so that it is not called twice with the same arguments",
    "wait for several coroutines but give up after five seconds",
    "compare two lists of strings and show what changed",
    "run a shell command and read what it prints",
    "round money without binary floating point errors",
)


def title() -> str:
    return f"Python {platform.python_version()} standard library, from its docstrings"


def load_python_docs(cache: Path) -> Corpus:
    """The docstrings as passages, from ``cache`` or collected now (seconds).

    Raises:
        ReasonRankError: The interpreter could not be run once more, or the cache cannot be written.
    """
    path = cache / "corpora" / f"{NAME}-{_version()}.jsonl"
    documents = _kept(path)
    if documents is None:
        documents = tuple(passages(collect()))
        _keep(path, documents)
    queries = [Query(f"{NAME}-q{number}", text) for number, text in enumerate(QUERIES, start=1)]
    return Corpus.of(NAME, title(), documents, queries=queries)


def passages(entries: Iterable[dict[str, Any]]) -> Iterator[Document]:
    """Documents of docstrings: trivial ones are dropped, inherited and twice-named ones kept once, long ones split.

    Args:
        entries: ``{"name", "signature", "text"}`` each, in the order in which names are preferred.
    """
    names: set[str] = set()
    texts: set[tuple[str, str]] = set()
    for entry in entries:
        name, text = entry["name"], entry["text"]
        same = (name.rpartition(".")[2], text)
        if len(text.split()) < MIN_WORDS or name in names or same in texts:
            continue
        names.add(name)
        texts.add(same)
        for doc_id, passage in numbered(name, split_passages(text)):
            yield Document(doc_id, passage, name + entry["signature"])


def collect(script: Path = SCRIPT) -> list[dict[str, Any]]:
    """What ``script`` writes; a module at which it hangs or crashes is left out in the next try.

    Raises:
        ReasonRankError: It could not be run, or fails at too many modules.
    """
    left_out: list[str] = []
    with tempfile.TemporaryDirectory(prefix="reasonrank-") as folder:
        out = Path(folder) / "docstrings.jsonl"
        while True:
            _run_once(script, out, left_out)
            lines = [json.loads(line) for line in _whole_lines(out)]
            if lines and "end" in lines[-1]:
                return [line for line in lines if "name" in line]
            begun = [line["begin"] for line in lines if "begin" in line]
            if not begun or len(left_out) == MAX_HANGING:
                raise ReasonRankError(
                    f"The docstrings of Python could not be collected: {sys.executable!r} stopped at "
                    f"{begun[-1] if begun else 'its start'}. Choose another corpus."
                )
            left_out.append(begun[-1])


def _run_once(script: Path, out: Path, left_out: list[str]) -> None:
    """Collect into ``out``; a hang or a crash shows by the missing end."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    environment.pop("DISPLAY", None)
    # Sets are spelled in the order of their hashes, so those are fixed: the corpus is the same each time.
    environment["PYTHONHASHSEED"] = "0"
    flags = ["-S", "-P", "-W", "ignore", "-X", "utf8"]
    try:
        subprocess.run(
            [sys.executable, *flags, str(script), str(out), *left_out],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return
    except OSError as error:
        raise ReasonRankError(f"{sys.executable!r} could not be run: {error.strerror}.") from error


def _whole_lines(out: Path) -> list[str]:
    text = out.read_text(encoding="utf-8") if out.is_file() else ""
    return [line for line in text.splitlines(keepends=True) if line.endswith("}\n")]


def _version() -> str:
    """What the docstrings depend on, short enough for a file's name."""
    depends = f"{FORMAT} {sys.version} {sys.platform}".encode() + SCRIPT.read_bytes()
    return f"{platform.python_version()}-{hashlib.sha256(depends).hexdigest()[:12]}"


def _kept(path: Path) -> tuple[Document, ...] | None:
    if not path.is_file():
        return None
    try:
        return load_file(path).documents
    except InputError:
        return None


def _keep(path: Path, documents: Iterable[Document]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReasonRankError(f"{path.parent} cannot be made: {error.strerror}. Set REASONRANK_CACHE.") from error
    with replacing(path) as file:
        for document in documents:
            record = {"doc_id": document.doc_id, "title": document.title, "text": document.text}
            file.write(json.dumps(record) + "\n")
