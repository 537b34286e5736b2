"""Judged questions: whose judgements they are, what nDCG says of each stage, and where the dots of the plot stand."""

from __future__ import annotations

import re

import pytest
from reading import assert_harmless, text_of
from standin import DOCUMENTS, QUESTIONS, ScriptedPipeline
from test_handlers import choices, page_text

from reasonrank.corpora.base import Corpus
from reasonrank.data import Query
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.judged import judged_view, known_of, ndcg

GRADES = {"moths": 2, "moon": 1, "bats": 0, "far-away": 1}


@pytest.fixture
def corpus() -> Corpus:
    queries = [Query("q1", QUESTIONS[0]), Query("q2", "Not judged?")]
    return Corpus.of("c", "C", DOCUMENTS, queries=queries, qrels={"q1": GRADES})


def test_a_question_is_known_by_its_words(corpus):
    assert known_of(corpus, f"  {QUESTIONS[0].upper()} ").query_id == "q1"
    assert known_of(corpus, "Why do moths?") is None
    assert known_of(corpus, "Not judged?") is None


def test_ndcg_is_what_a_hand_sum_gives(corpus):
    known = known_of(corpus, QUESTIONS[0])
    ideal = 2 + 1 / 1.5849625 + 1 / 2  # gains 2, 1, 1 over log2 of 2, 3, 4
    values = ndcg({"good": ["moths", "moon"], "bad": ["bats", "moon", "moths"]}, known)
    assert values["good"] == pytest.approx((2 + 1 / 1.5849625) / ideal, abs=1e-4)
    assert values["bad"] == pytest.approx((1 / 1.5849625 + 2 / 2) / ideal, abs=1e-4)


def test_the_view_says_what_is_known(scripted: ScriptedPipeline, corpus):
    *_, last = scripted.search(QUESTIONS[0])
    html = judged_view(last.ranking, known_of(corpus, QUESTIONS[0]))
    assert_harmless(html)
    text = text_of(html)
    assert "2 of 3 relevant documents are in this list. Not found by the first stage:" in text
    assert "Judged 2: mean score 1.86 of 1 document; judged 1: mean score 1.25 of 1 document" in text
    first, final, best = (float(v) for v in re.findall(r"<td>([0-9.]+)</td>", html))
    assert first < final == best < 1


def test_cards_carry_the_grade(scripted: ScriptedPipeline, corpus):
    class Judged(ScriptedPipeline):
        def corpus(self, settings=None):
            return corpus

    pipeline = Judged(scripted.settings)
    value = [
        value for value, _ in Handlers(pipeline, pipeline.settings, ["collection"]).ask("a", choices(QUESTIONS[0]))
    ][-1]
    assert page_text(value).count("In the judgements judged 2, fully relevant") == 1
    assert page_text(value).count("In the judgements") == 3
    assert "view-judged" in value["parts"]
    other = [value for value, _ in Handlers(pipeline, pipeline.settings, ["collection"]).ask("a", choices("Else?"))][-1]
    assert "In the judgements" not in page_text(other) and "view-judged" not in other["parts"]
