"""The stages on a scripted student: their order, their clock, and what stands when one of them fails."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest

from reasonrank import encoder
from reasonrank.data import Candidate, Comparison, Document, Query, Ranking
from reasonrank.errors import Cancelled, EngineError, InputError
from reasonrank.pipeline import Pipeline, Step, Writing
from reasonrank.retrieval.base import Progress
from reasonrank.serialize import ranking_to_json
from reasonrank.settings import Settings
from reasonrank.student import Student
from tests.scripted import ScriptedEngine, WordEncoder

TEXTS = {"x": "A poor text.", "y": "A fair text.", "z": "A good text."}
CANDIDATES = [
    Candidate(Document(doc_id, text), rank, 10.0 - rank, "bm25")
    for rank, (doc_id, text) in enumerate(TEXTS.items(), start=1)
]
WHY = Query("q", "why")


class ScriptedPipeline(Pipeline):
    """The real stages with a scripted model in place of a loaded one."""

    def __init__(self, settings: Settings, make: Callable[[], ScriptedEngine] = ScriptedEngine) -> None:
        super().__init__(replace(settings, order="student"))  # the fused order would load the real encoder
        self.make = make
        self.engine: ScriptedEngine | None = None

    def _student(self, settings: Settings, progress: Progress | None = None) -> Student:
        self.engine = self.engine or self.make()
        return Student(self.engine, settings, WordEncoder())


def steps(pipeline: Pipeline, candidates: Sequence[Candidate] = CANDIDATES) -> list[Step]:
    return list(pipeline.rerank(WHY, candidates))


def ids(ranking: Ranking) -> list[str]:
    return [scored.doc_id for scored in ranking.documents]


def test_stages_come_in_order_and_only_add() -> None:
    found = steps(ScriptedPipeline(Settings(explain=2)))
    stages = [step.stage for step in found]
    assert list(dict.fromkeys(stages)) == ["retrieve", "score", "explain", "compare", "done"]
    first, last = found[0].ranking, found[-1].ranking
    assert (ids(first), first.order_by) == (["x", "y", "z"], "bm25")
    assert (ids(last), last.order_by) == (["z", "y", "x"], "expected_grade")
    assert [scored.reason is not None for scored in last.documents] == [True, True, False]
    assert [(c.preferred_id, c.other_id) for c in last.comparisons] == [("z", "y")]
    assert set(last.timings_ms) == {"retrieve", "score", "explain", "compare", "total"}
    assert last.problems == {}


def test_texts_grow_as_they_are_written() -> None:
    writing = [step.writing for step in steps(ScriptedPipeline(Settings(explain=1))) if step.writing]
    assert all(isinstance(item, Writing) and item.doc_ids == ("z",) for item in writing)
    assert [len(item.text) for item in writing] == sorted(len(item.text) for item in writing)


def test_without_a_student_the_first_stage_stands() -> None:
    found = steps(ScriptedPipeline(Settings(student="none")))
    assert [step.stage for step in found] == ["retrieve", "done"]
    assert ids(found[-1].ranking) == ["x", "y", "z"]
    assert ranking_to_json(found[-1].ranking)["documents"][0]["score"] is None


def test_reason_first_keeps_the_first_order_until_all_are_judged() -> None:
    found = steps(ScriptedPipeline(Settings(mode="reason_then_score", explain=2)))
    orders = [(step.ranking.order_by, ids(step.ranking)) for step in found if step.stage == "score"]
    assert orders[0] == ("bm25", ["x", "y", "z"])
    assert orders[-1] == ("expected_grade", ["z", "y", "x"])
    last = found[-1].ranking
    assert [scored.reason.written for scored in last.documents if scored.reason] == ["before_score"] * 3


@pytest.mark.parametrize(
    ("fail_on", "failed", "order", "reasons"),
    [("choose", {"score"}, ["x", "y", "z"], 0), ("stream", {"explain", "compare"}, ["z", "y", "x"], 0)],
)
def test_a_failed_stage_leaves_the_earlier_result(
    fail_on: str, failed: set[str], order: list[str], reasons: int
) -> None:
    last = steps(ScriptedPipeline(Settings(explain=2), lambda: ScriptedEngine(fail_on=fail_on)))[-1].ranking
    assert set(last.problems) == failed
    assert all(sentence == f"The script fails to {fail_on}." for sentence in last.problems.values())
    assert ids(last) == order
    assert sum(scored.reason is not None for scored in last.documents) == reasons


def test_a_student_that_does_not_load_is_a_sentence() -> None:
    def make() -> ScriptedEngine:
        raise EngineError("The model 'x' could not be loaded.")

    last = steps(ScriptedPipeline(Settings(), make))[-1].ranking
    assert last.problems == {"score": "The model 'x' could not be loaded."}
    assert ids(last) == ["x", "y", "z"]


def test_a_fault_of_ours_does_not_show_its_words() -> None:
    def make() -> ScriptedEngine:
        raise RuntimeError("secret path")

    last = steps(ScriptedPipeline(Settings(), make))[-1].ranking
    assert "secret" not in last.problems["score"]


def test_no_candidates_is_an_empty_list() -> None:
    found = steps(ScriptedPipeline(Settings()), [])
    assert [step.stage for step in found] == ["retrieve", "done"]
    assert found[-1].ranking.documents == ()


def test_cancelling_stops_the_search() -> None:
    pipeline = ScriptedPipeline(Settings(explain=3))
    wanted = [True]
    search = pipeline.rerank(WHY, CANDIDATES, cancel=lambda: not wanted[0])
    for step in search:
        if step.writing:
            break
    wanted[0] = False
    with pytest.raises(Cancelled):
        list(search)
    assert pipeline.engine is not None
    assert pipeline.engine.closed_streams == 1


@pytest.mark.parametrize(("text", "words"), [("  ", "empty"), ("x" * 4001, "4,001 characters; at most 4,000")])
def test_bad_questions_are_refused(text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        list(ScriptedPipeline(Settings()).rerank(Query("q", text), CANDIDATES))


def test_any_two_documents_can_be_compared() -> None:
    pipeline = ScriptedPipeline(Settings(explain=0))
    ranking = steps(pipeline)[-1].ranking
    *texts, comparison = pipeline.compare(ranking, "x", "z")
    assert isinstance(comparison, Comparison)
    assert (comparison.preferred_id, comparison.agrees_with_order) == ("z", True)
    assert all(isinstance(text, Writing) for text in texts)
    for pair in (("x", "x"), ("x", "nowhere")):
        with pytest.raises(InputError, match="two different documents"):
            list(pipeline.compare(ranking, *pair))


def test_json_has_the_contracts_keys() -> None:
    value = ranking_to_json(steps(ScriptedPipeline(Settings(explain=2)))[-1].ranking)
    assert list(value) == [
        *("query_id", "query", "corpus", "retriever", "student", "engine", "order_by"),
        *("documents", "comparisons", "timings_ms"),
    ]
    document, comparison = value["documents"][0], value["comparisons"][0]
    assert set(document) == {
        *("doc_id", "title", "text", "cut", "rank", "order_score", "score", "label_probabilities"),
        *("label_mass", "retrieval", "reason"),
    }
    assert {"status", "text", "written", "evidence"} <= set(document["reason"])
    assert value["documents"][2]["reason"]["status"] == "not_requested"
    assert comparison["text"] == "[z] tells more than [y] does."
    assert set(comparison) == {
        *("preferred_id", "other_id", "text", "probability", "by_order", "flipped"),
        *("agrees_with_order", "status"),
    }


def test_the_fused_order_reads_the_encoders_similarity(monkeypatch: pytest.MonkeyPatch) -> None:
    class Near:
        def encode(self, texts: Sequence[str], as_query: bool = False) -> np.ndarray:
            return np.array([[1.0, 0.0] if as_query or "poor" in text else [0.0, 1.0] for text in texts])

    monkeypatch.setattr(encoder, "load_encoder", lambda settings: Near())
    pipeline = ScriptedPipeline(Settings(explain=0))
    fused = replace(pipeline.settings, order="fused")
    last = list(pipeline.rerank(WHY, CANDIDATES, fused))[-1].ranking
    assert last.order_by == "fused"
    assert {s.doc_id: s.candidate.similarity for s in last.documents} == {"x": 1.0, "y": 0.0, "z": 0.0}
    assert ids(last).index("x") < ids(last).index("y")  # by the student alone it is the other way round
    assert all("similarity" in d["retrieval"] for d in ranking_to_json(last)["documents"])
    alone = list(pipeline.rerank(WHY, CANDIDATES))[-1].ranking
    assert all(s.candidate.similarity is None for s in alone.documents)
    without = list(pipeline.rerank(WHY, CANDIDATES, replace(fused, student="none")))[-1].ranking
    assert (ids(without), without.order_by) == (["x", "y", "z"], "bm25")
