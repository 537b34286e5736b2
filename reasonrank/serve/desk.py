"""From a request to work under way: what it asks for, within the server's bounds, and the ranking that it ends with."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace

from reasonrank.data import Query, Ranking
from reasonrank.engines.base import Cancel
from reasonrank.errors import EngineError, InputError
from reasonrank.pipeline import Pipeline, Step, check_query
from reasonrank.query_writing import given_queries
from reasonrank.serve.answers import quoted
from reasonrank.serve.corpora import Corpora
from reasonrank.serve.metrics import Metrics
from reasonrank.serve.reranking import candidates_of, documents_of, settings_of
from reasonrank.serve.settings import ServeSettings
from reasonrank.serve.wire import RerankRequest, SearchRequest
from reasonrank.serve.work import Office, OutOfTimeError, StoppingError, Work
from reasonrank.settings import Settings
from reasonrank.ui.preparation import Preparations

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What the endpoints and the tools share."""

    pipeline: Pipeline
    settings: ServeSettings
    office: Office
    preparations: Preparations
    metrics: Metrics
    corpora: Corpora

    @classmethod
    def of(cls, pipeline: Pipeline, settings: ServeSettings) -> Desk:
        """A desk over a pipeline."""
        return cls(pipeline, settings, Office(settings), Preparations(pipeline), Metrics(), Corpora(settings))

    def rerank(self, request: RerankRequest) -> Work[Step]:
        """Begin a reranking.

        Raises:
            ReasonRankError: The request is over a bound, or there is no room.
        """
        query = Query("", check_query(request.query, self.settings))
        candidates = candidates_of(documents_of(request, self.settings))
        settings = settings_of(request, self.settings)
        if settings.student == "none":
            raise EngineError("This server runs without a student, so it cannot rerank; start it with --student.")
        self._note("rerank", query.text)

        def work(cancel: Cancel) -> Iterator[Step]:
            # A failed stage would leave the first stage's order, and here there is none.
            self.pipeline.check_room(query.text, settings)
            yield from self.pipeline.rerank(query, candidates, settings, cancel)

        return self.office.start(work)

    def search(self, request: SearchRequest) -> Work[Step]:
        """Begin a search.

        Raises:
            ReasonRankError: The request is over a bound, or there is no room.
        """
        text = check_query(request.query, self.settings)
        settings = self.search_settings(request)
        self._note("search", text)

        def work(cancel: Cancel) -> Iterator[Step]:
            return self.pipeline.search(text, settings, cancel, request.queries)

        return self.office.start(work)

    def search_settings(self, request: SearchRequest) -> Settings:
        """The settings that a search asks for.

        Raises:
            InputError: It asks for an unknown corpus, for more than the server gives, or for queries that cannot be
                written or searched.
        """
        ours = self.settings
        student = ours.student if request.rerank else "none"
        if request.queries is not None:
            given_queries(request.queries, request.query)
        elif request.query_writing and student == "none":
            raise InputError("query_writing needs the student, and this search is without one; send queries instead.")
        k = request.k or ours.k
        explain = ours.explain if request.explain is None else request.explain
        if k > ours.max_k:
            raise InputError(f"k is {k}; this server returns at most {ours.max_k} documents.")
        if explain > ours.max_explain:
            raise InputError(f"explain is {explain}; this server gives at most {ours.max_explain} reasons.")
        return replace(
            ours,
            corpus=self.corpora.named(request.corpus),
            retriever=request.retriever or ours.retriever,
            k=k,
            explain=explain,
            order=request.order or ours.order,
            mode=request.mode or ours.mode,
            student=student,
            query_writing=ours.query_writing if request.query_writing is None else request.query_writing,
        )

    async def collect(self, work: Work[Step]) -> Ranking:
        """The ranking when it is done; out of time, what was reached, and which stage was not.

        Raises:
            ReasonRankError: It failed, or nothing was reached in time.
        """
        last: Step | None = None
        try:
            async for step in work.values():
                last = step
        except (OutOfTimeError, StoppingError) as error:
            if last is None or last.stage == "retrieve":
                raise
            last = _cut_short(last, str(error))
        finally:
            work.end("gone")
        if last is None:
            raise EngineError("The search ended without a result.")
        self.count(last.ranking)
        return last.ranking

    def count(self, ranking: Ranking) -> None:
        """Tell the metrics of a finished ranking."""
        self.metrics.searched(ranking.timings_ms, ranking.problems)

    def _note(self, what: str, query: str) -> None:
        if self.settings.log_queries:
            log.info("%s %s", what, quoted(query))


def _cut_short(step: Step, sentence: str) -> Step:
    return replace(step, ranking=replace(step.ranking, problems={**step.ranking.problems, step.stage: sentence}))
