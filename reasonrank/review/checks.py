"""Judgements as they arrive, from a page, a file or anywhere, to checked values; and values to plain JSON."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from reasonrank.data import GRADES
from reasonrank.errors import InputError
from reasonrank.review.items import item_doc_ids
from reasonrank.review.values import SCALE, SIDES, DocumentJudgement, Item, PairJudgement, ReasonJudgement, Value

MAX_TEXT = 4000
"""Longest corrected reason, and longest reason for a skip, in characters."""
MAX_SPANS = 50
MAX_NAME = 80
MAX_SECONDS = 24 * 3600.0

FIELDS: Mapping[str, frozenset[str]] = {
    "document": frozenset({"grade"}),
    "reason": frozenset({"correct", "supported", "complete", "grade", "corrected", "wrong_spans"}),
    "pair": frozenset({"preferred", "left_id", "right_id", "reason_right"}),
}


def parse_value(item: Item, given: Any) -> Value:
    """A complete judgement of ``item`` from plain JSON values.

    Raises:
        InputError: Something is missing, unknown or out of range; the message names it.
    """
    fields = _fields(item, given)
    if item.kind == "document":
        return DocumentJudgement(_step(fields, "grade", GRADES))
    if item.kind == "pair":
        return _pair(item, fields)
    text = item.content["reason"]["text"]
    corrected = plain_text(fields.get("corrected", ""), "corrected", MAX_TEXT)
    return ReasonJudgement(
        correct=_step(fields, "correct", SCALE),
        supported=_step(fields, "supported", SCALE),
        complete=_step(fields, "complete", SCALE),
        grade=None if fields.get("grade") is None else _step(fields, "grade", GRADES),
        corrected="" if corrected == text else corrected,
        wrong_spans=_spans(fields.get("wrong_spans", []), len(text)),
    )


def parse_blind(item: Item, given: Any) -> dict[str, Any]:
    """The half that is asked before the student's answer is shown: a grade, or a pair's side, as plain JSON.

    Raises:
        InputError: It is not as expected.
    """
    fields = _fields(item, given)
    if item.kind == "pair":
        pair = _pair(item, {**fields, "reason_right": None}, with_reason=False)
        return {"preferred": pair.preferred, "left_id": pair.left_id, "right_id": pair.right_id}
    return {"grade": _step(fields, "grade", GRADES)}


def value_to_json(value: Value) -> dict[str, Any]:
    """Plain JSON values that :func:`parse_value` reads back."""
    fields = asdict(value)
    if isinstance(value, ReasonJudgement):
        fields["wrong_spans"] = [list(span) for span in value.wrong_spans]
    return fields


def blind_half(value: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a judgement that a blind set asks for first."""
    return {name: value[name] for name in ("grade", "preferred", "left_id", "right_id") if value.get(name) is not None}


def check_name(name: Any) -> str:
    """An annotator's name, trimmed and normalised, so that two that look the same are the same.

    Raises:
        InputError: It is empty, too long or has control characters.
    """
    text = unicodedata.normalize("NFC", plain_text(name, "name", 10 * MAX_NAME)).strip()
    if not 1 <= len(text) <= MAX_NAME or not text.isprintable():
        raise InputError(f"A name has 1 to {MAX_NAME} printable characters; got {text[:MAX_NAME]!r}.")
    return text


def check_seconds(seconds: Any) -> float | None:
    """Time spent on an item; None where it was not measured.

    Raises:
        InputError: It is no number, negative, or longer than a day.
    """
    if seconds is None:
        return None
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not number or not math.isfinite(seconds) or not 0 <= seconds <= MAX_SECONDS:
        raise InputError(f"seconds is {seconds!r}; expected a number from 0 to {MAX_SECONDS:.0f}.")
    return float(seconds)


def plain_text(text: Any, name: str, longest: int) -> str:
    """Text that can be stored and sent on: trimmed, at most ``longest`` characters.

    Raises:
        InputError: It is no text, too long, or has characters that no database holds.
    """
    if not isinstance(text, str):
        raise InputError(f"{name} is {str(text)[:60]!r}; expected text.")
    if len(text) > longest:
        raise InputError(f"{name} has {len(text):,} characters; at most {longest:,} are kept.")
    if "\0" in text or any(0xD800 <= ord(character) <= 0xDFFF for character in text):
        raise InputError(f"{name} has a character in it that is no text (a zero byte or half a character).")
    return text.strip()


def _fields(item: Item, given: Any) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise InputError(f"The judgement is a {type(given).__name__}; expected an object.")
    unknown = sorted(str(name)[:40] for name in set(given) - FIELDS[item.kind])
    if unknown:
        raise InputError(f"A {item.kind} judgement has no {unknown}; it has {sorted(FIELDS[item.kind])}.")
    return given


def _step(fields: Mapping[str, Any], name: str, steps: tuple[int, ...]) -> int:
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or value not in steps:
        raise InputError(f"{name} is {str(value)[:40]!r}; expected one of {list(steps)}.")
    return value


def _spans(given: Any, length: int) -> tuple[tuple[int, int], ...]:
    if not isinstance(given, list | tuple) or len(given) > MAX_SPANS:
        raise InputError(f"wrong_spans is not a list of at most {MAX_SPANS} [start, end] pairs.")
    spans = []
    for span in given:
        whole = isinstance(span, list | tuple) and len(span) == 2 and all(type(place) is int for place in span)
        if not whole or not 0 <= span[0] < span[1] <= length:
            raise InputError(f"wrong_spans has {str(span)[:40]!r}; expected [start, end] within 0 to {length}.")
        spans.append((span[0], span[1]))
    spans.sort()
    if any(later[0] < earlier[1] for earlier, later in pairwise(spans)):
        raise InputError("wrong_spans overlap; mark each place once.")
    return tuple(spans)


def _pair(item: Item, fields: Mapping[str, Any], *, with_reason: bool = True) -> PairJudgement:
    preferred = fields.get("preferred")
    if preferred not in SIDES:
        raise InputError(f"preferred is {str(preferred)[:40]!r}; expected one of {list(SIDES)}.")
    left, right = fields.get("left_id"), fields.get("right_id")
    if {left, right} != set(item_doc_ids(item)):
        raise InputError("left_id and right_id are not the two documents of this pair.")
    asked = with_reason and item.content["comparison"]["text"].strip()
    right_step = _step(fields, "reason_right", SCALE) if asked else None
    return PairJudgement(preferred, str(left), str(right), right_step)
