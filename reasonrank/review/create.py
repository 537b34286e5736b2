"""A review set made in bulk: the student runs over a candidates file, and what it says is frozen as items."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from reasonrank.data import Candidate, Query, Ranking
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.pipeline import Pipeline
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.review.items import ranking_items
from reasonrank.review.lead import Lead
from reasonrank.review.values import KINDS, Kind, ReviewSet

Lists = Iterable[tuple[Query, list[Candidate]]]


def rankings(pipeline: Pipeline, lists: Lists) -> Iterator[Ranking]:
    """The finished ranking of each list.

    Raises:
        ReasonRankError: A stage failed; half a ranking is nothing to review.
    """
    for query, candidates in lists:
        *_, last = pipeline.rerank(query, candidates)
        if last.ranking.problems:
            stage, sentence = next(iter(last.ranking.problems.items()))
            raise ReasonRankError(f"query {query.query_id}, {stage}: {sentence}")
        yield last.ranking


def create_from_lists(
    lead: Lead,
    name: str,
    found: Iterable[Ranking],
    *,
    kinds: Collection[Kind] = KINDS,
    depth: int | None = None,
    annotators_per_item: int = 2,
    blind_first: bool = True,
) -> tuple[ReviewSet, int]:
    """A set of these rankings' documents, reasons and comparisons; returns it and how many items it has.

    Items are stored question by question, so that what is there stays if a later question fails.

    Args:
        lead: Whoever makes it.
        name: The set's name.
        found: Rankings; the first one names the student.
        kinds: Which kinds of item.
        depth: Only so many documents from each list's top; None takes all.
        annotators_per_item: How many people judge each item.
        blind_first: The grade is asked before the student's answer is shown.

    Raises:
        InputError: There is no ranking, the name is taken, or nothing is left to judge.
    """
    made: ReviewSet | None = None
    count = 0
    for ranking in found:
        made = made or lead.create_set(
            name,
            student=ranking.student,
            engine=ranking.engine,
            prompt_version=PROMPT_VERSION,
            annotators_per_item=annotators_per_item,
            blind_first=blind_first,
        )
        wanted = None if depth is None else {scored.doc_id for scored in ranking.documents[:depth]}
        count += lead.add_items(made.set_id, ranking_items(ranking, made.set_id, kinds=kinds, doc_ids=wanted))
    if made is None:
        raise InputError("There is no list in the file to make a review set of.")
    return made, count


def send_to_review(
    lead: Lead,
    name: str,
    ranking: Ranking,
    *,
    kinds: Collection[Kind] = KINDS,
    doc_ids: Collection[str] | None = None,
    annotators_per_item: int = 2,
    blind_first: bool = True,
) -> tuple[ReviewSet, int]:
    """Add a ranking, some of its documents or one of its comparisons to a set, which is made if it is not there.

    Args:
        lead: Whoever sends it.
        name: The set's name.
        ranking: Where it comes from.
        kinds: ``("pair",)`` for a comparison alone, without ``pair`` for a card alone.
        doc_ids: Only these documents; None takes all.
        annotators_per_item: Of a new set.
        blind_first: Of a new set.

    Returns:
        The set, and how many items were new; 0 when all of it was sent before.

    Raises:
        InputError: The name is unusable, or there is nothing to judge.
    """
    made = next((entry for entry in lead.sets() if entry.name == name), None)
    items = ranking_items(ranking, made.set_id if made else "", kinds=kinds, doc_ids=doc_ids)
    if made is None:
        made = lead.create_set(
            name,
            student=ranking.student,
            engine=ranking.engine,
            prompt_version=PROMPT_VERSION,
            annotators_per_item=annotators_per_item,
            blind_first=blind_first,
        )
        items = ranking_items(ranking, made.set_id, kinds=kinds, doc_ids=doc_ids)
    return made, lead.add_items(made.set_id, items)
