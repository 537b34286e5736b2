"""Training files: whole values in, one sentence with the line's number out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from conftest import record_line, soft_line, write_lines

from reasonrank.data import Document, Query
from reasonrank.errors import InputError
from train.records import ComparisonText, Reason, TeacherRecord, read_records, read_soft_lists


def test_a_record_is_read_whole(tmp_path: Path) -> None:
    line = {
        "query_id": "q",
        "query": "Why?",
        "documents": [{"doc_id": "a", "text": "A.", "title": "T"}, {"doc_id": "b", "text": "B.", "title": None}],
        "prompt_version": "1",
        "source": "annotator",
        "teacher": "somebody",
        "ranking": ["b"],
        "labels": {"a": 0, "b": 2},
        "reasons": {"a": {"direct": "d", "comparative": "c", "evidence": "A."}},
        "comparisons": [{"preferred_id": "b", "other_id": "a", "text": "{preferred} says."}],
        "rejected": {"a": ["no"]},
    }
    for name in ("r.jsonl", "r.jsonl.gz"):
        records = read_records(write_lines(tmp_path / name, [line, "", line]))
        assert (
            records
            == [
                TeacherRecord(
                    query=Query("q", "Why?"),
                    documents=(Document("a", "A.", "T"), Document("b", "B.")),
                    ranking=("b",),
                    labels={"a": 0, "b": 2},
                    reasons={"a": Reason("d", "c", "A.")},
                    comparisons=(ComparisonText("b", "a", "{preferred} says."),),
                    rejected={"a": ("no",)},
                    source="annotator",
                    teacher="somebody",
                    prompt_version="1",
                )
            ]
            * 2
        )


BAD_RECORDS: list[tuple[Any, str]] = [
    ("{", "not valid JSON"),
    ("[1]", "expected an object"),
    (record_line(1, labels={"1-1": 3}), "label of 1-1 is 3"),
    (record_line(1, labels={"1-1": True}), "label of 1-1 is True"),  # true is not grade 1
    (record_line(1, labels={"1-1": 1.0}), "label of 1-1 is 1.0"),
    (record_line(1, labels={"9-9": 1}), "labels names '9-9'"),
    (record_line(1, labels=[1]), "expected an object by doc_id"),
    (record_line(1, ranking=["1-1", "1-1"]), "ranking repeats"),
    (record_line(1, ranking=["1-4"]), "ranking names '1-4'"),
    (record_line(1, ranking="1-1"), "expected an array"),
    (record_line(1, query=""), "query is ''"),
    (record_line(1, query=None), "query is None"),
    (record_line(1, documents=[]), "documents is empty"),
    (record_line(1, documents=["text"]), "documents number 1 is 'text'"),
    (record_line(1, documents=[{"doc_id": "a", "text": "A"}] * 2), "repeats a doc_id"),
    (record_line(1, documents=[{"doc_id": 7, "text": "A"}]), "doc_id of documents number 1 is 7"),
    (record_line(1, source="guess"), "source is 'guess'"),
    (record_line(1, lables={}), "unknown keys ['lables']"),  # a typing error must not train nothing
    (record_line(1, reasons={"1-1": {"direkt": "x"}}), "reason of 1-1"),
    (record_line(1, comparisons=[{"preferred_id": "1-1"}]), "comparison"),
    (record_line(1, comparisons=[{"preferred_id": "1-1", "other_id": "1-1", "text": "x"}]), "against itself"),
    ({"query_id": "q", "query": "q", "documents": [{"doc_id": "a", "text": "A"}]}, "judges nothing"),
]


@pytest.mark.parametrize(("line", "words"), BAD_RECORDS)
def test_a_bad_record_is_named_with_its_line(tmp_path: Path, line: Any, words: str) -> None:
    path = write_lines(tmp_path / "r.jsonl", [record_line(1), line])
    with pytest.raises(InputError) as caught:
        read_records(path)
    assert "r.jsonl, line 2: " in str(caught.value)
    assert words in str(caught.value)


def test_unreadable_files_are_sentences(tmp_path: Path) -> None:
    (tmp_path / "plain.jsonl.gz").write_text("not gzip")
    (tmp_path / "latin.jsonl").write_bytes(b'{"query": "\xe9"}\n')
    write_lines(tmp_path / "empty.jsonl", [])
    for name, words in [
        ("none.jsonl", "cannot be read"),
        ("plain.jsonl.gz", "cannot be read"),
        ("latin.jsonl", "not UTF-8"),
        ("empty.jsonl", "holds no lines"),
    ]:
        with pytest.raises(InputError, match=words):
            read_records(tmp_path / name)


def test_a_soft_target_is_normalised(tmp_path: Path) -> None:
    line = soft_line(1) | {"target": {"1-1": 0.5, "1-2": 0.25, "1-3": 0.25, "2-2": 0.01}}
    (soft,) = read_soft_lists(write_lines(tmp_path / "s.jsonl", [line]))
    assert [document.doc_id for document in soft.documents] == ["1-1", "1-2", "1-3", "2-2"]
    assert sum(soft.target.values()) == pytest.approx(1)
    assert soft.target["1-1"] == pytest.approx(0.5 / 1.01)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ({"1-1": 1.0}, "no value for"),
        ({"1-1": 0.5, "1-2": 0.1, "1-3": 0.1, "2-2": 0.1}, "sums to 0.800"),
        ({"1-1": 1.2, "1-2": -0.2, "1-3": 0, "2-2": 0}, "target of 1-1 is 1.2"),
        ({"1-1": "1", "1-2": 0, "1-3": 0, "2-2": 0}, "target of 1-1 is '1'"),
        ({"1-1": float("nan"), "1-2": 0, "1-3": 0, "2-2": 0}, "target of 1-1 is nan"),
    ],
)
def test_a_bad_target_is_named(tmp_path: Path, target: dict[str, Any], words: str) -> None:
    path = write_lines(tmp_path / "s.jsonl", [soft_line(1) | {"target": target}])
    with pytest.raises(InputError, match="line 1") as caught:
        read_soft_lists(path)
    assert words in str(caught.value)
