"""Judgements made elsewhere, put in: TREC qrels, and the JSON lines of an export or of the offline page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from reasonrank.data import GRADES
from reasonrank.errors import InputError
from reasonrank.formats import open_text, read_qrels
from reasonrank.review.checks import check_name
from reasonrank.review.items import check_content
from reasonrank.review.lead import Lead
from reasonrank.review.lines import from_lines
from reasonrank.review.service import NotAllowedError, Review
from reasonrank.review.values import Entries, Event, Identity, Item, ReviewSet

LONGEST_UPLOAD = 64_000_000
"""Characters of one imported file."""


def import_file(review: Review, who: Identity, path: Path, *, name: str = "", annotator: str = "") -> Entries:
    """Store what a file has; returns what was new. Importing the same file twice adds nothing.

    Args:
        review: Where to.
        who: Who imports. An annotator may bring only their own judgements; a lead brings anybody's, and sets.
        path: JSON lines, or TREC qrels.
        name: The set that qrels are about.
        annotator: Whom qrels are by.

    Raises:
        InputError: The file is not as expected, or is about something that is not here.
        NotAllowedError: An annotator's file has something else than their own judgements.
    """
    with open_text(path) as file:
        text = file.read(LONGEST_UPLOAD + 1)
    if len(text) > LONGEST_UPLOAD:
        raise InputError(f"{path.name} is longer than {LONGEST_UPLOAD:,} characters; split it.")
    if text.lstrip().startswith("{"):
        return import_lines(review, who, text.splitlines(), path.name)
    lead = Lead(review, who)
    if not name:
        raise InputError(f"{path.name} looks like TREC qrels; say which set it is about with --name.")
    chosen = review.store.set_named(name)
    events = qrels_events(
        chosen,
        review.store.items(chosen.set_id),
        read_qrels(path),
        annotator or f"import {path.name}"[:80],
        review.store.clock(),
        review.guideline("document").version,
    )
    return lead.add(Entries(events=tuple(events)))


def import_lines(review: Review, who: Identity, lines: Iterable[str], where: str) -> Entries:
    """:func:`import_file` for JSON lines that are already here, such as an upload's."""
    entries = from_lines(lines, where)
    for item in entries.items:
        check_content(item)
    if who.role == "lead":
        return Lead(review, who).add(entries)
    _only_own(review, who, entries)
    known = {item.item_id for chosen in review.sets(who) for item in review.store.items(chosen.set_id)}
    missing = [event.item_id for event in entries.events if event.item_id not in known]
    if missing:
        raise InputError(f"{where} is about an item that is not here: {missing[0][:40]!r}.")
    own = Entries(events=tuple(replace(event, source="offline") for event in entries.events))
    added = review.store.add(own)
    review.keep(added)
    return added


def qrels_events(
    chosen: ReviewSet,
    items: Iterable[Item],
    qrels: dict[str, dict[str, int]],
    annotator: str,
    now: float,
    guideline_version: int,
) -> list[Event]:
    """A grade for every document of the set that the qrels have: a judgement of a document item, else the grade
    of a reason item. Ids follow from the content, so that the same qrels are stored once.

    Raises:
        InputError: No judgement is about this set, or a grade is not 0, 1 or 2.
    """
    annotator = check_name(annotator)
    found = []
    for item in items:
        grade = None if item.kind == "pair" else qrels.get(item.query_id, {}).get(item.content["document"]["doc_id"])
        if grade is None:
            continue
        if grade not in GRADES:
            raise InputError(f"The grade of query {item.query_id!r} is {grade}; expected one of {list(GRADES)}.")
        seed = json.dumps([item.item_id, annotator, grade])
        found.append(
            Event(
                hashlib.sha256(seed.encode()).hexdigest()[:32],
                item.item_id,
                annotator,
                "judge" if item.kind == "document" else "grade",
                {"grade": grade},
                None,
                None,
                guideline_version,
                False,
                "import",
                now,
            )
        )
    if not found:
        raise InputError(f"None of these judgements is about a document of the set {chosen.name!r}.")
    return found


def _only_own(review: Review, who: Identity, entries: Entries) -> None:
    name = check_name(who.name)
    foreign = [event for event in entries.events if event.annotator != name or event.action == "adjudicate"]
    known = {chosen.set_id for chosen in review.sets(who)}
    if foreign or any(chosen.set_id not in known for chosen in entries.sets):
        raise NotAllowedError("An annotator may bring only judgements of their own; ask a lead for anything else.")
