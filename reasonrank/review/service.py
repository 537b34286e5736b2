"""What annotators and leads may do: every method takes who asks, and checks it."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, select

from reasonrank.errors import InputError, ReasonRankError
from reasonrank.review import queue
from reasonrank.review.checks import (
    MAX_TEXT,
    blind_half,
    check_name,
    check_seconds,
    parse_blind,
    parse_value,
    plain_text,
    value_to_json,
)
from reasonrank.review.items import without_answer
from reasonrank.review.rules import agreement_with_student, graded, has_answer, is_blind, revealed, sides, with_sides
from reasonrank.review.schema import event as event_table
from reasonrank.review.schema import item as item_table
from reasonrank.review.schema import standing
from reasonrank.review.store import (
    Store,
    events,
    find_item,
    guideline_in_force,
    guidelines,
    insert_event,
    standings,
)
from reasonrank.review.values import (
    Action,
    Entries,
    Event,
    Guideline,
    Identity,
    Item,
    Kind,
    Progress,
    ReviewSet,
    Standing,
    Task,
)

if TYPE_CHECKING:
    from reasonrank.review.journal import Journal

EVENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
MAX_GUIDELINE = 20_000


class NotAllowedError(ReasonRankError):
    """Whoever asked may not do or see this."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo took back, and the item as it stands now for whoever took it back."""

    event: Event
    task: Task


class Review:
    """The review tab's back end. Methods may be called from many threads and processes at once.

    A method that saves returns only when the event is committed, and, where a journal is given, when its segment
    is durable; if it raises, nothing is acknowledged, and the same ``event_id`` can be submitted again.

    Args:
        store: The database.
        journal: Where events go besides the database, on machines whose disk forgets.
    """

    def __init__(self, store: Store, journal: Journal | None = None) -> None:
        self.store = store
        self.journal = journal
        if journal is not None:
            self.store.add(journal.replay())
        self.store.add_default_guidelines()
        if journal is not None:
            journal.keep(self.store.entries())

    # -- sets and guidelines ---------------------------------------------------------------------------------

    def sets(self, who: Identity) -> tuple[ReviewSet, ...]:
        """All sets, the newest first."""
        check_name(who.name)
        return self.store.sets()

    def guideline(self, kind: Kind) -> Guideline:
        """The guideline in force."""
        with self.store.database.read() as connection:
            return guideline_in_force(connection, kind)

    def guideline_versions(self, kind: Kind) -> tuple[Guideline, ...]:
        """Every version, oldest first."""
        with self.store.database.read() as connection:
            return tuple(entry for entry in guidelines(connection) if entry.kind == kind)

    # -- an annotator's work ---------------------------------------------------------------------------------

    def next_task(self, who: Identity, set_id: str) -> Task | None:
        """The item that this annotator holds, or the next one; None when nothing is left for them now.

        Raises:
            InputError: There is no such set.
        """
        name = check_name(who.name)
        chosen = self._set(set_id)
        with self.store.database.write() as connection:
            queue.lock_annotator(connection, name)
            item_id = queue.claim(connection, set_id, name, self.store.clock(), chosen.lease_seconds)
            return None if item_id is None else self._task(connection, item_id, name)

    def open_task(self, who: Identity, item_id: str) -> Task:
        """An item that this annotator was given, again; reserves it anew where it is still to be judged.

        Raises:
            InputError: There is no such item.
            NotAllowedError: It was never given to this annotator.
        """
        name = check_name(who.name)
        with self.store.database.write() as connection:
            _, chosen = self._assigned(connection, item_id, name)
            queue.renew(connection, item_id, name, self.store.clock() + chosen.lease_seconds)
            return self._task(connection, item_id, name)

    def grade(self, who: Identity, item_id: str, value: Any, *, event_id: str, seconds: float | None = None) -> Task:
        """The blind half of a reason or a pair: the grade or the preferred side. The answer is shown after it.

        Raises:
            InputError: The value is not as expected.
            NotAllowedError: The item was never given to this annotator.
        """
        return self._save(who, item_id, "grade", value, event_id, seconds)

    def judge(self, who: Identity, item_id: str, value: Any, *, event_id: str, seconds: float | None = None) -> Task:
        """A complete judgement, or a later edit of it; ``seconds`` counts both halves.

        Raises:
            InputError: The value is not as expected, or the blind half is still missing.
            NotAllowedError: The item was never given to this annotator.
        """
        return self._save(who, item_id, "judge", value, event_id, seconds)

    def skip(self, who: Identity, item_id: str, reason: str, *, event_id: str, seconds: float | None = None) -> Task:
        """Leave an item to others, saying why.

        Raises:
            InputError: The reason is empty or too long.
            NotAllowedError: The item was never given to this annotator.
        """
        return self._save(who, item_id, "skip", {"reason": reason}, event_id, seconds)

    def undo(self, who: Identity, set_id: str, *, event_id: str) -> Undone | None:
        """Take back the last thing this annotator did in a set; None when there is nothing to take back.

        Undoing twice takes back the last two things.
        """
        name = check_name(who.name)
        chosen = self._set(set_id)
        with self.store.database.write() as connection:
            queue.lock_annotator(connection, name)
            made = known_event(connection, event_id, name)
            if made is None:
                mine = events(connection, set_id=set_id, annotator=name)
                gone = {event.undoes for event in mine}
                last = [e for e in mine if e.action in ("grade", "judge", "skip") and e.event_id not in gone]
                if not last:
                    return None
                made = replace(
                    last[-1],
                    event_id=event_id,
                    action="undo",
                    value=None,
                    undoes=last[-1].event_id,
                    seconds=None,
                    source="page",
                    at=self.store.clock(),
                )
                insert_event(connection, made)
                queue.settle(connection, made.item_id, name, self.store.clock() + chosen.lease_seconds)
            if made.action != "undo":
                raise InputError("This event_id was used for something else; make a new one for every submission.")
            taken = next(e for e in events(connection, item_id=made.item_id) if e.event_id == made.undoes)
            undone = Undone(taken, self._task(connection, made.item_id, name))
        self.keep(Entries(events=(made,)))
        return undone

    def mine(self, who: Identity, set_id: str) -> tuple[Standing, ...]:
        """What stands of this annotator in a set, in the order of the first submission: earlier and later."""
        name = check_name(who.name)
        with self.store.database.read() as connection:
            found = standings(connection, set_id, name)
            first: dict[str, int] = {}
            for number, event in enumerate(events(connection, set_id=set_id, annotator=name)):
                first.setdefault(event.item_id, number)
        return tuple(sorted(found, key=lambda entry: first[entry.item.item_id]))

    def history(self, who: Identity, item_id: str) -> tuple[Event, ...]:
        """Everything this annotator ever did on an item, oldest first."""
        with self.store.database.read() as connection:
            return events(connection, item_id=item_id, annotator=check_name(who.name))

    def progress(self, who: Identity, set_id: str) -> Progress:
        """How far this annotator is."""
        name = check_name(who.name)
        with self.store.database.read() as connection:
            stands = (
                select(standing.c.action, standing.c.seconds)
                .join(item_table, item_table.c.item_id == standing.c.item_id)
                .where(item_table.c.set_id == set_id, standing.c.annotator == name)
                .where(standing.c.action.in_(("judge", "skip")))
            )
            found = connection.execute(stands).all()
            total = connection.scalar(select(func.count(item_table.c.item_id)).where(item_table.c.set_id == set_id))
            left = queue.left_for(connection, set_id, name)
        judged = [row.seconds for row in found if row.action == "judge"]
        seconds = [spent for spent in judged if spent is not None]
        median = statistics.median(seconds) if seconds else None
        return Progress(len(judged), len(found) - len(judged), left, int(total or 0), median)

    # -- how it is done --------------------------------------------------------------------------------------

    def _save(
        self, who: Identity, item_id: str, action: Action, given: Any, event_id: str, seconds: float | None
    ) -> Task:
        name = check_name(who.name)
        with self.store.database.write() as connection:
            queue.lock_annotator(connection, name)
            item, chosen = self._assigned(connection, item_id, name)
            made = known_event(connection, event_id, name)
            if made is None:
                made = self._event(connection, item, chosen, name, action, given, event_id, check_seconds(seconds))
                insert_event(connection, made)
                until = self.store.clock() + chosen.lease_seconds
                queue.settle(connection, item_id, name, until)
            elif (made.item_id, made.action) != (item_id, action):
                raise InputError("This event_id was used for something else; make a new one for every submission.")
            task = self._task(connection, item_id, name)
        self.keep(Entries(events=(made,)))
        return task

    def _event(
        self,
        connection: Connection,
        item: Item,
        chosen: ReviewSet,
        name: str,
        action: Action,
        given: Any,
        event_id: str,
        seconds: float | None,
    ) -> Event:
        earlier = events(connection, item_id=item.item_id, annotator=name)
        if action == "skip":
            reason = plain_text(given["reason"], "the reason for skipping", MAX_TEXT)
            if not reason:
                raise InputError("Say why you skip this; a word is enough.")
            value: dict[str, Any] = {"reason": reason}
        elif action == "grade":
            if item.kind == "document":
                raise InputError("A document is graded in one step; submit a judgement.")
            value = parse_blind(item, with_sides(item, name, given))
        else:
            if isinstance(given, Mapping):  # what was said in the blind half need not be said again
                said = {field: entry for field, entry in given.items() if entry is not None}
                given = {**(graded(earlier) or {}), **said}
            value = value_to_json(parse_value(item, with_sides(item, name, given)))
            if chosen.blind_first and has_answer(item) and not (revealed(earlier) and blind_half(value)):
                raise InputError("Judge the document itself first; the student's answer is shown after that.")
        return Event(
            event_id,
            item.item_id,
            name,
            action,
            value,
            None,
            seconds,
            guideline_in_force(connection, item.kind).version,
            action != "skip" and chosen.blind_first and is_blind(earlier, value),
            "page",
            self.store.clock(),
        )

    def _task(self, connection: Connection, item_id: str, name: str) -> Task:
        item, chosen = find_item(connection, item_id)
        mine = events(connection, item_id=item_id, annotator=name)
        gone = {event.undoes for event in mine}
        stands = [e for e in mine if e.action in ("judge", "skip") and e.event_id not in gone]
        shown = not chosen.blind_first or revealed(mine)
        left_id, right_id = sides(item, name)
        return Task(
            item if shown else replace(item, content=without_answer(item)),
            guideline_in_force(connection, item.kind),
            shown,
            stands[-1] if stands else None,
            graded(mine),
            left_id,
            right_id,
            agreement_with_student(item, stands[-1]) if stands else None,
        )

    def _assigned(self, connection: Connection, item_id: str, name: str) -> tuple[Item, ReviewSet]:
        # One answer for items of others and items that do not exist, so that nobody learns which there are.
        if not queue.was_assigned(connection, item_id, name):
            raise NotAllowedError("This item was not given to you; take the next one.")
        return find_item(connection, item_id)

    def _set(self, set_id: str) -> ReviewSet:
        for entry in self.store.sets():
            if entry.set_id == set_id:
                return entry
        raise InputError("There is no such review set.")

    def keep(self, entries: Entries) -> None:
        """Return when these committed entries are durable beyond this machine, where a journal is given."""
        if self.journal is not None:
            self.journal.keep(entries)


def known_event(connection: Connection, event_id: str, name: str) -> Event | None:
    """An event that was stored under this id before; of somebody else it is refused.

    Raises:
        InputError: The id is unusable or taken.
    """

    if not isinstance(event_id, str) or not EVENT_ID.fullmatch(event_id):
        raise InputError("event_id is not 8 to 64 letters, digits, - or _; make a new one for every submission.")
    row = connection.execute(select(event_table).where(event_table.c.event_id == event_id)).mappings().first()
    if row is None:
        return None
    if row["annotator"] != name:
        raise InputError("This event_id was used for something else; make a new one for every submission.")
    return Event(**{field: row[field] for field in Event.__dataclass_fields__})
