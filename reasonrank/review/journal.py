"""Append-only segments of everything that is stored, for machines whose disk forgets, and their replay at start.

A segment is a small file of JSON lines under a name of its own: the time, the writer, a counter. Nothing is ever
overwritten, so a restart, or two servers side by side, cannot lose what another one wrote. Submissions that wait
at the same time share a segment; each is acknowledged only when its segment is durable.
"""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from reasonrank.errors import InputError, ReasonRankError
from reasonrank.review.lines import parse_line, to_lines
from reasonrank.review.values import Entries, Event, Guideline, Item, ReviewSet

Row = ReviewSet | Item | Guideline | Event
log = logging.getLogger(__name__)

FOLDER = "review-segments"


class Shelf(Protocol):
    """Where segments lie. ``put`` returns when the segment is durable, and raises when it is not."""

    def put(self, name: str, content: bytes) -> None: ...

    def names(self) -> list[str]: ...

    def get(self, name: str) -> bytes: ...


class Journal:
    """Writes what is new to a shelf, and reads everything back. May be used from many threads at once.

    Args:
        shelf: Where segments lie.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._writer = uuid.uuid4().hex[:8]
        self._count = 0
        self._durable: set[tuple[str, ...]] = set()
        self._waiting: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()

    def replay(self) -> Entries:
        """Everything on the shelf; events in the order of their time.

        A last line that was cut off in the middle was never acknowledged and is left out; it is logged.
        """
        found: dict[str, dict[tuple[str, ...], Row]] = {"set": {}, "item": {}, "guideline": {}, "event": {}}
        for segment in sorted(self._shelf.names()):
            for kind, value in self._read(segment):
                found[kind].setdefault(_key(value), value)
        self._durable.update(key for values in found.values() for key in values)
        values = {kind: list(by_key.values()) for kind, by_key in found.items()}
        # Two submissions of one person may reach the shelf in either order; their times are in order.
        events = sorted((value for value in values["event"] if isinstance(value, Event)), key=lambda event: event.at)
        return Entries(
            tuple(value for value in values["set"] if isinstance(value, ReviewSet)),
            tuple(value for value in values["item"] if isinstance(value, Item)),
            tuple(value for value in values["guideline"] if isinstance(value, Guideline)),
            tuple(events),
        )

    def keep(self, entries: Entries) -> None:
        """Return when all of this is durable; what already is costs nothing.

        Raises:
            ReasonRankError: The segment could not be written. The same entries can be given again.
        """
        lines = [(_key(value), line) for value, line in zip(_flat(entries), to_lines(entries), strict=True)]
        wanted = {key for key, _ in lines}
        with self._lock:
            self._waiting.update((key, line) for key, line in lines if key not in self._durable)
            if wanted <= self._durable:
                return
        # Whoever comes first writes for all that wait; the others then find their own already written.
        with self._writing:
            with self._lock:
                if wanted <= self._durable:
                    return
                batch = dict(self._waiting)
            self._put("".join(batch.values()).encode())
            with self._lock:
                self._durable.update(batch)
                for key in batch:
                    self._waiting.pop(key, None)

    def _put(self, content: bytes) -> None:
        self._count += 1
        time = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
        name = f"{time}-{self._writer}-{self._count:06d}.jsonl"
        try:
            self._shelf.put(name, content)
        except Exception as error:
            log.exception("The segment %s could not be written", name)
            raise ReasonRankError(
                "The judgement could not be stored durably just now; it was not acknowledged. Try again in a moment."
            ) from error

    def _read(self, segment: str) -> Iterator[tuple[str, Row]]:
        lines = self._shelf.get(segment).decode("utf-8", errors="replace").split("\n")
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield parse_line(line)
            except InputError as error:
                if number < len(lines):
                    raise InputError(f"The segment {segment} is damaged in line {number}: {error}") from error
                log.warning("The segment %s ends in the middle of a line; it was never acknowledged.", segment)


def _key(value: Row) -> tuple[str, ...]:
    if isinstance(value, ReviewSet):
        return ("set", value.set_id)
    if isinstance(value, Item):
        return ("item", value.item_id)
    if isinstance(value, Guideline):
        return ("guideline", value.kind, str(value.version))
    assert isinstance(value, Event)
    return ("event", value.event_id)


def _flat(entries: Entries) -> list[Row]:
    """In the order of :func:`.lines.to_lines`."""
    return [*entries.sets, *entries.guidelines, *entries.items, *entries.events]
