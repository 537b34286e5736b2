"""The rules of a review as pure functions: who sees a pair how, what counts as blind, who agrees with the student."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

from reasonrank.review.checks import blind_half
from reasonrank.review.items import item_doc_ids
from reasonrank.review.values import Event, Item


def sides(item: Item, annotator: str) -> tuple[str, str]:
    """Which document of a pair stands left and which right for this annotator: by chance, and always the same.

    Empty for other kinds.
    """
    if item.kind != "pair":
        return "", ""
    first, second = item_doc_ids(item)
    odd = hashlib.sha256(f"{item.item_id}\0{annotator}".encode()).digest()[0] % 2
    return (second, first) if odd else (first, second)


def agreement_with_student(item: Item, event: Event) -> bool | None:
    """Whether a judgement agrees with the student: the grade with its label, the better document with its choice."""
    if event.action == "skip" or event.value is None:
        return None
    if item.kind == "pair":
        chosen = event.value["preferred"]
        if chosen == "equal":
            return None
        return bool(event.value[f"{chosen}_id"] == item.content["comparison"]["preferred_id"])
    student, grade = item.content["student"], event.value.get("grade")
    return None if student is None or grade is None else bool(grade == student["label"])


def with_sides(item: Item, name: str, given: Any) -> Any:
    """A pair's judgement with the sides as this annotator was shown them, whatever was sent."""
    if item.kind != "pair" or not isinstance(given, Mapping):
        return given
    left_id, right_id = sides(item, name)
    return {**given, "left_id": left_id, "right_id": right_id}


def has_answer(item: Item) -> bool:
    """Whether there is something to judge after the blind half."""
    return item.kind == "reason" or (item.kind == "pair" and bool(item.content["comparison"]["text"].strip()))


def revealed(mine: Iterable[Event]) -> bool:
    """Whether an annotator has seen the student's answer: also by what was taken back since."""
    return any(event.action in ("grade", "judge") for event in mine)


def graded(mine: Iterable[Event]) -> dict[str, Any] | None:
    """The blind half that stands, from the latest event that has one."""
    mine = list(mine)
    gone = {event.undoes for event in mine}
    halves = [blind_half(event.value or {}) for event in mine if event.action == "grade" and event.event_id not in gone]
    return halves[-1] if halves else None


def is_blind(earlier: Iterable[Event], value: Mapping[str, Any]) -> bool:
    """Whether the grade or side of ``value`` is the one given before the answer was shown."""
    first = next((event for event in earlier if event.action in ("grade", "judge")), None)
    return first is None or blind_half(first.value or {}) == blind_half(value)
