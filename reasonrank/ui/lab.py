"""What a visitor tries on a list: every pair, a changed text, a sentence left out, a retriever switched off."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from reasonrank.data import Candidate, Document, Query, Ranking, ScoredDocument
from reasonrank.engines.base import Cancel
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.pipeline import Pipeline, Step, check_query
from reasonrank.rerank import order_documents
from reasonrank.settings import Settings
from reasonrank.ui.change import SWITCHES, agreement_lines
from reasonrank.ui.handlers import UNEXPECTED
from reasonrank.ui.markup import key, label_of
from reasonrank.ui.matrix import Preferences, known_preferences, matrix_view, pairs_of
from reasonrank.ui.render import EMPTY, Value, panel, sentence_block
from reasonrank.ui.runs import Run, Visitor, Visitors, paced
from reasonrank.ui.slope import Side, slope_chart
from reasonrank.ui.whatif import Changed, Fall, moved, shaded, whatif_form, without_sentences

log = logging.getLogger(__name__)

AT_ONCE = 3
"""Pairs or sentences that are judged between two signs of progress."""
NO_LIST = "Ask a question first; its list is what can be tried."
NO_STUDENT = "No student is at work here, so there is nothing that could judge; choose one with REASONRANK_STUDENT."

T = TypeVar("T")


class Lab:
    """Work on a visitor's list that is shown in the sheet; a newer piece of it ends the one before.

    Args:
        pipeline: Judges and compares.
        visitors: Their lists.
    """

    def __init__(self, pipeline: Pipeline, visitors: Visitors) -> None:
        self.pipeline = pipeline
        self.visitors = visitors

    # -- every pair ------------------------------------------------------------------------------------------

    def matrix(self, session: str | None) -> Iterator[Value]:
        """The table of every pair of the top documents, as it fills."""
        visitor = self.visitors.get(session)
        run = self.visitors.begin_comparison(visitor)
        title = "Every pair"
        try:
            ranking, settings = self.judging(visitor)
        except InputError as error:
            yield sheet(run, title, "matrix", sentence_block(str(error)))
            return
        yield sheet(run, title, "matrix", matrix_view(ranking, {}, complete=False), busy=True)

        def work(cancel: Cancel) -> Iterator[Preferences]:
            pairs = pairs_of(ranking)
            found = {p: both for p, both in known_preferences(ranking, ranking.comparisons).items() if p in pairs}
            documents = {scored.doc_id: scored.document for scored in ranking.documents}
            missing = [pair for pair in pairs if pair not in found]
            yield dict(found)
            for some in _chunks(missing):
                asked = [(documents[upper], documents[lower]) for upper, lower in some]
                found.update(zip(some, self.pipeline.prefer(ranking.query.text, asked, settings, cancel), strict=True))
                yield dict(found)

        wanted = len(pairs_of(ranking))
        yield from self.shown(
            run,
            work,
            lambda found, _: matrix_view(ranking, found, complete=len(found) == wanted),
            title,
            "matrix",
        )

    # -- another text ----------------------------------------------------------------------------------------

    def open_whatif(self, session: str | None, doc_id: str) -> Value:
        """The form for one document of the list."""
        visitor = self.visitors.get(session)
        run = self.visitors.begin_comparison(visitor)
        try:
            ranking, _ = self.judging(visitor)
            scored = _of_list(ranking, doc_id)
        except InputError as error:
            return sheet(run, "What if", "whatif", sentence_block(str(error)))
        return sheet(run, *_whatif(scored), whatif_form(scored, ranking.query.text))

    def judge(self, session: str | None, sent: Mapping[str, Any]) -> Iterator[Value]:
        """The score and the reason of a changed question or text, beside those in the list."""

        def render(scored: ScoredDocument) -> Callable[[Step | None, bool], str]:
            def rendered(step: Step | None, busy: bool) -> str:
                after = step.ranking.documents[0] if step and step.ranking.documents else None
                problem = "".join(sentence_block(text) for text in step.ranking.problems.values()) if step else ""
                writing = step.writing.text if step and step.writing else None
                return problem + moved(scored.judgement, after, writing, busy=busy and not problem)

            return rendered

        def work(changed: Changed, settings: Settings) -> Callable[[Cancel], Iterator[Step]]:
            candidates = [_alone(changed.document)]
            return lambda cancel: self.pipeline.rerank(
                Query("", changed.question), candidates, replace(settings, explain=1), cancel
            )

        yield from self._tried(session, sent, work, render)

    def occlude(self, session: str | None, sent: Mapping[str, Any]) -> Iterator[Value]:
        """The text with each sentence shaded by how far the score falls without it."""
        texts: dict[str, tuple[str, int]] = {}

        def work(changed: Changed, settings: Settings) -> Callable[[Cancel], Iterator[list[Fall]]]:
            variants = without_sentences(changed.document)
            texts["shown"] = (changed.text, len(variants))

            def falls(cancel: Cancel) -> Iterator[list[Fall]]:
                whole = self._grades(changed.question, [changed.document], settings, cancel)[0]
                found: list[Fall] = []
                yield found
                for some in _chunks(variants):
                    grades = self._grades(changed.question, [document for _, _, document in some], settings, cancel)
                    found = found + [
                        Fall(start, end, whole - grade) for (start, end, _), grade in zip(some, grades, strict=True)
                    ]
                    yield found

            return falls

        def render(scored: ScoredDocument) -> Callable[[list[Fall] | None, bool], str]:
            return lambda found, busy: shaded(texts["shown"][0], found or [], texts["shown"][1])

        yield from self._tried(session, sent, work, render)

    def _grades(self, question: str, documents: Sequence[Document], settings: Settings, cancel: Cancel) -> list[float]:
        judged = self.pipeline.judge(question, [_alone(document) for document in documents], settings, cancel)
        return [judged[document.doc_id].expected_grade for document in documents]

    def _tried(
        self,
        session: str | None,
        sent: Mapping[str, Any],
        work: Callable[[Changed, Settings], Callable[[Cancel], Iterator[T]]],
        render: Callable[[ScoredDocument], Callable[[T | None, bool], str]],
    ) -> Iterator[Value]:
        """Something tried with the form's text; the form stays as it is, and the result stands below it."""
        visitor = self.visitors.get(session)
        run = self.visitors.begin_comparison(visitor)
        try:
            ranking, settings = self.judging(visitor)
            scored = _of_list(ranking, str(sent.get("doc")))
        except InputError as error:
            yield sheet(run, "What if", "whatif", sentence_block(str(error)))
            return
        title, name = _whatif(scored)
        question = ranking.query.text
        try:
            changed = Changed.of(sent)
            check_query(changed.question, settings)
        except InputError as error:
            yield sheet(run, title, name, whatif_form(scored, question, sentence_block(str(error))))
            return
        begin, rendered = work(changed, settings), render(scored)
        yield sheet(run, title, name, whatif_form(scored, question, rendered(None, True)), busy=True)
        yield from self.shown(
            run, begin, lambda value, busy: whatif_form(scored, question, rendered(value, busy)), title, name
        )

    # -- without one retriever -------------------------------------------------------------------------------

    def without(self, session: str | None, left: str) -> Iterator[Value]:
        """The list as it would be if only the retriever ``left`` had searched, beside the list as it is."""
        visitor = self.visitors.get(session)
        run = self.visitors.begin_comparison(visitor)
        title = SWITCHES.get(left, "One retriever")
        ranking, settings = visitor.ranking, visitor.settings
        if ranking is None or settings is None or left not in SWITCHES or not ranking.documents:
            yield sheet(run, title, "without", sentence_block(NO_LIST))
            return
        yield sheet(run, title, "without", '<p class="rr-note rr-awaited">Searching…</p>', busy=True)

        def work(cancel: Cancel) -> Iterator[list[ScoredDocument]]:
            candidates: list[Candidate] = []
            alone = replace(settings, retriever=left, student="none")
            for step in self.pipeline.search(ranking.query.text, alone, cancel, searched_with(ranking)):
                candidates = [scored.candidate for scored in step.ranking.documents]
            judged = {s.doc_id: s.judgement for s in ranking.documents if s.judgement is not None}
            fresh = [candidate for candidate in candidates if candidate.document.doc_id not in judged]
            if fresh and judged:
                judged |= self.pipeline.judge(ranking.query.text, fresh, settings, cancel)
            comparable = self.pipeline.comparable(ranking.query.text, candidates, settings)
            yield list(order_documents(comparable, judged, settings.order)[1])

        yield from self.shown(run, work, lambda now, _: without_view(ranking, now, title), title, "without")

    # -- common ----------------------------------------------------------------------------------------------

    def judging(self, visitor: Visitor) -> tuple[Ranking, Settings]:
        """The visitor's list and settings.

        Raises:
            InputError: There is no list, or no student.
        """
        if visitor.ranking is None or visitor.settings is None:
            raise InputError(NO_LIST)
        if visitor.settings.student == "none":
            raise InputError(NO_STUDENT)
        return visitor.ranking, visitor.settings

    def shown(
        self,
        run: Run,
        work: Callable[[Cancel], Iterator[T]],
        render: Callable[[T, bool], str],
        title: str,
        name: str,
    ) -> Iterator[Value]:
        """Each value of the work in the sheet, the last one again as finished; a failure as a sentence."""
        last: T | None = None
        try:
            for value in paced(run, work, lambda new, old: True):
                if value is not None:
                    last = value
                    yield sheet(run, title, name, render(value, True), busy=True)
            if last is not None and self._is_current(run):
                yield sheet(run, title, name, render(last, False))
        except ReasonRankError as error:
            yield sheet(run, title, name, sentence_block(str(error)))
        except Exception:
            log.exception("Something tried on a list failed")
            yield sheet(run, title, name, sentence_block(UNEXPECTED))

    def _is_current(self, run: Run) -> bool:
        return self.visitors.is_current(run)


def without_view(ranking: Ranking, now: Sequence[ScoredDocument], title: str) -> str:
    """The list as it is beside the list without one retriever."""
    before = [scored.doc_id for scored in ranking.documents]
    after = [scored.doc_id for scored in now]
    if not after:
        return sentence_block(f"{title}, nothing is found for this question.", bad=False)
    titles = {scored.doc_id: label_of(scored.document) for scored in (*ranking.documents, *now)}
    gone, fresh = len(set(before) - set(after)), len(set(after) - set(before))
    chart = slope_chart(Side("As it is", before), Side(title, after), titles)
    return f"<p>{gone} would be gone, {fresh} would be new.</p>{agreement_lines(before, after)}{chart}"


def searched_with(ranking: Ranking) -> Sequence[str] | None:
    """The search queries that made a list, for one that is to be set beside it."""
    return ranking.queries.texts if ranking.queries is not None else None


def _whatif(scored: ScoredDocument) -> tuple[str, str]:
    return f"What if: {label_of(scored.document)}", f"whatif-{key(scored.doc_id)}"


def _of_list(ranking: Ranking, doc_id: str) -> ScoredDocument:
    for scored in ranking.documents:
        if scored.doc_id == doc_id:
            return scored
    raise InputError("This document is not in the list any more; choose one that is.")


def _alone(document: Document) -> Candidate:
    return Candidate(document, 1, 0.0, "given")


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), AT_ONCE):
        yield values[start : start + AT_ONCE]


def sheet(run: Run, title: str, name: str, inner: str, *, busy: bool = False) -> Value:
    """The sheet's value: a title, and escaped HTML under a name that tells one kind of content from another."""
    parts = {f"panel-{name}": panel(inner, title)}
    announce = f"{title}: working." if busy else f"{title}: finished."
    return {**EMPTY, "run": run.number, "busy": busy, "announce": announce, "order": list(parts), "parts": parts}
