"""The collection in assets holds what its datasheet says, and the check sees it when it does not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from reasonrank.assets import assets_path
from reasonrank.errors import InputError
from reasonrank.settings import Settings
from train.collection import Collection, read_collection
from train.collection_check import (
    Check,
    all_checks,
    check_agreement,
    check_questions,
    check_records,
    distinct,
    jaccard,
    most_shared,
    shingles,
)


@pytest.fixture(scope="module")
def collection() -> Collection:
    return read_collection()


def broken(checks: object) -> list[str]:
    return [check.name for check in checks if not check.holds]  # type: ignore[attr-defined]


def test_everything_holds(collection: Collection, tmp_path: Path) -> None:
    failed = [check.line() for check in all_checks(collection, Settings(cache=tmp_path)) if not check.holds]
    assert failed == []


def test_a_grade_for_a_missing_passage_is_seen(collection: Collection) -> None:
    qrels = {**collection.corpus.qrels, "biology-q1": {**collection.corpus.qrels["biology-q1"], "nowhere": 1}}
    changed = replace(collection, corpus=replace(collection.corpus, qrels=qrels))
    assert "graded passages that do not exist" in broken(check_questions(changed))


def test_a_grade_that_nobody_settled_is_seen(collection: Collection) -> None:
    settled = replace(collection, settled=collection.settled[1:])
    assert broken(check_agreement(settled))


def test_evidence_that_is_not_in_the_passage_is_seen(collection: Collection) -> None:
    record = collection.gold[0]
    doc_id = next(iter(record.reasons))
    reasons = {**record.reasons, doc_id: replace(record.reasons[doc_id], evidence="Not in the passage.")}
    found = check_records("gold", [replace(record, reasons=reasons), *collection.gold[1:]], texts=1, reasons=1)
    assert broken(found) == ["gold: evidence that does not stand in its passage"]


def test_gold_that_is_not_marked_test_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "collection"
    shutil.copytree(assets_path() / "collection", folder)
    lines = [json.loads(line) for line in (folder / "gold.jsonl").read_text(encoding="utf-8").splitlines()]
    lines[0]["split"] = "train"
    (folder / "gold.jsonl").write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    with pytest.raises(InputError, match="never trained on"):
        read_collection(folder)


def test_gold_is_refused_as_training_data() -> None:
    from train.records import read_records

    with pytest.raises(InputError, match="split"):
        read_records(assets_path() / "collection" / "gold.jsonl")


def test_the_training_file_is_read_as_training_data() -> None:
    from train.records import read_records

    assert len(read_records(assets_path() / "collection" / "train.jsonl")) >= 300


def test_small_parts() -> None:
    assert Check("x", 1, low=1, high=2).holds
    assert not Check("x", 0.9, low=1).holds
    assert Check("x", 3, high=2).line() == "FAIL x: 3 (at most 2)"
    assert len(shingles("a b c d e f")) == 2
    assert jaccard(frozenset("ab"), frozenset("bc")) == pytest.approx(1 / 3)
    assert most_shared(["a b c d e", "a b c d e", "x"]) == 1.0
    assert most_shared(["a b c d e"], ["v w x y z"]) == 0.0
    assert distinct(["a b a b"], 2) == pytest.approx(2 / 3)
