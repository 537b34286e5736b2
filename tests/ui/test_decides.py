"""What decides between two documents, without a browser: the sentence, the words for it, and what is refused."""

from __future__ import annotations

import pytest
from reading import assert_harmless, text_of
from standin import EVIDENCE, ScriptedPipeline
from test_handlers import choices, page_text

from reasonrank.data import Document
from reasonrank.ui.decides import TRIED, Decider, Side, _side, finding
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.lab import AT_ONCE, Lab
from reasonrank.ui.whatif import Fall


@pytest.fixture
def handlers(scripted: ScriptedPipeline) -> Handlers:
    """Handlers whose visitor has a list."""
    handlers = Handlers(scripted, scripted.settings, ["collection"])
    list(handlers.ask("a", choices()))
    return handlers


@pytest.fixture
def decider(handlers) -> Decider:
    return Decider(Lab(handlers.pipeline, handlers.visitors))


def pair(first: str, second: str) -> dict[str, str]:
    return {"first": first, "second": second}


def test_the_deciding_sentence_is_marked_in_either_text(decider):
    values = list(decider.decide("a", pair("moon", "moths")))
    assert values[0]["busy"] and not values[-1]["busy"]
    html = values[-1]["parts"]["panel-pair"]
    assert_harmless(html)
    # The list's comparison says 93%; without the evidence the script says 0.4 and 0.3.
    assert "falls from 93% to 35%, and the student prefers the other one." in text_of(html)
    assert f"<mark>{EVIDENCE}</mark><sub>−58</sub>" in html and html.count("<mark>") == 1
    # 7% for the other one: still 7% without its first sentence, 28% without its second (0.8 and 0.64).
    assert "its chance falls by 0 percentage points at most. Without sentence 2 it rises by 21." in text_of(html)


def test_progress_grows_until_all_is_tried(decider):
    values = [value["parts"]["panel-pair"] for value in decider.decide("a", pair("moths", "moon"))]
    assert all("<progress" in html for html in values[:-2]) and "<progress" not in values[-1]
    assert len(values) >= 2 + 6 // AT_ONCE
    assert "<mark>" not in values[1], "nothing is said before all sentences were tried"


def test_a_pair_that_was_picked_can_be_asked_of(handlers, decider):
    [refused] = decider.decide("a", pair("moths", "bats"))
    assert "These two were not compared yet" in page_text(refused)
    *_, compared = handlers.compare("a", "moths", "bats")
    assert "What decides?" in page_text(compared)
    *_, last = decider.decide("a", pair("bats", "moths"))
    assert "Its text has only one sentence" in page_text(last)
    assert "falls from 93% to 35%" in page_text(last)
    list(handlers.ask("a", choices("Another?")))
    [refused] = decider.decide("a", pair("moths", "bats"))
    assert "These two were not compared yet" in page_text(refused), "a new list begins anew"


@pytest.mark.parametrize("sent", [{}, pair("moths", "moths"), pair("moths", "<b>"), {"first": ["moths"], "second": 1}])
def test_whatever_is_sent_has_a_sentence(decider, sent):
    [value] = decider.decide("a", sent)
    assert "These two were not compared yet" in page_text(value)


def test_without_a_list_there_is_nothing_to_decide(decider):
    [value] = decider.decide("nobody", pair("moths", "moon"))
    assert "Ask a question first" in page_text(value)


def side(chance: float, *falls: float) -> Side:
    return Side(Document("a", "One. Two. Three."), chance, len(falls), 0, tuple(Fall(0, 4, fall) for fall in falls))


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (side(0.8, 0.31, 0.1), "falls from 80% to 49%, and the student prefers the other one."),
        (side(0.8, 0.1, 0.05), "falls from 80% to 70%."),
        (side(0.3, 0.1, 0.0), "falls from 30% to 20%."),
        (side(0.8, 0.049, -0.01), "No sentence decides: taking out any one of them changes the chance that this one is "
         "better by less than 5 percentage points."),
        (side(0.8, 0.001, -0.004), "by less than 1 percentage point."),
        (side(0.4, 0.02, -0.3), "its chance falls by 2 percentage points at most. Without sentence 2 it rises by 30."),
        (side(0.4), "Its text has only one sentence: without it nothing is left to compare."),
    ],
)  # fmt: skip
def test_in_words(found, told):
    assert finding(found).endswith(told)


def test_long_texts_are_tried_in_part():
    long = _side(Document("a", "A plain sentence stands here. " * 30), 0.6)
    assert (long.wanted, long.untried) == (TRIED, 20)
