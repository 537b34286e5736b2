"""Two orders side by side as a slope chart: rows of titles, and between them a line for each document in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reasonrank.ui.markup import attr, esc, key

ROW_HEIGHT = 30
"""Pixels a row takes; the style sheet has the same number, since the lines must meet the rows."""
MAX_ROWS = 50
"""Rows on either side; a longer list is shown to here."""


@dataclass(frozen=True, slots=True)
class Side:
    """One order: what it is called, and its doc_ids, best first."""

    name: str
    doc_ids: Sequence[str]


def slope_chart(left: Side, right: Side, titles: Mapping[str, str], *, marks: Mapping[str, str] | None = None) -> str:
    """The chart. Titles on the right lead to the cards of the list.

    Args:
        left: The order before.
        right: The order after.
        titles: What each document is called.
        marks: A short escaped mark behind a document's title, where it has one.
    """
    was = {doc_id: place for place, doc_id in enumerate(left.doc_ids)}
    now = {doc_id: place for place, doc_id in enumerate(right.doc_ids)}
    marks = marks or {}
    rows = min(MAX_ROWS, max(len(was), len(now)))
    lines = "".join(_line(doc_id, was[doc_id], place) for doc_id, place in now.items() if doc_id in was)
    height = rows * ROW_HEIGHT
    return (
        '<div class="rr-slope">'
        f"<h3>{esc(left.name)}</h3><span></span><h3>{esc(right.name)}</h3>"
        f'<ol class="rr-slope-left">{"".join(_row(d, titles, marks, now.get(d), p) for d, p in _shown(was))}</ol>'
        f'<svg class="rr-slope-lines" viewBox="0 0 100 {height}" preserveAspectRatio="none" aria-hidden="true"'
        f' height="{height}">{lines}</svg>'
        f'<ol class="rr-slope-right">'
        f"{''.join(_row(d, titles, marks, was.get(d), p, right=True) for d, p in _shown(now))}</ol></div>"
    )


def _shown(places: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(doc_id, place) for doc_id, place in places.items() if place < MAX_ROWS]


def _row(
    doc_id: str,
    titles: Mapping[str, str],
    marks: Mapping[str, str],
    elsewhere: int | None,
    place: int,
    *,
    right: bool = False,
) -> str:
    name, title = key(doc_id), titles[doc_id]
    mark = marks.get(doc_id, "")
    if right:
        moved = None if elsewhere is None else elsewhere - place
        inner = f'<a href="#doc-{name}" class="rr-ref" title="{esc(title)}"><bdi>{esc(title)}</bdi></a>{_moved(moved)}'
    else:
        gone = "" if elsewhere is not None else '<span class="rr-slope-moved rr-move-down">gone</span>'
        inner = f'<bdi title="{esc(title)}">{esc(title)}</bdi>{gone}'
    return f'<li data-key="{name}"{attr("value", place + 1)}><b>{place + 1}</b> {inner}{mark}</li>'


def _moved(moved: int | None) -> str:
    """
    >>> _moved(0)
    ''
    """
    if moved is None:
        return '<span class="rr-slope-moved rr-move-new">new</span>'
    if moved == 0:
        return ""
    direction, sign = ("up", "+") if moved > 0 else ("down", "−")
    return (
        f'<span class="rr-slope-moved rr-move-{direction}"><span class="rr-sr">moved {direction} </span>'
        f'<span aria-hidden="true">{sign}</span>{abs(moved)}</span>'
    )


def _line(doc_id: str, was: int, now: int) -> str:
    if max(was, now) >= MAX_ROWS:
        return ""
    y, end = (place * ROW_HEIGHT + ROW_HEIGHT / 2 for place in (was, now))
    css = "same" if was == now else "up" if was > now else "down"
    return (
        f'<path class="rr-slope-{css}" data-key="{key(doc_id)}" d="M0 {y:g} C45 {y:g} 55 {end:g} 100 {end:g}"></path>'
    )
