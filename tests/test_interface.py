"""The Python interface: what a user's few lines give back."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest

import reasonrank
from reasonrank.data import Candidate, Document, Query
from reasonrank.errors import EngineError, InputError, ReasonRankError
from reasonrank.interface import COLUMNS
from reasonrank.settings import Settings
from tests.scripted import ScriptedEngine
from tests.test_pipeline import CANDIDATES, ScriptedPipeline


def test_search_needs_no_student(tmp_path: Path) -> None:
    corpus = tmp_path / "notes.jsonl"
    corpus.write_text('{"id": "moths", "text": "Moths circle a lamp."}\n{"id": "bees", "text": "Bees hum."}\n')
    chosen = {"corpus": str(corpus), "retriever": "bm25", "student": "none", "cache": tmp_path / "cache"}
    ranking = reasonrank.search("lamp", query_id="q7", **chosen)
    assert [scored.doc_id for scored in ranking.documents] == ["moths"]
    reasonrank.write_run(tmp_path / "out.trec", [ranking])
    assert (tmp_path / "out.trec").read_text().split()[:4] == ["q7", "Q0", "moths", "1"]
    frame = reasonrank.to_dataframe(ranking)
    assert list(frame.columns) == list(COLUMNS)
    row = frame.iloc[0]
    assert (row["query_id"], row["doc_id"], row["order_by"], row["reason_status"]) == (
        "q7",
        "moths",
        "bm25",
        "not_requested",
    )
    assert row["score"] is None or math.isnan(row["score"])


def test_a_frame_has_scores_and_reasons() -> None:
    *_, step = ScriptedPipeline(Settings(explain=1)).rerank(Query("q", "why"), CANDIDATES)
    frame = reasonrank.to_dataframe([step.ranking, replace(step.ranking, query=Query("r", "how"))])
    assert list(frame["query_id"]) == ["q"] * 3 + ["r"] * 3
    assert list(frame["doc_id"])[:3] == ["z", "y", "x"]
    assert list(frame["score"])[:3] == pytest.approx([1.6, 1.0, 0.3])
    assert list(frame["label"])[:3] == [2, 1, 0]
    assert list(frame["reason_status"])[:3] == ["ok", "not_requested", "not_requested"]
    assert frame["reason"][0] == "Tells what was asked for."
    assert frame["evidence"][0] == "A good text."


def test_what_is_wrong_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="same doc_id"):
        reasonrank.rank("why", [Document("a", "x"), Document("a", "y")])
    with pytest.raises(InputError, match="no setting named colour"):
        reasonrank.search("why", colour="red")
    with pytest.raises(ReasonRankError, match=r"."):
        reasonrank.rank("why", ["x", "y"], student=str(tmp_path / "nowhere"))


def test_a_failed_student_is_no_ranking() -> None:
    def make() -> ScriptedEngine:
        raise EngineError("The model 'x' could not be loaded.")

    from reasonrank.interface import last_ranking

    steps = ScriptedPipeline(Settings(), make).rerank(
        Query("q", "why"), [Candidate(Document("a", "x"), 1, 1.0, "given")]
    )
    with pytest.raises(ReasonRankError, match="could not be loaded"):
        last_ranking(steps)
