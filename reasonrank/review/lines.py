"""Sets, items, guidelines and events as JSON lines and back: one form for exports, imports and segments."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar

from reasonrank.errors import InputError
from reasonrank.review.values import ACTIONS, KINDS, Entries, Event, Guideline, Item, ReviewSet

Value = TypeVar("Value")
MAX_LINE = 4_000_000
"""Longest line read, in characters; an item with the longest documents stays far below."""


def to_lines(entries: Entries) -> Iterator[str]:
    """One JSON object a line, each with its ``type``; what others refer to comes first."""
    for name, values in (
        ("set", entries.sets),
        ("guideline", entries.guidelines),
        ("item", entries.items),
        ("event", entries.events),
    ):
        for value in values:
            row = {"type": name, **asdict(value)}
            yield json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"


def from_lines(lines: Iterable[str], where: str) -> Entries:
    """Entries from their lines.

    Raises:
        InputError: A line is not as expected; the message has ``where`` and its number.
    """
    found: dict[str, list[Any]] = {name: [] for name in _READERS}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            name, value = parse_line(line)
        except InputError as error:
            raise InputError(f"{where}, line {number}: {error}") from error
        found[name].append(value)
    return Entries(tuple(found["set"]), tuple(found["item"]), tuple(found["guideline"]), tuple(found["event"]))


def parse_line(line: str) -> tuple[str, ReviewSet | Item | Guideline | Event]:
    """One line's type and value.

    Raises:
        InputError: It is not as expected.
    """
    if len(line) > MAX_LINE:
        raise InputError(f"the line has {len(line):,} characters; at most {MAX_LINE:,} are read.")
    try:
        row = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise InputError("not a JSON object.") from error
    if not isinstance(row, dict) or row.get("type") not in _READERS:
        raise InputError(f"expected an object whose type is one of {list(_READERS)}.")
    name = row.pop("type")
    return name, _READERS[name](row)


def _reader(kind: type[Value], checks: Mapping[str, Callable[[Any], bool]]) -> Callable[[dict[str, Any]], Value]:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    required = [field.name for field in fields(kind) if field.default is MISSING]  # type: ignore[arg-type]

    def read(row: dict[str, Any]) -> Value:
        missing, unknown = sorted(set(required) - set(row)), sorted(set(row) - set(names))
        if missing or unknown:
            raise InputError(f"the {kind.__name__} lacks {missing} and has unknown {[name[:40] for name in unknown]}.")
        for name, check in checks.items():
            if not check(row[name]):
                raise InputError(f"{name} of the {kind.__name__} is {json.dumps(row[name])[:60]}, which it cannot be.")
        return kind(**row)

    return read


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value and value.isprintable()


def _any_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _object(value: Any) -> bool:
    return isinstance(value, dict)


_READERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "set": _reader(
        ReviewSet,
        {
            **dict.fromkeys(("set_id", "name"), _text),
            **dict.fromkeys(("student", "engine", "prompt_version"), _any_text),
            "annotators_per_item": lambda value: _whole(value) and 1 <= value <= 100,
            "blind_first": _flag,
            "lease_seconds": lambda value: _whole(value) and value >= 10,
            "created_at": _number,
        },
    ),
    "guideline": _reader(
        Guideline,
        {
            "kind": lambda value: value in KINDS,
            "version": lambda value: _whole(value) and value >= 1,
            "text": _any_text,
            "author": _text,
            "created_at": _number,
        },
    ),
    "item": _reader(
        Item,
        {
            **dict.fromkeys(("item_id", "set_id"), _text),
            **dict.fromkeys(("query_id", "query"), _any_text),
            "position": _whole,
            "kind": lambda value: value in KINDS,
            "content": _object,
        },
    ),
    "event": _reader(
        Event,
        {
            **dict.fromkeys(("event_id", "item_id", "annotator", "source"), _text),
            "action": lambda value: value in ACTIONS,
            "value": lambda value: value is None or _object(value),
            "undoes": lambda value: value is None or _text(value),
            "seconds": lambda value: value is None or _number(value),
            "guideline_version": _whole,
            "blind": _flag,
            "at": _number,
        },
    ),
}
