"""The values of a review: sets, frozen items, what annotators say of them, and what they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["document", "reason", "pair"]
KINDS: tuple[Kind, ...] = ("document", "reason", "pair")
Action = Literal["grade", "judge", "skip", "undo", "adjudicate"]
ACTIONS: tuple[Action, ...] = ("grade", "judge", "skip", "undo", "adjudicate")
Role = Literal["annotator", "lead"]
ROLES: tuple[Role, ...] = ("annotator", "lead")
Side = Literal["left", "right", "equal"]
SIDES: tuple[Side, ...] = ("left", "right", "equal")
SCALE = (0, 1, 2)
"""Three steps of correct, supported, complete and of a comparison's rightness: no, partly, yes."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts. The service trusts it: whoever makes one has checked the name (see :mod:`.identity`)."""

    name: str
    role: Role = "annotator"


@dataclass(frozen=True, slots=True)
class ReviewSet:
    """Items that are judged together.

    Args:
        set_id: Stable id.
        name: What people call it; unique.
        student: Model whose output is judged; of a set that grew, the first one.
        engine: What ran it.
        prompt_version: Version of the templates it was asked with.
        annotators_per_item: How many different people judge each item.
        blind_first: The grade (or the preferred side) is asked before the student's answer is shown.
        lease_seconds: How long an item stays reserved for whoever opened it.
        created_at: Seconds since the epoch.
    """

    set_id: str
    name: str
    student: str
    engine: str
    prompt_version: str
    annotators_per_item: int
    blind_first: bool
    lease_seconds: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to judge, frozen as it was when the set was made.

    ``content`` holds plain JSON values. A document: ``document`` (doc_id, title, text) and ``student`` (rank,
    score, label, label_probabilities, label_mass, order_by; null where no student judged). A reason: these and
    ``reason`` (status, text, written, label, evidence). A pair: ``documents`` (two, the upper one first) and
    ``comparison`` (preferred_id, other_id, text, probability, by_order, flipped, agrees_with_order, status). Each
    has ``made_by`` (student, engine, prompt_version), since a set may gather the output of several students.
    """

    item_id: str
    set_id: str
    position: int
    kind: Kind
    query_id: str
    query: str
    content: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Guideline:
    """How to judge one kind of item; editing makes the next version and keeps the earlier ones."""

    kind: Kind
    version: int
    text: str
    author: str
    created_at: float


@dataclass(frozen=True, slots=True)
class DocumentJudgement:
    """How well a document answers the question: 0 not, 1 partly, 2 fully."""

    grade: int


@dataclass(frozen=True, slots=True)
class ReasonJudgement:
    """What an annotator says of a direct reason.

    Args:
        correct, supported, complete: 0 no, 1 partly, 2 yes.
        grade: The document's own grade; None where the annotator was not asked.
        corrected: The reason as it should read; empty where it can stay.
        wrong_spans: Half-open code point ranges of the reason's text that are wrong, ascending.
    """

    correct: int
    supported: int
    complete: int
    grade: int | None = None
    corrected: str = ""
    wrong_spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class PairJudgement:
    """Which of two documents is better, by the side it stood on, and whether the comparative reason is right.

    ``reason_right`` is None where the student wrote no comparison.
    """

    preferred: Side
    left_id: str
    right_id: str
    reason_right: int | None = None

    @property
    def preferred_id(self) -> str | None:
        """The better document; None where they are equal."""
        return {"left": self.left_id, "right": self.right_id, "equal": None}[self.preferred]


Value = DocumentJudgement | ReasonJudgement | PairJudgement


@dataclass(frozen=True, slots=True)
class Event:
    """Something an annotator did, as it stays for ever.

    Args:
        event_id: Unique; made by whoever submits, so that a repeated submission is stored once.
        action: ``grade`` (the blind first half), ``judge``, ``skip``, ``undo`` or ``adjudicate``.
        value: The judgement as plain JSON; of a skip ``{"reason"}``; of an undo null.
        undoes: The event that an undo takes back.
        seconds: Time the annotator spent, as the page measured it; None where unknown.
        guideline_version: The guideline in force.
        blind: The grade (or side) was given before the student's answer was shown.
        source: ``page``, ``offline`` or ``import``.
        at: Seconds since the epoch.
    """

    event_id: str
    item_id: str
    annotator: str
    action: Action
    value: Mapping[str, Any] | None
    undoes: str | None
    seconds: float | None
    guideline_version: int
    blind: bool
    source: str
    at: float


@dataclass(frozen=True, slots=True)
class Task:
    """An item as one annotator may see it now.

    Args:
        item: The item; before the blind half is in, without the student's part.
        guideline: The guideline in force.
        revealed: The student's answer is in ``item.content``.
        standing: What this annotator has said of it so far (a judgement or a skip), or None.
        graded: The blind half as plain JSON, once given.
        left_id, right_id: Of a pair, which document stands where, for this annotator.
        agreed: After the judgement: did the annotator and the student agree? None where that cannot be said.
    """

    item: Item
    guideline: Guideline
    revealed: bool
    standing: Event | None = None
    graded: Mapping[str, Any] | None = None
    left_id: str = ""
    right_id: str = ""
    agreed: bool | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one annotator is in one set. ``left`` are items that may still come to this annotator."""

    judged: int
    skipped: int
    left: int
    total: int
    median_seconds: float | None


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands of one annotator on one item after undos and edits: the latest judgement or skip."""

    item: Item
    event: Event
    value: Value | None = None


@dataclass(frozen=True, slots=True)
class Entries:
    """Rows in the order in which they were made: what a segment, an export and an import carry."""

    sets: tuple[ReviewSet, ...] = ()
    items: tuple[Item, ...] = ()
    guidelines: tuple[Guideline, ...] = ()
    events: tuple[Event, ...] = field(default_factory=tuple)
