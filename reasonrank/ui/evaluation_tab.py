"""The Evaluation tab: two set-ups over all judged questions, measured in the background, compared."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import count
from typing import Any

import gradio as gr

from reasonrank.corpora import public
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.ui.evaluation import Evaluations, SetUp
from reasonrank.ui.evaluation_view import evaluation_form, evaluation_view
from reasonrank.ui.render import EMPTY, Value, sentence_block
from reasonrank.ui.search_tab import FREE, LIST_TEMPLATE

SCRIPT = "window.reasonrank.attachList(element, props, watch, trigger, ['evaluate'])"
POLL = 1.0
"""Seconds between two looks at how far it is."""
INTRODUCTION = (
    "<section><h2>How good is it?</h2><p>The corpus of this demo comes with judged questions. Both set-ups answer all "
    "of them and are measured. That takes seconds without the student, and minutes with it; it goes on in the "
    "background, also when you leave, and is kept for the next time.</p></section>"
)
_numbers = count(1)


class EvaluationTab:
    """What the tab shows, without Gradio.

    Args:
        evaluations: Do the work.
        has_student: Whether a student is set up.
        k: Documents of each list.
    """

    def __init__(self, evaluations: Evaluations, *, has_student: bool, k: int) -> None:
        self.evaluations = evaluations
        self.has_student = has_student
        self.k = k
        judge = "student" if has_student else "none"
        self._complete: dict[tuple[SetUp, SetUp], str] = {}
        self.defaults = SetUp("hybrid" if has_student else "bm25", "none"), SetUp("hybrid", judge)

    def look(self) -> Value:
        """The tab as it is before anything is asked of it."""
        if self.evaluations.corpus_name in public.SUGGESTED:
            # Perhaps gigabytes, which are fetched when they are searched, not when the page is opened.
            return _value(evaluation_form(*self.defaults, has_student=self.has_student, busy=False))
        try:
            if not self.evaluations.queries():
                return _value(
                    sentence_block("This corpus has no judged questions, so nothing can be measured.", bad=False)
                )
            return self._value(*self.defaults)
        except ReasonRankError as error:
            return _value(sentence_block(str(error)))

    def evaluate(self, sent: Any) -> Iterator[Value]:
        """Measure both set-ups, telling how far it is."""
        try:
            setups = SetUp.of(sent, "a"), SetUp.of(sent, "b")
            if not self.has_student and {setup.judge for setup in setups} != {"none"}:
                raise InputError("No student is at work here, so only first stages can be measured.")
            for setup in dict.fromkeys(setups):
                self.evaluations.start(setup)
            while any(self.evaluations.state(setup).running for setup in setups):
                yield self._value(*setups)
                time.sleep(POLL)
            yield self._value(*setups)
        except ReasonRankError as error:
            yield _value(sentence_block(str(error)))

    def _value(self, one: SetUp, other: SetUp) -> Value:
        states = [self.evaluations.state(setup) for setup in (one, other)]
        busy = any(state.running for state in states)
        form = evaluation_form(one, other, has_student=self.has_student, busy=busy)
        view = self._complete.get((one, other))
        if view is None:
            view = evaluation_view((one, other), states, self.evaluations.qrels(), self.k)
        if all(state.complete for state in states):
            self._complete[one, other] = view  # resampling takes a second, and comes out the same
        return _value(form, view, busy=busy)


def _value(form: str, view: str = "", *, busy: bool = False) -> Value:
    parts = {"form": form} | ({"result": view} if view else {})
    announce = "Measuring." if busy else ""
    return {**EMPTY, "run": next(_numbers), "busy": busy, "announce": announce, "order": list(parts), "parts": parts}


def build_evaluation_tab(page: gr.Blocks, tab: EvaluationTab) -> None:
    """Lay out the tab within ``page``, which is open, and connect it."""
    gr.HTML(INTRODUCTION, apply_default_css=False, elem_classes="rr-prose")
    shown = gr.HTML(
        EMPTY, html_template=LIST_TEMPLATE, js_on_load=SCRIPT, apply_default_css=False, elem_id="rr-evaluation"
    )

    def evaluate(event: gr.EventData) -> Iterator[Any]:
        yield from tab.evaluate(event._data)

    shown.evaluate(evaluate, None, shown, concurrency_id="evaluate", **FREE)
    page.load(tab.look, None, shown, concurrency_id="evaluate", **FREE)
