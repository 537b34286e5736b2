"""Evaluation of set-ups: what is kept and taken up, what the figures are, and what stops it."""

from __future__ import annotations

import json
import time
from dataclasses import replace

import pytest
from reading import assert_harmless, text_of
from standin import DOCUMENTS, QUESTIONS, ScriptedPipeline

from reasonrank.corpora.base import Corpus
from reasonrank.data import Query
from reasonrank.errors import InputError
from reasonrank.settings import Settings
from reasonrank.ui.evaluation import Evaluated, Evaluations, Line, SetUp, figures, p_values, reliability
from reasonrank.ui.evaluation_tab import EvaluationTab

FIRST, STUDENT = SetUp("hybrid", "none"), SetUp("hybrid", "student")
QRELS = {"q1": {"moths": 2, "moon": 1}, "q2": {"moths": 1, "attack": 0}}


class Judged(ScriptedPipeline):
    """The scripted pipeline over a corpus with judgements."""

    def corpus(self, settings=None):
        queries = [Query("q1", QUESTIONS[0]), Query("q2", QUESTIONS[1]), Query("q3", "Not judged?")]
        return Corpus.of("c", "C", DOCUMENTS, queries=queries, qrels=QRELS)


@pytest.fixture
def pipeline(tmp_path) -> Judged:
    return Judged(Settings(cache=tmp_path), delay=0)


def finished(evaluations: Evaluations, setup: SetUp) -> Evaluated:
    evaluations.start(setup)
    end = time.monotonic() + 20
    while evaluations.state(setup).running and time.monotonic() < end:
        time.sleep(0.01)
    return evaluations.state(setup)


def test_every_judged_question_is_measured(pipeline):
    evaluations = Evaluations(pipeline, pipeline.settings)
    first, student = finished(evaluations, FIRST), finished(evaluations, STUDENT)
    assert first.complete and student.complete
    assert [line.query_id for line in student.lines] == ["q1", "q2"], "the unjudged question is left out"
    assert student.lines[0].doc_ids[:2] == ("moths", "moon")
    assert student.lines[0].probabilities["moths"] == (0.02, 0.10, 0.88)
    assert first.lines[0].doc_ids[0] == "attack" and first.lines[0].probabilities == {}
    assert pipeline.searched[0].student == "none" and pipeline.searched[-1].explain == 0
    measured = figures(student, QRELS)
    assert measured.by_query["nDCG@10"] == {"q1": pytest.approx(1.0), "q2": pytest.approx(1.0)}
    assert figures(first, QRELS).means["nDCG@10"].mean < 1
    assert 0 < p_values(figures(first, QRELS), measured)["nDCG@10"] <= 1


def test_what_was_measured_is_taken_up_after_a_restart(pipeline, tmp_path):
    assert finished(Evaluations(pipeline, pipeline.settings), FIRST).complete
    [kept] = (tmp_path / "evaluations").iterdir()
    lines = kept.read_text().splitlines()
    kept.write_text(lines[0] + "\n" + lines[1][: len(lines[1]) // 2], encoding="utf-8")
    pipeline.forget()
    again = Evaluations(pipeline, pipeline.settings)
    assert len(again.state(FIRST).lines) == 1, "half a line, as a stop leaves it, does not count"
    kept.write_text(lines[0] + "\n", encoding="utf-8")
    assert finished(again, FIRST).complete
    assert len(pipeline.searched) == 1, "only the missing question was asked"


def test_other_settings_are_kept_elsewhere(pipeline, tmp_path):
    finished(Evaluations(pipeline, pipeline.settings), FIRST)
    finished(Evaluations(pipeline, replace(pipeline.settings, k=10)), FIRST)
    assert len(list((tmp_path / "evaluations").iterdir())) == 2


def test_a_failed_stage_is_no_measurement(tmp_path):
    class Broken(Judged):
        def corpus(self, settings=None):
            queries = [Query("q1", "broken student")]
            return Corpus.of("c", "C", DOCUMENTS, queries=queries, qrels=QRELS)

    pipeline = Broken(Settings(cache=tmp_path), delay=0)
    state = finished(Evaluations(pipeline, pipeline.settings), STUDENT)
    assert not state.complete and state.problem == "The model 'x' could not be loaded; check the name."


def test_reliability_is_what_a_hand_count_gives():
    lines = (
        Line("q1", ("a", "b", "c"), {"a": (0.04, 0, 0.96), "b": (0.06, 0, 0.94), "c": (0.95, 0.05, 0)}),
        Line("q2", ("a", "z"), {"a": (0.5, 0.5, 0), "z": (0.5, 0.5, 0)}),
    )
    qrels = {"q1": {"a": 2, "b": 0, "c": 0}, "q2": {"a": 1}}
    found = reliability(Evaluated(lines, 2), qrels)
    expected = [(0.05, 0.0, 1), (0.5, 1.0, 1), (0.95, 0.5, 2)]
    assert found == [tuple(map(pytest.approx, point)) for point in expected]


def test_the_tab_measures_and_compares(pipeline):
    tab = EvaluationTab(Evaluations(pipeline, pipeline.settings), has_student=True, k=20)
    before = tab.look()
    assert "0 of 2 questions measured so far" in text_of(before["parts"]["result"])
    sent = {"a_retriever": "hybrid", "a_judge": "none", "b_retriever": "hybrid", "b_judge": "student"}
    last = list(tab.evaluate(sent))[-1]
    for html in last["parts"].values():
        assert_harmless(html)
    text = text_of(last["parts"]["result"])
    assert "A: Hybrid, no student" in text and "nDCG@10" in text and "Means over 2 judged questions" in text
    assert not last["busy"] and "Reliability: Hybrid, the student’s grade" in text


@pytest.mark.parametrize("sent", [{}, {"a_retriever": "magic"}, {"a_retriever": "bm25", "a_judge": "x"}])
def test_what_is_not_on_offer_is_refused(sent):
    with pytest.raises(InputError, match="not on offer"):
        SetUp.of(sent, "a")


def test_a_corpus_without_judgements_says_so(tmp_path):
    pipeline = ScriptedPipeline(Settings(cache=tmp_path, order="student"))
    tab = EvaluationTab(Evaluations(pipeline, pipeline.settings), has_student=True, k=20)
    assert json.dumps(tab.look()).count("no judged questions") == 1
