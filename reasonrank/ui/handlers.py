"""What happens when a visitor asks, stops, compares, uploads: plain values in, plain values out, no Gradio."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from reasonrank.corpora import public
from reasonrank.data import Comparison, Query
from reasonrank.engines.base import Cancel
from reasonrank.engines.load import student_info
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.pipeline import Pipeline, Step, Writing, check_query
from reasonrank.query_writing import given_queries
from reasonrank.retrieval.store import remove_orphans
from reasonrank.settings import Settings
from reasonrank.ui.form import Choices, depths, reason_counts
from reasonrank.ui.judged import Known, known_of
from reasonrank.ui.markup import plural
from reasonrank.ui.own import PASTED, Own, preview, take_files, take_pasted
from reasonrank.ui.preparation import HEAD_START, Preparations
from reasonrank.ui.render import EMPTY, PAIR_PANEL, Value, View, comparison_panel, page_value, panel_sentence
from reasonrank.ui.runs import Run, Visitor, Visitors, paced
from reasonrank.ui.share import Download, download, share_query
from reasonrank.ui.stages import State

log = logging.getLogger(__name__)

UNEXPECTED = "Something went wrong on the server; its log has the details. You can ask again."
EXAMPLES = 4
"""Example questions shown under the question box."""


class Handlers:
    """The page's behaviour over one pipeline, for all its visitors.

    Args:
        pipeline: Searches.
        settings: What a visitor's choices start from.
        corpora: Names that any visitor may choose; an upload belongs to its visitor only.
    """

    def __init__(self, pipeline: Pipeline, settings: Settings, corpora: Iterable[str]) -> None:
        self.pipeline = pipeline
        self.settings = settings
        self.corpora = frozenset(corpora)
        self.visitors = Visitors()
        self.preparations = Preparations(pipeline)

    # -- asking ----------------------------------------------------------------------------------------------

    def settings_of(self, visitor: Visitor, choices: Choices) -> Settings:
        """The settings of a visitor's choices.

        Raises:
            InputError: A choice is not one of those offered.
        """
        if choices.k not in depths(self.settings) or choices.explain not in reason_counts(self.settings):
            raise InputError("This number is not on offer; choose one of those that are.")
        return replace(
            self.settings,
            corpus=self._corpus_of(visitor, choices.corpus),
            retriever=choices.retriever,
            k=choices.k,
            order=choices.order,
            mode=choices.mode,
            explain=choices.explain,
            query_writing=choices.query_writing and choices.queries is None,
            # A visitor's own texts stay in this process's cache, which lets go of them; a shared server would not.
            milvus_uri="" if choices.corpus in visitor.uploads else self.settings.milvus_uri,
        )

    def _corpus_of(self, visitor: Visitor, name: str) -> str:
        if name in visitor.uploads:
            return str(visitor.uploads[name].path)
        if name in self.corpora:
            return name
        raise InputError("This corpus is not on offer any more; choose another one, or upload the file again.")

    def ask(self, session: str | None, choices: Choices) -> Iterator[tuple[Value | None, str]]:
        """Search for a question: the page's value (None leaves it as it is) and a sentence about the question.

        A question that cannot be asked changes nothing but the sentence; one that can ends the one before.
        """
        visitor = self.visitors.get(session)
        try:
            settings = self.settings_of(visitor, choices)
            text = check_query(choices.question, settings)
            if choices.queries is not None:
                given_queries(choices.queries, text)
        except ReasonRankError as error:
            yield None, str(error)
            return
        run = self.visitors.begin_search(visitor)
        visitor.settings, visitor.choices = settings, choices
        link = "" if choices.corpus in visitor.uploads else share_query(choices)
        view = View(
            run.number, text, settings, "running", trained=trained(settings), link=link, queries=choices.queries
        )
        yield page_value(view), ""
        self.preparations.start(settings)
        for shown in self._search(visitor, run, view):
            if visitor.search is not run:
                return
            yield page_value(shown), ""

    def ask_again(self, session: str | None, queries: Sequence[str]) -> Iterator[tuple[Value | None, str]]:
        """The visitor's question again, searched together with these queries; the student is not asked for any."""
        choices = self.visitors.get(session).choices
        if choices is None:
            yield None, "Ask a question first; search queries go with one."
            return
        yield from self.ask(session, replace(choices, queries=tuple(queries)))

    def _search(self, visitor: Visitor, run: Run, view: View) -> Iterator[View]:
        def work(cancel: Cancel) -> Iterator[Step]:
            self.preparations.wait(view.settings, HEAD_START)
            yield from self.pipeline.search(view.question, view.settings, cancel, view.queries)

        try:
            for step in paced(run, work, _supersedes):
                changed = self._after(visitor, view, step)
                if changed != view:
                    view = changed
                    yield view
        except ReasonRankError as error:
            yield replace(view, state="failed", sentence=str(error), progress=None)
            return
        except Exception:
            log.exception("A search failed")
            yield replace(view, state="failed", sentence=UNEXPECTED, progress=None)
            return
        if run.stopped_by_visitor:
            yield replace(view, state="stopped", writing=None, progress=None)
        elif view.state == "running":
            yield replace(view, state="done", writing=None, progress=None)

    def _after(self, visitor: Visitor, view: View, step: Step | None) -> View:
        if step is not None:
            visitor.ranking = step.ranking
            state: State = "done" if step.stage == "done" else "running"
            known = view.known if view.ranking is not None else self._known(visitor, view)
            return replace(view, state=state, ranking=step.ranking, writing=step.writing, progress=None, known=known)
        preparing = self.preparations.state(view.settings)
        if preparing.done:
            return replace(view, progress=None)
        return replace(view, progress=(preparing.what, preparing.share))

    def _known(self, visitor: Visitor, view: View) -> Known | None:
        own = next((o for o in visitor.uploads.values() if str(o.path) == view.settings.corpus), None)
        # The corpus was loaded to search it, so that this only looks it up.
        return known_of(own.corpus if own else self.pipeline.corpus(view.settings), view.question)

    def stop(self, session: str | None) -> None:
        """End the visitor's search; what it reached stands."""
        run = self.visitors.get(session).search
        if run is not None:
            run.stop()

    def keep(self, session: str | None, kind: str) -> Download:
        """The visitor's list as a file.

        Raises:
            InputError: There is no list, or no such format.
        """
        ranking = self.visitors.get(session).ranking
        if ranking is None:
            raise InputError("There is no list to keep; ask a question first.")
        return download(ranking, kind)

    # -- comparing -------------------------------------------------------------------------------------------

    def compare(self, session: str | None, first_id: str, second_id: str) -> Iterator[Value]:
        """The panel with the comparison of any two documents of the visitor's list."""
        visitor = self.visitors.get(session)
        run = self.visitors.begin_comparison(visitor)
        ranking = visitor.ranking
        known = {scored.doc_id for scored in ranking.documents} if ranking else set()
        if ranking is None or not {first_id, second_id} <= known or first_id == second_id:
            yield panel_value(run, panel_sentence("Choose two different documents of the list to compare."))
            return
        ids = (first_id, second_id)
        compared = visitor.compared
        existing = visitor.finished_comparison(*ids)
        if existing is not None:
            yield panel_value(run, comparison_panel(ranking, ids, existing))
            return
        yield panel_value(run, comparison_panel(ranking, ids, None), busy=True)

        def work(cancel: Cancel) -> Iterator[Writing | Comparison]:
            return self.pipeline.compare(ranking, *ids, visitor.settings, cancel)

        try:
            for current in paced(run, work, lambda new, old: True):
                if isinstance(current, Comparison):
                    compared[frozenset(ids)] = current
                if current is not None:
                    busy = not isinstance(current, Comparison)
                    yield panel_value(run, comparison_panel(ranking, ids, current), busy=busy)
        except ReasonRankError as error:
            yield panel_value(run, comparison_panel(ranking, ids, None, sentence=str(error)))
        except Exception:
            log.exception("A comparison failed")
            yield panel_value(run, comparison_panel(ranking, ids, None, sentence=UNEXPECTED))

    def stop_comparison(self, session: str | None) -> None:
        """The visitor closed the panel."""
        run = self.visitors.get(session).comparison
        if run is not None:
            run.cancel()

    # -- corpora ---------------------------------------------------------------------------------------------

    def upload(self, session: str | None, paths: Sequence[str]) -> tuple[str | None, str]:
        """Take a visitor's files as a corpus: the name to choose it by (None if it is no corpus), and a sentence."""
        files = [Path(path) for path in paths]
        return self._take(session, lambda: take_files(files, self.settings), ", ".join(file.name for file in files))

    def paste(self, session: str | None, text: str) -> tuple[str | None, str]:
        """Take pasted text as a corpus, like a file."""
        return self._take(session, lambda: take_pasted(text, self.settings), "The text")

    def _take(self, session: str | None, take: Callable[[], Own], what: str) -> tuple[str | None, str]:
        try:
            own = take()
        except ReasonRankError as error:
            return None, str(error)
        except Exception:
            log.exception("An upload could not be read")
            return None, f"{what} could not be read; the server's log has the details."
        visitor = self.visitors.get(session)
        name = "Your pasted text" if own.path.name == PASTED else f"Your file: {own.path.name}"
        visitor.uploads[name] = own
        self.preparations.start(replace(self.settings, corpus=str(own.path), milvus_uri=""))
        return name, f"{name.removeprefix('Your file: ')} has {plural(len(own.corpus), 'document')}. Ask your question."

    def preview(self, session: str | None, name: str) -> str:
        """The first passages of a visitor's own corpus, as escaped HTML."""
        return preview(self.visitors.get(session).uploads[name].corpus)

    def leave(self, session: str | None) -> None:
        """The page was closed: the visitor's work stops, and their files and the indexes of them go."""
        own = bool(self.visitors.get(session).uploads)
        self.visitors.leave(session)
        if own:
            remove_orphans(self.settings.cache)

    def uploads(self, session: str | None) -> list[str]:
        """Names of the visitor's own files."""
        return list(self.visitors.get(session).uploads)

    def examples(self, session: str | None, name: str) -> tuple[list[Query], str]:
        """A few of a corpus's example questions, spread over all of them, and a sentence where it cannot be read.

        None of a public collection: it may be gigabytes, which are fetched when it is searched, not when it is chosen.
        """
        if name in public.SUGGESTED:
            return [], ""
        visitor = self.visitors.get(session)
        try:
            settings = replace(self.settings, corpus=self._corpus_of(visitor, name))
            corpus = visitor.uploads[name].corpus if name in visitor.uploads else self.pipeline.corpus(settings)
        except ReasonRankError as error:
            return [], str(error)
        except Exception:
            log.exception("A corpus could not be read")
            return [], UNEXPECTED
        step = max(1, len(corpus.queries) // EXAMPLES)
        return list(corpus.queries[::step][:EXAMPLES]), ""


def trained(settings: Settings) -> bool | None:
    """Whether the student of these settings was trained for ranking; None where that cannot be told."""
    try:
        return bool(student_info(settings).trained)
    except ReasonRankError:
        return None


def _supersedes(new: Step, old: Step) -> bool:
    """Within a stage only the newest step counts; the first list is always shown."""
    return new.stage == old.stage != "retrieve"


def panel_value(run: Run, html: str, *, busy: bool = False) -> Value:
    """The value of the comparison component."""
    announce = "Comparing." if busy else "Comparison finished."
    parts = {f"panel-{PAIR_PANEL}": html}
    return {**EMPTY, "run": run.number, "busy": busy, "announce": announce, "order": list(parts), "parts": parts}
