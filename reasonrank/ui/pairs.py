"""Why the upper one is above the lower one: a comparison between two cards, or of any two documents."""

from __future__ import annotations

import re
from collections.abc import Mapping

from reasonrank.data import Comparison, ScoredDocument
from reasonrank.ui.cards import VISIBLE
from reasonrank.ui.markup import attr, esc, key, label_of, shorten
from reasonrank.ui.reasons import status_flag, writing_text
from reasonrank.uncertainty import certainty_word, comparison_doubts, percent

TITLE_WIDTH = 48
_NAMES = re.compile(r"(\{preferred\}|\{other\})")

Places = Mapping[str, ScoredDocument]
"""The list's documents by doc_id."""


def pair(comparison: Comparison, places: Places) -> str:
    """The comparison of two neighbours, to stand between their cards."""
    ids = (comparison.preferred_id, comparison.other_id)
    upper, lower = sorted((places[doc_id] for doc_id in ids), key=lambda scored: scored.rank)
    told = f"Why {upper.rank} stands above {lower.rank}"
    if not comparison.agrees_with_order:
        told = f"Comparison of {upper.rank} and {lower.rank}"
    sent = (
        f'<button type="button" class="rr-link rr-send" data-act="review" data-first="{esc(ids[0])}"'
        f' data-second="{esc(ids[1])}" aria-label="Send to review: {esc(told)}">Review…</button>'
    )
    return _aside(ids, lower, told, comparison_body(comparison, places) + f"{decide_button(comparison)} {sent}")


def decide_button(comparison: Comparison) -> str:
    """Asks which sentence of either text the comparison hangs on."""
    return (
        f'<button type="button" class="rr-link rr-decide" data-act="decide" data-first="{esc(comparison.preferred_id)}"'
        f' data-second="{esc(comparison.other_id)}">What decides?</button>'
    )


def pair_writing(doc_ids: tuple[str, str], text: str, places: Places) -> str:
    """A comparison of two neighbours in the making."""
    upper, lower = sorted((places[doc_id] for doc_id in doc_ids), key=lambda scored: scored.rank)
    told = f"Comparing {upper.rank} and {lower.rank}"
    return _aside(doc_ids, lower, told, writing_body(doc_ids, text, places))


def writing_body(doc_ids: tuple[str, str], text: str, places: Places) -> str:
    """Which two are being compared, and the text so far; its placeholders name ``doc_ids`` in their order."""
    first, second = places[doc_ids[0]], places[doc_ids[1]]
    return (
        f'<p class="rr-verdict"><span class="rr-over">Comparing</span> {reference(first)} '
        f'<span class="rr-over">and</span> {reference(second)}</p>{writing_text(_named(text, first, second))}'
    )


def _aside(doc_ids: tuple[str, str], lower: ScoredDocument, told: str, inner: str) -> str:
    name = key(*doc_ids)
    return (
        f'<section class="rr-pair" id="pair-{name}"{attr("data-rest", lower.rank > VISIBLE)}'
        f' aria-label="{esc(told)}">{inner}</section>'
    )


def comparison_body(comparison: Comparison, places: Places) -> str:
    """The verdict with its probability, what speaks against it, the text, and both orders of presentation."""
    flags = "".join(
        f'<p class="rr-flag {"rr-flag-bad" if doubt.name == "contradicts_order" else "rr-flag-warn"}">'
        f"<strong>{esc(doubt.label.capitalize())}.</strong> {esc(doubt.sentence)}</p>"
        for doubt in comparison_doubts(comparison)
    )
    return (
        f"{verdict(comparison, places)}{flags}{status_flag(comparison.status)}"
        f"{_said(comparison, places)}{by_order(comparison)}"
    )


def verdict(comparison: Comparison, places: Places) -> str:
    """Which one is preferred over which, how surely in a word and in a number."""
    preferred, other = places[comparison.preferred_id], places[comparison.other_id]
    return (
        f'<p class="rr-verdict">{reference(preferred)} <span class="rr-over">over</span> {reference(other)}'
        f' <span class="rr-sure" title="{esc(_orders_told(comparison))}">'
        f"{certainty_word(comparison.probability)}, <b>{percent(comparison.probability)}</b></span></p>"
    )


def reference(scored: ScoredDocument, *, title: bool = True) -> str:
    """A document named by its rank and, unless it was named just before, its short title; leads to its card."""
    name = label_of(scored.document)
    inside = f' <bdi class="rr-ref-title">{esc(shorten(name, TITLE_WIDTH))}</bdi>' if title else ""
    return f'<a class="rr-ref" href="#doc-{key(scored.doc_id)}" title="{esc(name)}"><b>{scored.rank}</b>{inside}</a>'


def _said(comparison: Comparison, places: Places) -> str:
    if not comparison.text.strip():
        return ""
    inner = _named(comparison.text, places[comparison.preferred_id], places[comparison.other_id])
    if comparison.status == "ok":
        return f'<p class="rr-said" dir="auto">{inner}</p>'
    return f'<blockquote class="rr-said rr-said-doubtful" dir="auto">{inner}</blockquote>'


def _named(text: str, preferred: ScoredDocument, other: ScoredDocument) -> str:
    named = {"{preferred}": preferred, "{other}": other}
    # Split, never str.format: the text is the student's, and a title may itself contain braces.
    return "".join(reference(named[part], title=False) if part in named else esc(part) for part in _NAMES.split(text))


def by_order(comparison: Comparison) -> str:
    """Both orders of presentation, unfolded on demand."""
    rows = "".join(
        f"<li><span>{told}</span> {_meter(probability)} <b>{percent(probability)}</b></li>"
        for told, probability in zip(
            ("with the preferred one shown first", "with the preferred one shown second"),
            comparison.by_order,
            strict=True,
        )
    )
    return f'<details class="rr-orders"><summary>Both orders of presentation</summary><ul>{rows}</ul></details>'


def _meter(probability: float) -> str:
    return f'<span class="rr-track rr-half" aria-hidden="true"><i style="width:{100 * probability:.1f}%"></i></span>'


def _orders_told(comparison: Comparison) -> str:
    first, second = comparison.by_order
    return f"{percent(first)} when the preferred one is shown first, {percent(second)} when it is shown second"
