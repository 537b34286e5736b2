"""A lead's figures: states, people, agreement, annotators against the student, and what they disagree on."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from reasonrank.data import GRADES
from reasonrank.review.agreement import RESAMPLES, Agreement, agreement
from reasonrank.review.consensus import QUESTIONS, Judged, answers
from reasonrank.review.values import Event, Item, Kind, Standing

ItemState = Literal["waiting", "in_progress", "complete", "disagreement", "adjudicated"]
ITEM_STATES: tuple[ItemState, ...] = ("waiting", "in_progress", "complete", "disagreement", "adjudicated")
BINS = 5
"""Bins of the student's confidence between a third (it does not know) and one."""


@dataclass(frozen=True, slots=True)
class AnnotatorFigures:
    """One person's work in a set; ``agreed`` of ``compared`` judgements agree with the student."""

    name: str
    judged: int
    skipped: int
    median_seconds: float | None
    agreed: int
    compared: int


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Judgements where the student's probability of its label lay between ``low`` and ``high``.

    Args:
        low, high: The bin's ends.
        judgements: How many.
        confidence: The student's mean probability of its label.
        right: Share in which the annotator gave that label.
    """

    low: float
    high: float
    judgements: int
    confidence: float
    right: float

    @property
    def overconfidence(self) -> float:
        """How much surer the student is than it is right; negative where it is too modest."""
        return self.confidence - self.right


@dataclass(frozen=True, slots=True)
class LeadReport:
    """Everything a lead sees of a set at once.

    Args:
        states: Items by state.
        annotators: By name.
        agreements: By kind of item and question.
        confusion: Judgements by annotator's grade (rows, 0 1 2) and student's label (columns).
        reliability: Bins that hold anything, ascending.
    """

    states: Mapping[ItemState, int]
    annotators: tuple[AnnotatorFigures, ...]
    agreements: Mapping[tuple[Kind, str], Agreement]
    confusion: tuple[tuple[int, int, int], ...]
    reliability: tuple[ReliabilityBin, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """What one annotator said at one time, without the name.

    Args:
        letter: Stands for the annotator, on this item only.
        number: From 1, over this annotator's versions.
        stands: It is neither edited nor taken back since.
        action: ``grade``, ``judge`` or ``skip``.
        value: As plain JSON.
    """

    letter: str
    number: int
    stands: bool
    action: str
    value: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Disagreement:
    """An item whose annotators differ, with all versions of all of them."""

    item: Item
    questions: tuple[str, ...]
    versions: tuple[Version, ...]


def lead_report(
    judged: Sequence[Judged], standings: Iterable[Standing], held: Iterable[str], resamples: int = RESAMPLES
) -> LeadReport:
    """The figures of one set.

    Args:
        judged: Its items with what stands on them.
        standings: What stands, skips too.
        held: Ids of items that somebody has open now.
        resamples: Of the agreement's bootstrap.
    """
    open_now = set(held)
    states = dict.fromkeys(ITEM_STATES, 0)
    for entry in judged:
        states[item_state(entry, entry.item.item_id in open_now)] += 1
    return LeadReport(
        states,
        _annotators(standings),
        {
            (kind, question): agreement(
                _ratings(judged, kind, question),
                "nominal" if question == "preferred" else "ordinal",
                resamples=resamples,
            )
            for kind, questions in QUESTIONS.items()
            for question in questions
        },
        confusion(judged),
        reliability(judged),
    )


def item_state(judged: Judged, held: bool = False) -> ItemState:
    """Where an item stands."""
    if judged.adjudication is not None:
        return "adjudicated"
    if judged.differing():
        return "disagreement"
    if len(judged.judgements) >= judged.review_set.annotators_per_item:
        return "complete"
    return "in_progress" if judged.judgements or judged.grades or held else "waiting"


def confusion(judged: Iterable[Judged]) -> tuple[tuple[int, int, int], ...]:
    """Judgements by annotator's grade (rows) and student's label (columns); adjudications are not counted."""
    counts = [[0, 0, 0] for _ in GRADES]
    for grade, label, _ in _graded(judged):
        counts[grade][label] += 1
    return tuple((row[0], row[1], row[2]) for row in counts)


def reliability(judged: Iterable[Judged], bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """The student's confidence in its label against how often annotators gave that label."""
    low = 1 / len(GRADES)
    width = (1 - low) / bins
    held: dict[int, list[tuple[float, bool]]] = {}
    for grade, label, confidence in _graded(judged):
        place = min(bins - 1, max(0, int((confidence - low) / width)))
        held.setdefault(place, []).append((confidence, grade == label))
    return tuple(
        ReliabilityBin(
            low + place * width,
            low + (place + 1) * width,
            len(found),
            statistics.fmean(confidence for confidence, _ in found),
            statistics.fmean(right for _, right in found),
        )
        for place, found in sorted(held.items())
    )


def disagreements(judged: Iterable[Judged], events: Iterable[Event]) -> tuple[Disagreement, ...]:
    """Items that wait for an adjudication, in the set's order, with letters in place of names."""
    by_item: dict[str, list[Event]] = {}
    for event in events:
        by_item.setdefault(event.item_id, []).append(event)
    return tuple(
        Disagreement(entry.item, entry.differing(), versions(entry, by_item.get(entry.item.item_id, [])))
        for entry in judged
        if entry.adjudication is None and entry.differing()
    )


def versions(judged: Judged, events: Sequence[Event]) -> tuple[Version, ...]:
    """All versions of all annotators; the letters follow from the item, so that they say nothing across items."""
    names = sorted(
        {event.annotator for event in events if event.action != "adjudicate"},
        key=lambda name: hashlib.sha256(f"{judged.item.item_id}\0{name}".encode()).digest(),
    )
    standing = {entry.event.event_id for entry in judged.judgements}
    found = []
    for place, name in enumerate(names):
        said = [e for e in events if e.annotator == name and e.action in ("grade", "judge", "skip")]
        found += [
            Version(_letter(place), number, event.event_id in standing, event.action, event.value or {})
            for number, event in enumerate(said, start=1)
        ]
    return tuple(found)


def _letter(place: int) -> str:
    """A to Z, then AA and so on."""
    return chr(65 + place) if place < 26 else _letter(place // 26 - 1) + _letter(place % 26)


def _annotators(standings: Iterable[Standing]) -> tuple[AnnotatorFigures, ...]:
    from reasonrank.review.rules import agreement_with_student

    by_name: dict[str, list[Standing]] = {}
    for entry in standings:
        if entry.event.action != "adjudicate":
            by_name.setdefault(entry.event.annotator, []).append(entry)
    found = []
    for name, mine in sorted(by_name.items()):
        judged = [entry for entry in mine if entry.event.action == "judge"]
        seconds = [entry.event.seconds for entry in judged if entry.event.seconds is not None]
        agreed = [agreement_with_student(entry.item, entry.event) for entry in judged]
        found.append(
            AnnotatorFigures(
                name,
                len(judged),
                len(mine) - len(judged),
                statistics.median(seconds) if seconds else None,
                agreed.count(True),
                len(agreed) - agreed.count(None),
            )
        )
    return tuple(found)


def _ratings(judged: Iterable[Judged], kind: Kind, question: str) -> dict[str, dict[str, int]]:
    """Answers as numbers. A pair's preferred document becomes its place in the list, so that sides play no part."""
    found: dict[str, dict[str, int]] = {}
    for entry in judged:
        if entry.item.kind != kind:
            continue
        mine = {}
        for standing in entry.judgements:
            answer = None if standing.value is None else answers(standing.value).get(question)
            if isinstance(answer, str):
                listed = [document["doc_id"] for document in entry.item.content["documents"]]
                answer = listed.index(answer) if answer in listed else len(listed)
            if answer is not None:
                mine[standing.event.annotator] = answer
        found[entry.item.item_id] = mine
    return found


def _graded(judged: Iterable[Judged]) -> list[tuple[int, int, float]]:
    """``(grade, student's label, its probability)`` of every judgement that has all three."""
    found = []
    for entry in judged:
        student = entry.item.content.get("student")
        if student is None:
            continue
        for standing in entry.judgements:
            grade = None if standing.value is None else answers(standing.value).get("grade")
            if isinstance(grade, int):
                label = int(student["label"])
                found.append((grade, label, float(student["label_probabilities"][label])))
    return found
