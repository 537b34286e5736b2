"""The sample collection's files beyond what the app searches: judgements, gold reasons and training lists."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reasonrank.assets import assets_path
from reasonrank.corpora.base import Corpus
from reasonrank.corpora.collection import load_collection
from reasonrank.errors import InputError
from reasonrank.formats import Qrels, open_text, read_qrels
from train.records import TeacherRecord, parse_record

NOT_OF_A_RECORD = ("split",)
"""Keys of gold.jsonl that a teacher record does not have; so a training reader refuses the file."""


@dataclass(frozen=True)
class Passage:
    """What the collection says of a passage beside its text."""

    field: str
    source: str


@dataclass(frozen=True)
class Settlement:
    """A grade on which author and blind judge differed, and what was decided.

    ``author`` is None where the author did not grade the passage, ``blind`` where it was outside the judge's pool and
    was found while settling.
    """

    query_id: str
    doc_id: str
    author: int | None
    blind: int | None
    final: int
    why: str


@dataclass(frozen=True)
class Collection:
    """Everything in ``assets/collection``.

    Args:
        corpus: Passages, test questions and final grades, as the app loads them.
        passages: Field and source by doc_id.
        fields: Field by query_id.
        author: Grades as the author meant them.
        blind: Grades from the text alone.
        settled: Where the two differed.
        gold: Test records with reasons, each marked ``"split": "test"``.
        train: Training records.
    """

    corpus: Corpus
    passages: dict[str, Passage]
    fields: dict[str, str]
    author: Qrels
    blind: Qrels
    settled: list[Settlement]
    gold: list[TeacherRecord]
    train: list[TeacherRecord]


def read_collection(folder: Path | None = None) -> Collection:
    """Read and validate every file.

    Raises:
        InputError: A file is missing or a line is not as expected.
    """
    folder = folder or assets_path() / "collection"
    gold = _objects(folder / "gold.jsonl")
    wrong = [line["query_id"] for line in gold if line.get("split") != "test"]
    if wrong:
        raise InputError(f"gold.jsonl: {wrong[0]} is not marked test; gold reasons are never trained on.")
    return Collection(
        corpus=load_collection(folder),
        passages={p["doc_id"]: Passage(p["field"], p["source"]) for p in _objects(folder / "corpus.jsonl")},
        fields={q["query_id"]: q["field"] for q in _objects(folder / "queries.jsonl")},
        author=read_qrels(folder / "judgements" / "author.qrels"),
        blind=read_qrels(folder / "judgements" / "blind.qrels"),
        settled=[Settlement(**line) for line in _objects(folder / "judgements" / "settled.jsonl")],
        gold=[_record(line, "gold.jsonl") for line in gold],
        train=[_record(line, "train.jsonl") for line in _objects(folder / "train.jsonl")],
    )


def _objects(path: Path) -> list[dict[str, Any]]:
    with open_text(path) as file:
        return [json.loads(line) for line in file if line.strip()]


def _record(line: dict[str, Any], name: str) -> TeacherRecord:
    try:
        return parse_record({key: value for key, value in line.items() if key not in NOT_OF_A_RECORD})
    except InputError as error:
        raise InputError(f"{name}, {line.get('query_id')}: {error}") from error
