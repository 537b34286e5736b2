"""Rows of the review database to values and back; events are only ever added."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, select

from reasonrank.errors import InputError
from reasonrank.review import queue
from reasonrank.review.checks import MAX_TEXT, check_name, check_seconds, parse_blind, parse_value, plain_text
from reasonrank.review.database import Database
from reasonrank.review.guidelines import DEFAULTS
from reasonrank.review.schema import event, guideline, item, review_set, standing
from reasonrank.review.values import Entries, Event, Guideline, Item, Kind, ReviewSet, Standing

Clock = Callable[[], float]
Value = TypeVar("Value")
DEFAULT_AUTHOR = "ReasonRank"


class Store:
    """Everything that is stored and read, without asking who may; see :class:`.service.Review` for that.

    Args:
        database: Where.
        clock: Seconds since the epoch.
    """

    def __init__(self, database: Database, clock: Clock = time.time) -> None:
        self.database = database
        self.clock = clock

    def add(self, entries: Entries) -> Entries:
        """Store what is not there yet, in one transaction, and return just that.

        Raises:
            InputError: A set's name is taken by another set, or an item or event names something that is not there.
        """
        with self.database.write() as connection:
            return add_entries(connection, entries)

    def add_default_guidelines(self) -> Entries:
        """The first version of every guideline that has none; returns what was added."""
        with self.database.write() as connection:
            there = {guideline.kind for guideline in guidelines(connection)}
            now = self.clock()
            missing = [Guideline(kind, 1, text, DEFAULT_AUTHOR, now) for kind, text in DEFAULTS.items()]
            return add_entries(
                connection, Entries(guidelines=tuple(entry for entry in missing if entry.kind not in there))
            )

    def sets(self) -> tuple[ReviewSet, ...]:
        """All sets, the newest first."""

        with self.database.read() as connection:
            ordered = review_set.select().order_by(review_set.c.created_at.desc(), review_set.c.name)
            return tuple(_values(connection, ordered, ReviewSet))

    def set_named(self, name: str) -> ReviewSet:
        """The set of this name.

        Raises:
            InputError: There is none.
        """
        found = {entry.name: entry for entry in self.sets()}
        if name not in found:
            there = ", ".join(repr(known) for known in found) or "none yet"
            raise InputError(f"There is no review set named {name[:80]!r}; there are: {there}.")
        return found[name]

    def items(self, set_id: str) -> tuple[Item, ...]:
        """A set's items in their order."""
        with self.database.read() as connection:
            return items(connection, set_id)

    def events(self, set_id: str) -> tuple[Event, ...]:
        """Everything that was ever done in a set, in order."""
        with self.database.read() as connection:
            return events(connection, set_id=set_id)

    def standings(self, set_id: str) -> tuple[Standing, ...]:
        """What stands of every annotator, and the adjudications, by item and in the order of submission."""
        with self.database.read() as connection:
            return standings(connection, set_id)

    def entries(self, set_ids: Iterable[str] | None = None) -> Entries:
        """Everything of these sets (all by default), as an export or a segment carries it."""

        with self.database.read() as connection:
            chosen = list(_values(connection, review_set.select().order_by(review_set.c.created_at), ReviewSet))
            if set_ids is not None:
                wanted = set(set_ids)
                chosen = [entry for entry in chosen if entry.set_id in wanted]
            return Entries(
                tuple(chosen),
                tuple(item for entry in chosen for item in items(connection, entry.set_id)),
                guidelines(connection),
                tuple(event for entry in chosen for event in events(connection, set_id=entry.set_id)),
            )


def add_entries(connection: Connection, entries: Entries) -> Entries:
    """:meth:`Store.add` within a transaction."""

    _check_names(connection, entries.sets)
    new_sets = _insert_new(connection, review_set, entries.sets, "set_id")
    known = {entry.set_id: entry for entry in _values(connection, review_set.select(), ReviewSet)}
    for entry in entries.items:
        if entry.set_id not in known:
            raise InputError(f"The item {entry.item_id!r} belongs to a set that is not here: {entry.set_id!r}.")
    new_items = _insert_new(connection, item, entries.items, "item_id")
    for entry in new_items:
        queue.add_places(connection, entry, known[entry.set_id].annotators_per_item)
    new_guidelines = _insert_new(connection, guideline, entries.guidelines, "kind", "version")
    _check_events(connection, entries.events)
    new_events = _insert_new(connection, event, entries.events, "event_id")
    times: dict[tuple[str, str], list[float]] = {}
    for new in new_events:
        times.setdefault((new.item_id, new.annotator), []).append(new.at)
    for item_id, name in sorted(times):  # in one order for everybody, so that two imports cannot block each other
        queue.settle(connection, item_id, name)
        queue.note_assignment(connection, item_id, name, min(times[item_id, name]))
    return Entries(tuple(new_sets), tuple(new_items), tuple(new_guidelines), tuple(new_events))


def items(connection: Connection, set_id: str) -> tuple[Item, ...]:
    """A set's items in their order."""

    return tuple(_values(connection, item.select().where(item.c.set_id == set_id).order_by(item.c.position), Item))


def find_item(connection: Connection, item_id: str) -> tuple[Item, ReviewSet]:
    """An item and its set.

    Raises:
        InputError: There is no such item.
    """

    found = list(_values(connection, item.select().where(item.c.item_id == item_id), Item))
    if not found:
        raise InputError("There is no such review item.")
    chosen = review_set.select().where(review_set.c.set_id == found[0].set_id)
    return found[0], next(iter(_values(connection, chosen, ReviewSet)))


def guidelines(connection: Connection) -> tuple[Guideline, ...]:
    """Every version, oldest first."""

    return tuple(_values(connection, guideline.select().order_by(guideline.c.version, guideline.c.kind), Guideline))


def guideline_in_force(connection: Connection, kind: Kind) -> Guideline:
    """The newest version for this kind of item."""
    return [entry for entry in guidelines(connection) if entry.kind == kind][-1]


def events(
    connection: Connection, *, set_id: str | None = None, item_id: str | None = None, annotator: str | None = None
) -> tuple[Event, ...]:
    """Events in the order in which they were stored, narrowed down by whatever is given."""

    chosen = event.select().order_by(event.c.seq)
    if set_id is not None:
        chosen = chosen.where(
            event.c.item_id.in_(item.select().with_only_columns(item.c.item_id).where(item.c.set_id == set_id))
        )
    if item_id is not None:
        chosen = chosen.where(event.c.item_id == item_id)
    if annotator is not None:
        chosen = chosen.where(event.c.annotator == annotator)
    return tuple(_values(connection, chosen, Event))


def standings(connection: Connection, set_id: str, annotator: str | None = None) -> tuple[Standing, ...]:
    """What stands in a set, of everyone or of one annotator; adjudications are among it."""

    wanted = item.select().where(item.c.set_id == set_id)
    if annotator is not None:
        theirs = select(event.c.item_id).where(event.c.annotator == annotator)
        wanted = wanted.where(item.c.item_id.in_(theirs))
    by_id = {entry.item_id: entry for entry in _values(connection, wanted, Item)}
    chosen = (
        standing.select()
        .join(item, item.c.item_id == standing.c.item_id)
        .where(item.c.set_id == set_id)
        .order_by(item.c.position, standing.c.seq)
    )
    if annotator is not None:
        chosen = chosen.where(standing.c.annotator == annotator, standing.c.action != "adjudicate")
    found = []
    for entry in _values(connection, chosen, Event):
        of = by_id[entry.item_id]
        value = None if entry.action == "skip" else parse_value(of, entry.value)
        found.append(Standing(of, entry, value))
    return tuple(found)


def insert_event(connection: Connection, entry: Event) -> None:
    """Append one event that is known to be new."""

    connection.execute(event.insert(), asdict(entry))


def _check_names(connection: Connection, sets: Sequence[ReviewSet]) -> None:

    taken = {row.name: row.set_id for row in connection.execute(review_set.select())}
    for entry in sets:
        if taken.get(entry.name, entry.set_id) != entry.set_id:
            raise InputError(f"There is another review set named {entry.name!r} already; choose another name.")


def _check_events(connection: Connection, new: Sequence[Event]) -> None:
    """Events from elsewhere: their items are here, their values are judgements of these, an undo is of one's own."""
    known = {entry.item_id: entry for entry in _values(connection, item.select(), Item)} if new else {}
    stored = {row.event_id: row for row in connection.execute(event.select())} if new else {}
    coming = {entry.event_id: entry for entry in new}
    for entry in new:
        of = known.get(entry.item_id)
        if of is None:
            raise InputError(f"The event {entry.event_id!r} is about an item that is not here: {entry.item_id!r}.")
        target = stored.get(entry.undoes) or coming.get(entry.undoes or "")
        own = target is not None and (target.item_id, target.annotator) == (entry.item_id, entry.annotator)
        if (entry.action == "undo") != (entry.undoes is not None) or (entry.undoes is not None and not own):
            raise InputError(f"The event {entry.event_id!r} takes back something that is not there.")
        check_name(entry.annotator)
        check_seconds(entry.seconds)
        if entry.action == "grade":
            parse_blind(of, entry.value)
        elif entry.action in ("judge", "adjudicate"):
            parse_value(of, entry.value)
        elif entry.action == "skip":
            plain_text((entry.value or {}).get("reason"), "the reason for skipping", MAX_TEXT)


def _insert_new(connection: Connection, table: Table, values: Sequence[Value], *keys: str) -> list[Value]:
    """Insert the rows whose key is not there yet, and return just these."""

    return [value for value in values if queue.insert_if_new(connection, table, asdict(value), *keys)]  # type: ignore[call-overload]


def _values(connection: Connection, chosen: Select, kind: type[Value]) -> Iterable[Value]:
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    for row in connection.execute(chosen).mappings():
        yield kind(**_picked(row, names))


def _picked(row: Mapping[Any, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}
