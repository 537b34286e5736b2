"""What several annotators said of one thing, settled: an adjudication, else what more than half of them said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reasonrank.review.values import (
    DocumentJudgement,
    Event,
    Item,
    Kind,
    PairJudgement,
    ReasonJudgement,
    ReviewSet,
    Standing,
    Value,
)

QUESTIONS: Mapping[Kind, tuple[str, ...]] = {
    "document": ("grade",),
    "reason": ("grade", "correct", "supported", "complete"),
    "pair": ("preferred", "reason_right"),
}
EQUAL = ""
"""Stands for a document's id where an annotator found both equally good; no document has an empty id."""

Answers = Mapping[str, int | str]
"""Answer by question; ``preferred`` is a doc_id or :data:`EQUAL`, never a side."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An item with everything that stands on it.

    Args:
        item: The item.
        review_set: Its set.
        judgements: What stands of each annotator, in the order of submission; skips are left out.
        grades: Grades given without (or before) a complete judgement, by annotator.
        adjudication: The lead's decision, or None.
        skips: What was left to others, and why.
    """

    item: Item
    review_set: ReviewSet
    judgements: tuple[Standing, ...]
    grades: Mapping[str, int] = field(default_factory=dict)
    adjudication: Standing | None = None
    skips: tuple[Standing, ...] = ()

    def settled(self, question: str) -> int | str | None:
        """The adjudicated answer, else that of more than half of the annotators, else None."""
        if self.adjudication is not None and self.adjudication.value is not None:
            return answers(self.adjudication.value).get(question)
        votes = {
            entry.event.annotator: answers(entry.value)[question]
            for entry in self.judgements
            if entry.value is not None and question in answers(entry.value)
        }
        return majority(list(({**self.grades, **votes} if question == "grade" else votes).values()))

    def differing(self) -> tuple[str, ...]:
        """The questions that annotators answered differently."""
        found = []
        for question in QUESTIONS[self.item.kind]:
            given = {answers(e.value).get(question) for e in self.judgements if e.value is not None} - {None}
            if len(given) > 1:
                found.append(question)
        return tuple(found)


def answers(value: Value) -> Answers:
    """A judgement's answers by question; what was not asked is not there."""
    if isinstance(value, DocumentJudgement):
        return {"grade": value.grade}
    if isinstance(value, PairJudgement):
        right = {} if value.reason_right is None else {"reason_right": value.reason_right}
        return {"preferred": value.preferred_id or EQUAL, **right}
    assert isinstance(value, ReasonJudgement)
    scales = {"correct": value.correct, "supported": value.supported, "complete": value.complete}
    return scales if value.grade is None else {"grade": value.grade, **scales}


def majority(votes: Sequence[int | str]) -> int | str | None:
    """What more than half say; None when nothing is.

    >>> majority([2, 2, 1]), majority([0, 2]), majority([])
    (2, None, None)
    """
    if not votes:
        return None
    answer, count = Counter(votes).most_common(1)[0]
    return answer if 2 * count > len(votes) else None


def judged_items(
    review_set: ReviewSet, items: Iterable[Item], standings: Iterable[Standing], events: Iterable[Event]
) -> list[Judged]:
    """A set's items with what stands on each, in the set's order."""
    by_item: dict[str, list[Standing]] = {}
    for standing in standings:
        by_item.setdefault(standing.item.item_id, []).append(standing)
    grades = _grades(events)
    found = []
    for item in items:
        mine = by_item.get(item.item_id, [])
        adjudications = [entry for entry in mine if entry.event.action == "adjudicate"]
        found.append(
            Judged(
                item,
                review_set,
                tuple(entry for entry in mine if entry.event.action == "judge"),
                grades.get(item.item_id, {}),
                adjudications[-1] if adjudications else None,
                tuple(entry for entry in mine if entry.event.action == "skip"),
            )
        )
    return found


def _grades(events: Iterable[Event]) -> dict[str, dict[str, int]]:
    """The blind grades that were not taken back, by item and annotator."""
    events = list(events)
    gone = {event.undoes for event in events}
    found: dict[str, dict[str, int]] = {}
    for event in events:
        given: Any = (event.value or {}).get("grade")
        if event.action == "grade" and event.event_id not in gone and given is not None:
            found.setdefault(event.item_id, {})[event.annotator] = given
    return found
