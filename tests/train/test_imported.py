"""Ready records: mojibake mended, quotations checked, and what becomes of comparatives that name passages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import write_lines

from train.imported import imported_record, named_passages
from train.records import ComparisonText, Reason, read_records
from train.teacher import main

TEXTS = {"a": "It\u00e2\u20ac\u2122s a cat. It sleeps.", "b": "Dogs bark. They run.", "c": "Rain falls."}


def line(comparative: str, doc_id: str = "b", evidence: str = "They run.") -> dict[str, Any]:
    return {
        "query_id": "q",
        "query": "cats",
        "documents": [{"doc_id": name, "text": text} for name, text in TEXTS.items()],
        "ranking": ["a", "b", "c"],
        "reasons": {doc_id: {"direct": "It is on dogs.", "comparative": comparative, "evidence": evidence}},
        "teacher": "GPT-4",
    }


def test_mojibake_is_mended_and_found_in_both() -> None:
    judged = imported_record(line("Best of all.", "a", "It\u00e2\u20ac\u2122s a  cat."))
    assert judged.record is not None
    assert judged.record.documents[0].text == "It\u2019s a cat. It sleeps."
    assert judged.record.reasons == {"a": Reason("It is on dogs.", "Best of all.", "It\u2019s a cat.")}
    assert (judged.record.source, judged.record.teacher, judged.rejects) == ("imported", "GPT-4", ())


def test_evidence_that_does_not_stand_there_goes() -> None:
    judged = imported_record(line("", evidence="They sleep."))
    assert judged.record is not None
    assert judged.record.reasons["b"] == Reason("It is on dogs.")
    assert [(one.part, one.text) for one in judged.rejects] == [("evidence of b", "They sleep.")]


COMPARED: list[tuple[str, str, tuple[str, str, str]]] = [
    # b is below a and above c
    ("b", "This passage says less than passage 1.", ("a", "b", "{other} says less than {preferred}.")),
    ("b", "It is ranked lower than Passage [1] here.", ("a", "b", "{other} is ranked lower than {preferred} here.")),
    ("b", "While it is short, passage 3 has less.", ("b", "c", "While {preferred} is short, {other} has less.")),
    ("b", "Passage 2 is better than [3].", ("b", "c", "{preferred} is better than {other}.")),
    ("c", "It runs {on}, unlike passage 2.", ("b", "c", "{other} runs (on), unlike {preferred}.")),
]


@pytest.mark.parametrize(("doc_id", "text", "expected"), COMPARED)
def test_one_other_passage_makes_a_comparison(doc_id: str, text: str, expected: tuple[str, str, str]) -> None:
    judged = imported_record(line(text, doc_id, ""))
    assert judged.record is not None
    assert judged.record.comparisons == (ComparisonText(*expected),)
    assert judged.record.reasons[doc_id].comparative == ""
    assert judged.rejects == ()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("It says more than passages 1 and 3.", "names 2 other passages"),
        ("Passage 2 is on dogs.", "names itself alone"),
        ("This passage beats passage 9.", "names itself alone by number, or a passage that is not there"),
        ("Like passage 1, only shorter.", "cannot be told which of the two"),
    ],
)
def test_other_comparatives_are_rejected(text: str, why: str) -> None:
    judged = imported_record(line(text))
    assert judged.record is not None
    assert judged.record.comparisons == ()
    assert [one.part for one in judged.rejects] == ["comparative of b"]
    assert why in judged.rejects[0].why


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("It gives 16 hours after 70 1/2 years on a 1999 Honda.", set()),
        ("than passages 3, 2, and 1", {1, 2, 3}),
        ("than passages [2], [3], and [4], which", {2, 3, 4}),
        ("passage 1 or passage 4", {1, 4}),
        ("the passage 30% longer", set()),
        ("ranked lower than 2 and 4 because it repeats", {2, 4}),
        ("", set()),
    ],
)
def test_numbers_of_passages(text: str, numbers: set[int]) -> None:
    assert named_passages(text) == numbers


def test_a_file_is_imported_whole_or_named_by_its_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_lines(tmp_path / "t.jsonl.gz", [line("Best."), line("It beats passages 1 and 3.")])
    assert main(["--import", str(path), "--out", str(tmp_path / "r.jsonl")]) == 0
    assert len(read_records(tmp_path / "r.jsonl")) == 2
    (reject,) = (json.loads(text) for text in (tmp_path / "r.rejects.jsonl").read_text().splitlines())
    assert reject["why"] == "names 2 other passages"
    write_lines(path, [line("Best."), {"query_id": "q"}])
    assert main(["--import", str(path), "--out", str(tmp_path / "r.jsonl")]) == 2
    assert "t.jsonl.gz, line 2" in capsys.readouterr().err
