"""Candidate files, judgements and runs: what is read is checked, what is written keeps our order."""

import gzip
import itertools
import json
import struct
from pathlib import Path

import pytest

from reasonrank.data import Candidate, Document, Query, Ranking, ScoredDocument
from reasonrank.errors import InputError
from reasonrank.formats import read_candidates, read_qrels, replacing, run_lines, write_run

LINE = {"query_id": "q", "query": "why", "candidates": [{"doc_id": "a", "text": "x", "score": 2}]}


def ranking(*scores: float, query_id: str = "q", doc_id: str = "d") -> Ranking:
    documents = tuple(
        ScoredDocument(Candidate(Document(f"{doc_id}{n}", "x"), n, 0.0, "given"), n, score)
        for n, score in enumerate(scores, start=1)
    )
    return Ranking(Query(query_id, "why"), "c", "given", "s", "e", "expected_grade", documents)


def test_candidates_keep_order_and_scores(tmp_path: Path) -> None:
    path = tmp_path / "lists.jsonl.gz"
    second = {"query_id": "r", "query": "how", "candidates": [{"doc_id": "b", "text": "y", "title": "T"}]}
    with gzip.open(path, "wt", encoding="utf-8") as file:
        file.write(json.dumps(LINE) + "\n\n" + json.dumps(second) + "\n")
    (first, ours), (other, theirs) = read_candidates(path)
    assert (first, ours[0].document, ours[0].score) == (Query("q", "why"), Document("a", "x"), 2.0)
    assert (other.query_id, theirs[0].document.title, theirs[0].score) == ("r", "T", -1.0)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "line 1: not JSON"),
        ("[]", "expected an object"),
        (json.dumps({**LINE, "query": " "}), "expected text under 'query'"),
        (json.dumps({**LINE, "query_id": 7}), "expected text under 'query_id', got 7"),
        (json.dumps({**LINE, "candidates": {}}), "expected a list under 'candidates'"),
        (json.dumps({**LINE, "candidates": ["a"]}), "candidate 1: expected an object"),
        (json.dumps({**LINE, "candidates": [{"doc_id": "a"}]}), "expected text under 'text', got null"),
        (json.dumps({**LINE, "candidates": [{"doc_id": "a", "text": "x", "score": "9"}]}), "finite number"),
        (json.dumps({**LINE, "candidates": [{"doc_id": "a", "text": "x", "score": True}]}), "finite number"),
        (json.dumps({**LINE, "candidates": [{"doc_id": "a", "text": "x", "score": float("nan")}]}), "finite number"),
        (json.dumps({**LINE, "candidates": LINE["candidates"] * 2}), "'a' stands twice"),
        (json.dumps(LINE) + "\n" + json.dumps(LINE), "line 2: query_id 'q' came before"),
    ],
)
def test_bad_candidates_have_a_sentence_with_the_line(tmp_path: Path, line: str, words: str) -> None:
    path = tmp_path / "lists.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(InputError, match=words):
        list(read_candidates(path))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("lists.jsonl", b"\xff\xfe", "not UTF-8"),
        ("lists.jsonl.gz", b"no gzip", "could not be read"),
        ("lists.jsonl.gz", gzip.compress(b"{}" * 99)[:-9], "could not be read"),  # cut in the middle
        (None, b"", "could not be read"),  # no such file
    ],
)
def test_unreadable_files_have_a_sentence(tmp_path: Path, name: str | None, content: bytes, words: str) -> None:
    path = tmp_path / (name or "missing.jsonl")
    if name:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words):
        list(read_candidates(path))


def test_qrels(tmp_path: Path) -> None:
    path = tmp_path / "qrels"
    path.write_text("q 0 a 2\nq\t0\tb\t0\n\nr 0 a 1\n", encoding="utf-8")
    assert read_qrels(path) == {"q": {"a": 2, "b": 0}, "r": {"a": 1}}
    path.write_text("q 0 a 2\nq 0 b\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 2"):
        read_qrels(path)


@pytest.mark.parametrize(
    "scores",
    [(2.0, 2.0, 2.0, 1.9999999), (1e6, 1e6, 1e6), (0.0, 0.0, -1.0), (-5.0, -5.0), (1e-9, 1e-9, 0.0)],
)
def test_run_scores_strictly_decrease_in_single_precision(scores: tuple[float, ...]) -> None:
    written = [float(line.split()[4]) for line in run_lines(ranking(*scores))]
    single = [struct.unpack("f", struct.pack("f", value))[0] for value in written]
    assert all(a > b for a, b in itertools.pairwise(single))
    assert written == pytest.approx(scores, rel=1e-5, abs=1e-4)


def test_run_lines_are_trec(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    write_run(path, [ranking(1.5, 0.5)])
    assert path.read_text() == "q Q0 d1 1 1.5 reasonrank\nq Q0 d2 2 0.5 reasonrank\n"


def test_ids_that_a_run_cannot_hold_are_refused() -> None:
    for bad in (ranking(1.0, query_id="a b"), ranking(1.0, doc_id="x\ty"), ranking(1.0, query_id="")):
        with pytest.raises(InputError, match="white space"):
            list(run_lines(bad))


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "run.trec"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write("half")
        raise RuntimeError
    assert [p.name for p in tmp_path.iterdir()] == ["run.trec"]
    assert path.read_text() == "old"
