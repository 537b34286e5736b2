"""What is tried on a list, without a browser: agreement, every pair, a changed text, a sentence left out."""

from __future__ import annotations

from itertools import permutations

import pytest
from reading import assert_harmless, text_of
from standin import EVIDENCE, MOTHS, ScriptedPipeline
from test_handlers import choices, page_text

from reasonrank.data import Document
from reasonrank.ui.agreement import Agreement, agreement, in_words, kendall_tau, rank_biased_overlap
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.lab import Lab
from reasonrank.ui.matrix import cycles
from reasonrank.ui.slope import Side, slope_chart
from reasonrank.ui.whatif import without_sentences


@pytest.fixture
def handlers(scripted: ScriptedPipeline) -> Handlers:
    return Handlers(scripted, scripted.settings, ["collection"])


@pytest.fixture
def lab(handlers) -> Lab:
    """A lab whose visitor has a list."""
    list(handlers.ask("a", choices()))
    return Lab(handlers.pipeline, handlers.visitors)


# -- how far two orders agree ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "rbo", "tau"),
    [
        ("abcd", "abcd", 1.0, 1.0),
        ("ab", "ba", 0.9, -1.0),  # by hand: 1 * 0.9**2 + 0.1/0.9 * (0 * 0.9 + 1 * 0.9**2)
        ("abc", "acb", 0.955, 1 / 3),  # by hand: 0.729 + 0.1/0.9 * (0.9 + 0.5 * 0.81 + 0.729)
        ("ab", "cd", 0.0, None),
        ("a", "a", 1.0, None),
    ],
)
def test_agreement_is_what_a_hand_sum_gives(one, other, rbo, tau):
    assert rank_biased_overlap(one, other) == pytest.approx(rbo)
    assert kendall_tau(one, other) == (None if tau is None else pytest.approx(tau))


def test_agreement_is_the_same_from_either_side():
    for other in permutations("abcde"):
        there, back = agreement("abcde", other), agreement(other, "abcde")
        assert (there.rbo, there.shared) == (pytest.approx(back.rbo), back.shared)
        assert there.tau == pytest.approx(back.tau)


def test_agreement_in_words():
    assert in_words(Agreement(0.62, 0.42, 7, 10)) == [
        "7 of the first 10 are the same documents in both lists.",
        "Of any two documents, 71% stand in the same order in both (Kendall’s tau 0.42).",
        "With the first places counting most, the lists are alike in part (rank-biased overlap 0.62 of 1).",
    ]


def test_a_slope_chart_joins_what_both_lists_have():
    chart = slope_chart(Side("Was", ["a", "b", "c"]), Side("Is", ["b", "a", "d"]), {d: f"<{d}>" for d in "abcd"})
    assert_harmless(chart)
    assert chart.count("<path") == 2 and chart.count("rr-slope-up") == 1 and chart.count("rr-slope-down") == 1
    assert text_of(chart) == "Was Is 1 <a> 2 <b> 3 <c>gone 1 <b>moved up +1 2 <a>moved down −1 3 <d>new"


# -- every pair ------------------------------------------------------------------------------------------------


def test_a_cycle_is_found_and_an_order_has_none():
    sure = (0.9, 0.8)
    assert cycles("abc", {("a", "b"): sure, ("b", "c"): sure, ("a", "c"): sure}) == []
    assert cycles("abc", {("a", "b"): sure, ("b", "c"): sure, ("a", "c"): (0.1, 0.3)}) == [("a", "b", "c")]
    assert cycles("abc", {("a", "b"): (0.2, 0.2), ("b", "c"): (0.2, 0.2), ("a", "c"): sure}) == [("a", "c", "b")]


def test_every_pair_is_read_and_its_cycle_named(lab):
    values = list(lab.matrix("a"))
    assert values[0]["busy"] and not values[-1]["busy"]
    text = page_text(values[-1])
    assert "A cycle: 4 over 5 over 6 over 4. No order can satisfy all three." in text
    assert "2 of 15 pairs contradict the list" in text, "the neighbours' comparison of 3 and 4, and 4 against 6"
    assert "93%" in text and "7%" in text, "each pair from both sides"
    for value in values:
        for html in value["parts"].values():
            assert_harmless(html)


# -- what if ---------------------------------------------------------------------------------------------------


def sent(**changes) -> dict[str, str]:
    return {"doc": "moths", "question": "Why?", "title": MOTHS.title, "text": MOTHS.text} | changes


def test_a_changed_text_is_judged_beside_the_old(lab):
    last = list(lab.judge("a", sent(text=MOTHS.text.replace(EVIDENCE, ""))))[-1]
    text = page_text(last)
    assert "The score falls by 1.21, from 1.86 to 0.65." in text
    assert "The most probable grade is now 0 (not relevant), not 2 (fully)." in text
    assert not last["busy"]


def test_the_sentence_that_counts_is_shaded(lab):
    last = list(lab.occlude("a", sent()))[-1]
    [html] = last["parts"].values()
    assert_harmless(html)
    assert f'<span class="rr-shade-4">{EVIDENCE}</span><sub>−1.21</sub>' in html
    assert "The score hangs most on sentence 3: without it, it falls by 1.21." in text_of(html)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"text": " "}, "The text is empty"),
        ({"text": "x" * 20_001}, "The text has 20,001 characters; at most 20,000 can be tried."),
        ({"question": ""}, "The question is empty"),
        ({"doc": "unknown"}, "not in the list any more"),
    ],
)
def test_what_cannot_be_tried_has_a_sentence(lab, changes, sentence):
    [value] = lab.judge("a", sent(**changes))
    assert sentence in page_text(value)


def test_nothing_is_tried_without_a_list(handlers):
    lab = Lab(handlers.pipeline, handlers.visitors)
    for values in (lab.matrix("new"), lab.judge("new", sent()), lab.without("new", "bm25")):
        assert "Ask a question first" in page_text(list(values)[-1])


def test_each_sentence_is_left_out_once():
    document = Document("d", "One here. Two here. Three here.")
    assert [d.text for _, _, d in without_sentences(document)] == [
        "Two here. Three here.",
        "One here.  Three here.",
        "One here. Two here.",
    ]
    assert without_sentences(Document("d", "Only one sentence.")) == []


def test_one_retriever_switched_off(lab, scripted):
    last = list(lab.without("a", "dense"))[-1]
    assert "Without BM25" in page_text(last) and "0 would be gone, 0 would be new." in page_text(last)
    assert (scripted.searched[-1].retriever, scripted.searched[-1].student) == ("dense", "none")
