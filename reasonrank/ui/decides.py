"""What decides between two documents: each sentence left out in turn, and how far the student's preference moves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from statistics import fmean
from typing import Any

from reasonrank.data import Comparison, Document, ScoredDocument
from reasonrank.engines.base import Cancel
from reasonrank.errors import InputError
from reasonrank.sentences import sentence_spans
from reasonrank.settings import Settings
from reasonrank.ui.lab import AT_ONCE, Lab, sheet
from reasonrank.ui.markup import esc
from reasonrank.ui.pairs import Places, comparison_body, reference
from reasonrank.ui.render import PAIR_PANEL, PAIR_TITLE, Value, sentence_block
from reasonrank.ui.whatif import Fall, without_sentences
from reasonrank.uncertainty import percent

TRIED = 10
"""Sentences of either document that are left out one by one; those behind them are not tried."""
CLEAR = 0.05
"""Probability by which the preference must move for a sentence to count as deciding."""
EXPLAINED = (
    "Each sentence is left out in turn, and the two are compared again. The number behind a sentence says by how many "
    "percentage points its document’s chance of being the better one then falls (−) or rises (+)."
)


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two documents.

    Args:
        document: As the list has it.
        chance: Probability that it is the better one of the two.
        wanted: How many of its sentences are tried.
        untried: How many are not.
        falls: How far ``chance`` falls without each sentence that was tried so far.
    """

    document: Document
    chance: float
    wanted: int
    untried: int
    falls: tuple[Fall, ...] = ()


class Decider:
    """Finds the sentence of either text that decides a comparison, in a visitor's sheet.

    Args:
        lab: Shows what is at work in the sheet.
    """

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def decide(self, session: str | None, sent: Mapping[str, Any]) -> Iterator[Value]:
        """The comparison of the two documents that ``sent`` names, and below it what decides, as it is found."""
        visitor = self._lab.visitors.get(session)
        run = self._lab.visitors.begin_comparison(visitor)
        try:
            ranking, settings = self._lab.judging(visitor)
            comparison = visitor.finished_comparison(str(sent.get("first")), str(sent.get("second")))
            if comparison is None:
                raise InputError("These two were not compared yet; compare them first.")
        except InputError as error:
            yield sheet(run, PAIR_TITLE, PAIR_PANEL, sentence_block(str(error)))
            return
        places = {scored.doc_id: scored for scored in ranking.documents}
        above = comparison_body(comparison, places)
        sides = sides_of(comparison, places)

        def work(cancel: Cancel) -> Iterator[tuple[Side, Side]]:
            return self._tried(ranking.query.text, sides, settings, cancel)

        yield sheet(run, PAIR_TITLE, PAIR_PANEL, above + decides(sides, places), busy=True)
        yield from self._lab.shown(run, work, lambda found, _: above + decides(found, places), PAIR_TITLE, PAIR_PANEL)

    def _tried(
        self, question: str, sides: tuple[Side, Side], settings: Settings, cancel: Cancel
    ) -> Iterator[tuple[Side, Side]]:
        """Both sides with ever more of their sentences tried."""
        yield sides
        whole = [side.document for side in sides]
        for place in (0, 1):
            variants = iter(without_sentences(whole[place])[:TRIED])
            while some := list(islice(variants, AT_ONCE)):
                pairs = [(shorter, whole[1]) if place == 0 else (whole[0], shorter) for _, _, shorter in some]
                asked = self._lab.pipeline.prefer(question, pairs, settings, cancel)
                chances = [fmean(both) if place == 0 else 1 - fmean(both) for both in asked]
                sides = _with_falls(sides, place, [(start, end) for start, end, _ in some], chances)
                yield sides


def _with_falls(
    sides: tuple[Side, Side], place: int, spans: Sequence[tuple[int, int]], chances: Sequence[float]
) -> tuple[Side, Side]:
    side = sides[place]
    fresh = [Fall(start, end, side.chance - now) for (start, end), now in zip(spans, chances, strict=True)]
    changed = replace(side, falls=(*side.falls, *fresh))
    return (changed, sides[1]) if place == 0 else (sides[0], changed)


def sides_of(comparison: Comparison, places: Places) -> tuple[Side, Side]:
    """Both documents with nothing tried yet, the preferred one first."""
    preferred, other = places[comparison.preferred_id].document, places[comparison.other_id].document
    return _side(preferred, comparison.probability), _side(other, 1 - comparison.probability)


def _side(document: Document, chance: float) -> Side:
    count = len(sentence_spans(document.text))
    tried = min(count, TRIED) if count > 1 else 0
    return Side(document, chance, tried, count - tried if tried else 0)


# -- to HTML -----------------------------------------------------------------------------------------------------


def decides(sides: tuple[Side, Side], places: Places) -> str:
    """Both texts side by side with the deciding sentence marked, and in words what was found."""
    wanted, tried = sum(side.wanted for side in sides), sum(len(side.falls) for side in sides)
    progress = (
        f'<progress max="{wanted}" value="{tried}" aria-label="Sentences tried"></progress>' if tried < wanted else ""
    )
    columns = "".join(_column(side, places[side.document.doc_id]) for side in sides)
    return (
        f'<section class="rr-decides" aria-label="What decides"><p class="rr-note">{EXPLAINED}</p>{progress}'
        f'<div class="rr-two">{columns}</div></section>'
    )


def _column(side: Side, scored: ScoredDocument) -> str:
    done = len(side.falls) == side.wanted
    most = max(side.falls, key=lambda fall: fall.fall) if done and side.falls else None
    deciding = most if most is not None and most.fall >= CLEAR else None
    told = esc(finding(side)) if done else "…"
    more = f'<p class="rr-note">Only its first {TRIED} sentences were tried.</p>' if side.untried else ""
    return (
        f"<div><h3>{reference(scored)}</h3><p>{told}</p>{more}"
        f'<div class="rr-shaded" dir="auto">{_marked(side, deciding)}</div></div>'
    )


def _marked(side: Side, deciding: Fall | None) -> str:
    text, parts, place = side.document.text, [], 0
    for fall in side.falls:
        sentence = esc(text[fall.start : fall.end])
        parts += [esc(text[place : fall.start]), f"<mark>{sentence}</mark>" if fall is deciding else sentence]
        parts.append(f"<sub>{points(-fall.fall)}</sub>")
        place = fall.end
    return "".join(parts) + esc(text[place:])


def points(change: float) -> str:
    """A change of a probability in percentage points.

    >>> [points(change) for change in (0.114, -0.5, 0.004, -0.0)]
    ['+11', '−50', '±0', '±0']
    """
    whole = round(100 * abs(change))
    return f"{'±' if whole == 0 else '+' if change > 0 else '−'}{whole}"


def finding(side: Side) -> str:
    """What leaving out its sentences showed, once all were tried.

    >>> finding(Side(Document("a", "One. Two."), 0.9, 2, 0, (Fall(0, 4, 0.02), Fall(5, 9, 0.2))))
    'The marked sentence decides: without it, the chance that this one is better falls from 90% to 70%.'
    """
    if not side.wanted:
        return "Its text has only one sentence: without it nothing is left to compare."
    most = max(side.falls, key=lambda fall: fall.fall)
    now = side.chance - most.fall
    if most.fall >= CLEAR:
        turned = ", and the student prefers the other one" if side.chance >= 0.5 > now else ""
        return (
            "The marked sentence decides: without it, the chance that this one is better falls from "
            f"{percent(side.chance)} to {percent(max(0.0, now))}{turned}."
        )
    largest = max(side.falls, key=lambda fall: abs(fall.fall))
    bound = int(100 * abs(largest.fall)) + 1
    if abs(largest.fall) < CLEAR:
        told = f"{bound} percentage point{'' if bound == 1 else 's'}"
        return (
            "No sentence decides: taking out any one of them changes the chance that this one is better by less than "
            f"{told}."
        )
    number, lost = side.falls.index(largest) + 1, points(max(0.0, most.fall))[1:]
    return (
        f"No sentence speaks clearly for it: without any one of them its chance falls by {lost} percentage points at "
        f"most. Without sentence {number} it rises by {points(largest.fall)[1:]}."
    )
