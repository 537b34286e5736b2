"""What only a lead may do: sets, guidelines, figures, adjudication, export and import."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from reasonrank.errors import InputError
from reasonrank.review import queue
from reasonrank.review.agreement import RESAMPLES
from reasonrank.review.checks import check_name, parse_value, plain_text, value_to_json
from reasonrank.review.consensus import Judged, judged_items
from reasonrank.review.items import check_content
from reasonrank.review.report import Disagreement, LeadReport, disagreements, lead_report
from reasonrank.review.rules import sides, with_sides
from reasonrank.review.schema import item as item_table
from reasonrank.review.schema import place, review_set
from reasonrank.review.service import NotAllowedError, Review, known_event
from reasonrank.review.store import add_entries, find_item, guideline_in_force, insert_event
from reasonrank.review.values import KINDS, Entries, Event, Guideline, Identity, Item, Kind, ReviewSet

MAX_GUIDELINE = 20_000


class Lead:
    """The lead's desk of a review.

    Args:
        review: The review.
        who: Who sits down at it.

    Raises:
        NotAllowedError: ``who`` is no lead.
    """

    def __init__(self, review: Review, who: Identity) -> None:
        if who.role != "lead":
            raise NotAllowedError("Only a lead may see or do this.")
        self._name = check_name(who.name)
        self._review = review
        self._store = review.store

    # -- sets and guidelines ---------------------------------------------------------------------------------

    def sets(self) -> tuple[ReviewSet, ...]:
        """All sets, the newest first."""
        return self._store.sets()

    def create_set(
        self,
        name: str,
        *,
        student: str,
        engine: str,
        prompt_version: str,
        annotators_per_item: int = 2,
        blind_first: bool = True,
        lease_seconds: int = 1800,
    ) -> ReviewSet:
        """Make an empty set.

        Raises:
            InputError: The name is taken or unusable, or a number is out of range.
        """
        if not 1 <= annotators_per_item <= 100:
            raise InputError(f"annotators_per_item is {annotators_per_item}; expected 1 to 100.")
        if not 10 <= lease_seconds <= 7 * 86400:
            raise InputError(f"lease_seconds is {lease_seconds}; expected 10 seconds to a week.")
        made = ReviewSet(
            uuid.uuid4().hex,
            check_name(name),
            student,
            engine,
            prompt_version,
            annotators_per_item,
            blind_first,
            lease_seconds,
            self._store.clock(),
        )
        self._review.keep(self._store.add(Entries(sets=(made,))))
        return made

    def add_items(self, set_id: str, items: Iterable[Item]) -> int:
        """Put items (of :func:`.items.ranking_items`) at the end of a set; returns how many were new.

        Raises:
            InputError: There is no such set.
        """
        with self._store.database.write() as connection:
            # Locked, so that two who add at once do not take the same positions.
            locked = select(review_set).where(review_set.c.set_id == set_id).with_for_update()
            if connection.execute(locked).first() is None:
                raise InputError("There is no such review set.")
            known = set(connection.scalars(select(item_table.c.item_id).where(item_table.c.set_id == set_id)))
            last = connection.scalar(select(func.max(item_table.c.position)).where(item_table.c.set_id == set_id))
            start = 0 if last is None else last + 1
            fresh = {item.item_id: item for item in items if item.item_id not in known}
            if any(item.set_id != set_id for item in fresh.values()):
                raise InputError("An item was made for another set.")
            placed = [replace(item, position=start + number) for number, item in enumerate(fresh.values())]
            for item in placed:
                plain_text(item.query, "the question", 1_000_000)
                plain_text(item.query_id, "query_id", 1_000)
            added = add_entries(connection, Entries(items=tuple(placed)))
        self._review.keep(added)
        return len(added.items)

    def edit_guideline(self, kind: Kind, text: str, seen_version: int) -> Guideline:
        """Append the next version.

        Raises:
            InputError: The text is empty, or somebody else made a version after ``seen_version``.
        """
        if kind not in KINDS:
            raise InputError(f"There is no kind of item {kind!r}; expected one of {list(KINDS)}.")
        text = plain_text(text, "the guideline", MAX_GUIDELINE)
        if not text:
            raise InputError("The guideline is empty; write what annotators should go by.")
        with self._store.database.write() as connection:
            newest = guideline_in_force(connection, kind).version
            made = Guideline(kind, newest + 1, text, self._name, self._store.clock())
            added = add_entries(connection, Entries(guidelines=(made,))) if newest == seen_version else Entries()
        if not added.guidelines:
            raise InputError("The guideline was edited by somebody else meanwhile; read it again first.")
        self._review.keep(added)
        return made

    # -- figures and decisions -------------------------------------------------------------------------------

    def report(self, set_id: str, resamples: int = RESAMPLES) -> LeadReport:
        """The set's figures.

        Raises:
            InputError: There is no such set.
        """
        judged = self.judged(set_id)
        return lead_report(judged, self._store.standings(set_id), self._held(set_id), resamples)

    def disagreements(self, set_id: str) -> tuple[Disagreement, ...]:
        """Items whose annotators differ and that wait for an adjudication, with all versions and no names."""
        return disagreements(self.judged(set_id), self._store.events(set_id))

    def sides(self, item: Item) -> tuple[str, str]:
        """Which document of a pair an adjudication by this lead calls left and which right."""
        return sides(item, self._name)

    def adjudicate(self, item_id: str, value: Any, *, event_id: str) -> Event:
        """Settle an item, whatever annotators said; a later adjudication replaces an earlier one, and both are kept.

        Raises:
            InputError: There is no such item, or the value is not as expected.
        """
        with self._store.database.write() as connection:
            queue.lock_annotator(connection, self._name)
            item, _ = find_item(connection, item_id)
            made = known_event(connection, event_id, self._name)
            if made is None:
                made = Event(
                    event_id,
                    item_id,
                    self._name,
                    "adjudicate",
                    value_to_json(parse_value(item, with_sides(item, self._name, value))),
                    None,
                    None,
                    guideline_in_force(connection, item.kind).version,
                    False,
                    "page",
                    self._store.clock(),
                )
                insert_event(connection, made)
            elif (made.item_id, made.action) != (item_id, "adjudicate"):
                raise InputError("This event_id was used for something else; make a new one for every submission.")
        self._review.keep(Entries(events=(made,)))
        return made

    def judged(self, set_id: str) -> list[Judged]:
        """A set's items with everything that stands on them.

        Raises:
            InputError: There is no such set.
        """
        chosen = next((entry for entry in self._store.sets() if entry.set_id == set_id), None)
        if chosen is None:
            raise InputError("There is no such review set.")
        return judged_items(
            chosen, self._store.items(set_id), self._store.standings(set_id), self._store.events(set_id)
        )

    # -- in and out ------------------------------------------------------------------------------------------

    def export(self, set_ids: Sequence[str], form: str) -> Iterator[str]:
        """Sets in one of :data:`.export.FORMS`, as pieces of text to be written one after the other.

        Raises:
            InputError: There is no such form or set.
        """
        from reasonrank.review.export import FORMS, export_text

        if form not in FORMS:
            raise InputError(f"There is no export form {form!r}; expected one of {', '.join(FORMS)}.")
        entries = self._store.entries(set_ids)
        judged = [entry for set_id in set_ids for entry in self.judged(set_id)]
        return export_text(form, entries, judged)

    def add(self, entries: Entries) -> Entries:
        """Store entries from elsewhere, of anybody; returns what was new.

        Raises:
            InputError: Something in them cannot be stored; nothing was.
        """
        for item in entries.items:
            check_content(item)
        added = self._store.add(entries)
        self._review.keep(added)
        return added

    def _held(self, set_id: str) -> list[str]:
        with self._store.database.read() as connection:
            chosen = select(place.c.item_id).where(
                place.c.set_id == set_id,
                place.c.done.is_(False),
                place.c.annotator.is_not(None),
                place.c.lease_until >= self._store.clock(),
            )
            return list(connection.scalars(chosen))
