"""ReasonRank from Python in a few lines: search, rerank, and a ranking as a data frame or a TREC run."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reasonrank.data import Candidate, Document, Query, Ranking, StageScore
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.formats import write_run
from reasonrank.pipeline import Pipeline, Step
from reasonrank.settings import Settings

if TYPE_CHECKING:
    import pandas

__all__ = ["rank", "search", "to_dataframe", "write_run"]

COLUMNS = (
    *("query_id", "query", "rank", "doc_id", "title", "text", "order_by", "order_score", "score", "label"),
    *("label_mass", "first_stage_rank", "reason", "reason_status", "evidence", "support"),
)


def search(query: str, *, query_id: str = "1", queries: Sequence[str] | None = None, **settings: Any) -> Ranking:
    """The ranked list of a corpus for a question, with reasons.

    Args:
        query: The question.
        query_id: Its name in a TREC run.
        queries: Search queries to search beside the question; the student is then not asked to write any.
        settings: Any of :class:`Settings`: ``corpus="python-docs"``, ``k=10``, ``explain=3``, ``student="none"``.
            What is loaded stays loaded for the next call.

    Raises:
        InputError: A setting or the question is not as expected.
        ReasonRankError: Something that the search needs is missing or failed; ``Ranking.problems`` has what
            failed after the scores.
    """
    chosen = Settings.load(**settings)
    ranking = last_ranking(_pipeline().search(query, chosen, queries=queries))
    return replace(ranking, query=Query(query_id, ranking.query.text))


def rank(query: str, documents: Sequence[str | Document], *, query_id: str = "1", **settings: Any) -> Ranking:
    """Documents in the order in which the student puts them.

    Args:
        query: The question.
        documents: Texts, whose doc_id is their index in the sequence, or documents with ids of their own.
        query_id: Its name in a TREC run.
        settings: As for :func:`search`.

    Raises:
        InputError: A setting, the question or the documents are not as expected.
        ReasonRankError: The student is missing or failed.
    """
    named = [Document(str(i), given) if isinstance(given, str) else given for i, given in enumerate(documents)]
    if len({document.doc_id for document in named}) < len(named):
        raise InputError("Two of the documents have the same doc_id; give each its own.")
    candidates = [
        Candidate(document, rank, float(-rank), "given", {"given": StageScore(rank, float(-rank))})
        for rank, document in enumerate(named, start=1)
    ]
    return last_ranking(_pipeline().rerank(Query(query_id, query), candidates, Settings.load(**settings)))


def to_dataframe(rankings: Ranking | Iterable[Ranking]) -> pandas.DataFrame:
    """One row a document, in the list's order; missing where no student judged or no reason was written.

    Returns:
        A frame with the columns of :data:`COLUMNS`.
    """
    import pandas

    listed = [rankings] if isinstance(rankings, Ranking) else list(rankings)
    return pandas.DataFrame([row for ranking in listed for row in _rows(ranking)], columns=list(COLUMNS))


def _rows(ranking: Ranking) -> Iterator[tuple[Any, ...]]:
    for scored in ranking.documents:
        judgement, reason = scored.judgement, scored.reason
        evidence = reason.evidence if reason else None
        yield (
            *(ranking.query.query_id, ranking.query.text, scored.rank, scored.doc_id),
            *(scored.document.title, scored.document.text, ranking.order_by, scored.order_score),
            judgement.expected_grade if judgement else None,
            judgement.label if judgement else None,
            judgement.label_mass if judgement else None,
            scored.candidate.rank,
            reason.text if reason else None,
            reason.status if reason else "not_requested",
            evidence.text if evidence else None,
            evidence.support if evidence else None,
        )


def last_ranking(steps: Iterator[Step]) -> Ranking:
    """The ranking of the last step.

    Raises:
        ReasonRankError: The student failed, or there was no step.
    """
    step: Step | None = None
    for step in steps:  # noqa: B007  the last one is wanted
        pass
    if step is None:
        raise ReasonRankError("The search ended without a result.")
    if "score" in step.ranking.problems:
        # The first stage's order in place of the student's would be taken for it.
        raise ReasonRankError(step.ranking.problems["score"])
    return step.ranking


@functools.lru_cache(maxsize=1)
def _pipeline() -> Pipeline:
    """One for the process; each call brings its own settings."""
    return Pipeline(Settings.load())
