"""Who gets which item: every item has as many places as it needs judgements, and a place is reserved for a while.

All functions work within a transaction of the caller's. On PostgreSQL a claim locks the place's row and skips
locked ones; on SQLite a writing transaction is alone anyway.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Exists, Table, and_, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from reasonrank.review.schema import annotator as annotators
from reasonrank.review.schema import assignment, item, place, standing
from reasonrank.review.values import Item


def insert_if_new(connection: Connection, table: Table, row: dict[str, Any], *keys: str) -> bool:
    """Insert a row unless its key is there; whether it was inserted."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = insert(table).values(row).on_conflict_do_nothing(index_elements=list(keys))
    # Not by the row count, which drivers do not promise for an insert.
    return connection.execute(statement.returning(table.c[keys[0]])).first() is not None


def add_places(connection: Connection, added: Item, count: int) -> None:
    """Open ``count`` places for a new item."""
    rows = [
        {"item_id": added.item_id, "number": number, "set_id": added.set_id, "position": added.position, "done": False}
        for number in range(1, count + 1)
    ]
    connection.execute(place.insert(), rows)


def lock_annotator(connection: Connection, name: str) -> None:
    """Let only one transaction at a time act for this annotator."""
    insert_if_new(connection, annotators, {"name": name}, "name")
    connection.execute(select(annotators).where(annotators.c.name == name).with_for_update())


def claim(connection: Connection, set_id: str, annotator: str, now: float, lease_seconds: float) -> str | None:
    """Reserve the next item for this annotator; the one that they hold already comes first.

    Items are filled in the set's order, so that judgements of the same item gather early. An item that the
    annotator has skipped or judged never comes back by itself.

    Returns:
        The item's id, or None when nothing is left for this annotator now.
    """
    other = place.alias()
    free = or_(place.c.annotator.is_(None), place.c.lease_until < now)
    has_another = exists().where(other.c.item_id == place.c.item_id, other.c.annotator == annotator)
    waiting = (
        select(place.c.item_id, place.c.number)
        .where(place.c.set_id == set_id, place.c.done.is_(False), ~_finished(annotator))
        .order_by(place.c.position, place.c.number)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    # Two questions rather than one, so that each is answered from an index, in its order, at the first row.
    chosen = (
        connection.execute(waiting.where(place.c.annotator == annotator)).first()
        or connection.execute(waiting.where(and_(free, ~has_another))).first()
    )
    if chosen is None:
        return None
    connection.execute(
        update(place)
        .where(place.c.item_id == chosen.item_id, place.c.number == chosen.number)
        .values(annotator=annotator, lease_until=now + lease_seconds)
    )
    note_assignment(connection, chosen.item_id, annotator, now)
    return str(chosen.item_id)


def renew(connection: Connection, item_id: str, annotator: str, until: float) -> None:
    """Keep the annotator's place, if they still have one, until then."""
    mine = (place.c.item_id == item_id, place.c.annotator == annotator, place.c.done.is_(False))
    connection.execute(update(place).where(*mine).values(lease_until=until))


def note_assignment(connection: Connection, item_id: str, annotator: str, now: float) -> None:
    """Remember for ever that this annotator was given this item."""
    row = {"item_id": item_id, "annotator": annotator, "assigned_at": now}
    insert_if_new(connection, assignment, row, "item_id", "annotator")


def was_assigned(connection: Connection, item_id: str, annotator: str) -> bool:
    """Whether this annotator was ever given this item."""
    mine = (assignment.c.item_id == item_id, assignment.c.annotator == annotator)
    return connection.execute(select(assignment).where(*mine)).first() is not None


def settle(connection: Connection, item_id: str, annotator: str, hold_until: float | None = None) -> None:
    """Make the annotator's place on an item agree with what stands of them.

    A judgement holds a place for good: their own, else a free one, else an added one, so that nothing that was
    submitted is refused because somebody was faster. A skip gives the place back. With nothing standing, the
    place is kept until ``hold_until``, or given back without it.
    """
    # Lock the item's places in one order, so that two annotators settling at once cannot take the same one.
    places = connection.execute(
        select(place).where(place.c.item_id == item_id).order_by(place.c.number).with_for_update()
    ).all()
    action = connection.scalar(
        select(standing.c.action).where(
            standing.c.item_id == item_id,
            standing.c.annotator == annotator,
            standing.c.action.in_(("judge", "skip")),
        )
    )
    if action == "judge":
        changes = {"annotator": annotator, "done": True, "lease_until": None}
    elif action is None and hold_until is not None:
        changes = {"annotator": annotator, "done": False, "lease_until": hold_until}
    else:
        changes = {"annotator": None, "done": False, "lease_until": None}
    own = [row.number for row in places if row.annotator == annotator]
    free = [row.number for row in places if row.annotator is None]
    if own or (free and changes["annotator"]):
        number = (own or free)[0]
        connection.execute(update(place).where(place.c.item_id == item_id, place.c.number == number).values(changes))
    elif action == "judge":
        last = max(row.number for row in places)
        target = connection.execute(select(item.c.set_id, item.c.position).where(item.c.item_id == item_id)).one()
        row = {"item_id": item_id, "number": last + 1, "set_id": target.set_id, "position": target.position}
        connection.execute(place.insert(), {**row, **changes})


def left_for(connection: Connection, set_id: str, annotator: str) -> int:
    """How many items of a set may still come to this annotator."""
    counted = select(func.count(func.distinct(place.c.item_id))).where(
        place.c.set_id == set_id, place.c.done.is_(False), ~_finished(annotator)
    )
    return int(connection.scalar(counted) or 0)


def _finished(annotator: str) -> Exists:
    """Whether something stands of this annotator on the item of the place at hand."""
    return exists().where(
        standing.c.item_id == place.c.item_id,
        standing.c.annotator == annotator,
        standing.c.action.in_(("judge", "skip")),
    )
