"""Training files to frozen values: teacher records, and lists with a target distribution over documents.

Every line is checked in full before it is used; an error names the file, the line, what stood there and what
was expected. Both formats are UTF-8 JSON lines, gzip where the name ends in ``.gz``.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from reasonrank.data import GRADES, Document, Query
from reasonrank.errors import InputError

SOURCES = ("teacher", "annotator", "imported")
RECORD_KEYS = frozenset(
    {
        "comparisons",
        "documents",
        "labels",
        "prompt_version",
        "query",
        "query_id",
        "ranking",
        "reasons",
        "rejected",
        "source",
        "teacher",
    }
)
TARGET_SLACK = 0.02
"""How far from 1 a stored target distribution may sum, for rounding; it is normalised when read."""

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Reason:
    """A teacher's words on one document: why it has its label, how it compares, and the deciding sentence."""

    direct: str = ""
    comparative: str = ""
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class ComparisonText:
    """Why one document is above another; the text names them ``{preferred}`` and ``{other}``."""

    preferred_id: str
    other_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TeacherRecord:
    """One query with its documents and whatever a teacher or an annotator said of them.

    Args:
        query: The query.
        documents: Its documents, in the file's order.
        ranking: Document ids, best first; may leave documents out.
        labels: Grade by document id.
        reasons: Reason by document id.
        comparisons: Texts for pairs.
        rejected: Texts that a judge turned down, by document id.
        source: One of :data:`SOURCES`.
        teacher: Name of the judge.
        prompt_version: Version of the templates that the texts were written for, if the file says it.
    """

    query: Query
    documents: tuple[Document, ...]
    ranking: tuple[str, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, Reason] = field(default_factory=dict)
    comparisons: tuple[ComparisonText, ...] = ()
    rejected: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    source: str = "teacher"
    teacher: str = ""
    prompt_version: str | None = None


@dataclass(frozen=True, slots=True)
class SoftList:
    """A query with documents and a distribution over them that sums to 1, for example from encoders."""

    query: Query
    documents: tuple[Document, ...]
    target: Mapping[str, float]


def read_records(path: str | Path) -> list[TeacherRecord]:
    """All teacher records of a file.

    Raises:
        InputError: The file cannot be read, or a line is not a teacher record.
    """
    return _read(path, parse_record)


def read_soft_lists(path: str | Path) -> list[SoftList]:
    """All lists of a soft lists file (``candidates`` and ``target``).

    Raises:
        InputError: The file cannot be read, or a line is not such a list.
    """
    return _read(path, parse_soft_list)


def parse_record(line: Mapping[str, Any]) -> TeacherRecord:
    """A teacher record from its JSON object; raises :class:`InputError` without the file's name."""
    unknown = sorted(set(line) - RECORD_KEYS)
    if unknown:
        raise InputError(f"unknown keys {unknown}; a teacher record has {sorted(RECORD_KEYS)}")
    documents = _documents(line, "documents")
    ids = {document.doc_id for document in documents}
    source = _string(line.get("source", "teacher"), "source")
    if source not in SOURCES:
        raise InputError(f"source is {source!r}, expected one of {list(SOURCES)}")
    record = TeacherRecord(
        query=_query(line),
        documents=documents,
        ranking=_ranking(line.get("ranking", []), ids),
        labels={key: _label(value, key) for key, value in _by_id(line, "labels", ids).items()},
        reasons={key: _reason(value, key) for key, value in _by_id(line, "reasons", ids).items()},
        comparisons=tuple(_comparison(value, ids) for value in _array(line.get("comparisons", []), "comparisons")),
        rejected={
            key: tuple(_string(text, "a rejected text") for text in _array(value, f"rejected of {key}"))
            for key, value in _by_id(line, "rejected", ids).items()
        },
        source=source,
        teacher=_string(line.get("teacher", ""), "teacher", empty=True),
        prompt_version=None if line.get("prompt_version") is None else str(line["prompt_version"]),
    )
    if not (record.ranking or record.labels or record.reasons or record.comparisons):
        raise InputError("the record judges nothing; expected at least one of ranking, labels, reasons, comparisons")
    return record


def parse_soft_list(line: Mapping[str, Any]) -> SoftList:
    """A soft list from its JSON object; raises :class:`InputError` without the file's name."""
    documents = _documents(line, "candidates")
    ids = {document.doc_id for document in documents}
    target = _by_id(line, "target", ids)
    if set(target) != ids:
        raise InputError(f"target has no value for {sorted(ids - set(target))}; every candidate needs one")
    for doc_id, share in target.items():
        if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
            raise InputError(f"target of {doc_id} is {share!r}, expected a number from 0 to 1")
    total = math.fsum(target.values())
    if abs(total - 1) > TARGET_SLACK:
        raise InputError(f"target sums to {total:.3f}, expected 1")
    return SoftList(_query(line), documents, {doc_id: share / total for doc_id, share in target.items()})


def _read(path: str | Path, parse: Callable[[Mapping[str, Any]], Value]) -> list[Value]:
    values = []
    for number, line in _lines(path):
        try:
            parsed = json.loads(line)
            if not isinstance(parsed, dict):
                raise InputError(f"the line is a JSON {type(parsed).__name__}, expected an object")
            values.append(parse(parsed))
        except (json.JSONDecodeError, RecursionError) as error:
            raise InputError(f"{path}, line {number}: not valid JSON ({error}). Mend or remove the line.") from error
        except InputError as error:
            raise InputError(f"{path}, line {number}: {error}. Mend or remove the line.") from error
    if not values:
        raise InputError(f"{path} holds no lines; expected at least one JSON object.")
    return values


def _lines(path: str | Path) -> Iterator[tuple[int, str]]:
    opener = gzip.open if str(path).endswith(".gz") else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield number, line
    except (OSError, EOFError) as error:
        raise InputError(f"{path} cannot be read: {error}. Give a .jsonl or .jsonl.gz file.") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}, after line {number}: not UTF-8. Save the file as UTF-8.") from error


def _query(line: Mapping[str, Any]) -> Query:
    return Query(_string(line.get("query_id"), "query_id"), _string(line.get("query"), "query"))


def _documents(line: Mapping[str, Any], key: str) -> tuple[Document, ...]:
    documents = []
    for number, value in enumerate(_array(line.get(key), key), 1):
        if not isinstance(value, dict):
            raise InputError(f"{key} number {number} is {value!r}, expected an object with doc_id and text")
        doc_id = _string(value.get("doc_id"), f"doc_id of {key} number {number}")
        title = _string(value.get("title") or "", f"title of {doc_id}", empty=True)
        documents.append(Document(doc_id, _string(value.get("text"), f"text of {doc_id}"), title))
    if not documents:
        raise InputError(f"{key} is empty, expected at least one document")
    if len({document.doc_id for document in documents}) < len(documents):
        raise InputError(f"{key} repeats a doc_id; each document stands once")
    return tuple(documents)


def _ranking(value: Any, ids: set[str]) -> tuple[str, ...]:
    ranking = tuple(_known(doc_id, ids, "ranking") for doc_id in _array(value, "ranking"))
    if len(set(ranking)) < len(ranking):
        raise InputError("ranking repeats a doc_id; each document stands once")
    return ranking


def _label(value: Any, doc_id: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value not in GRADES:
        raise InputError(f"label of {doc_id} is {value!r}, expected one of {list(GRADES)}")
    return value


def _reason(value: Any, doc_id: str) -> Reason:
    keys = ("direct", "comparative", "evidence")
    if not isinstance(value, dict) or not set(value) <= set(keys):
        raise InputError(f"reason of {doc_id} is {value!r}, expected an object with {list(keys)}")
    return Reason(**{key: _string(text or "", f"{key} of {doc_id}", empty=True) for key, text in value.items()})


def _comparison(value: Any, ids: set[str]) -> ComparisonText:
    if not isinstance(value, dict) or set(value) != {"preferred_id", "other_id", "text"}:
        raise InputError(f"comparison {value!r} is not an object with preferred_id, other_id and text")
    preferred, other = (_known(value[key], ids, key) for key in ("preferred_id", "other_id"))
    if preferred == other:
        raise InputError(f"a comparison sets {preferred} against itself")
    return ComparisonText(preferred, other, _string(value["text"], "text of a comparison"))


def _by_id(line: Mapping[str, Any], key: str, ids: set[str]) -> Mapping[str, Any]:
    value = line.get(key, {})
    if not isinstance(value, dict):
        raise InputError(f"{key} is {value!r}, expected an object by doc_id")
    return {_known(doc_id, ids, key): entry for doc_id, entry in value.items()}


def _known(doc_id: Any, ids: set[str], where: str) -> str:
    if doc_id not in ids:
        raise InputError(f"{where} names {doc_id!r}, which is not a document of the record")
    return str(doc_id)


def _array(value: Any, what: str) -> list[Any]:
    if not isinstance(value, list):
        raise InputError(f"{what} is {value!r}, expected an array")
    return value


def _string(value: Any, what: str, *, empty: bool = False) -> str:
    if not isinstance(value, str) or not (empty or value.strip()):
        raise InputError(f"{what} is {value!r}, expected {'a' if empty else 'a non-empty'} string")
    return value
