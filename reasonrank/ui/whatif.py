"""What if the question or the text were another: a form, the score before and after, and sentences shaded by weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reasonrank.corpus import UPLOAD_LIMITS
from reasonrank.data import Document, Judgement, ScoredDocument
from reasonrank.errors import InputError
from reasonrank.sentences import sentence_spans
from reasonrank.ui.cards import GRADE_NAMES, grade_bars
from reasonrank.ui.markup import esc
from reasonrank.ui.reasons import reason_block

MAX_SENTENCES = 24
"""Sentences that are left out one by one; those behind them are not tried."""
CLEAR_FALL, SLIGHT_FALL = 0.3, 0.05
"""Falls of the score, of 2, that shade a sentence fully and hardly."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A document of the list as a visitor changed it, and the question."""

    doc_id: str
    question: str
    title: str
    text: str

    @classmethod
    def of(cls, sent: Mapping[str, Any]) -> Changed:
        """The form's values as the browser sent them, which may be anything.

        Raises:
            InputError: The text is missing, empty or too long.
        """
        doc_id, question, title, text = (str(sent.get(name) or "") for name in ("doc", "question", "title", "text"))
        limits = UPLOAD_LIMITS
        if not text.strip():
            raise InputError("The text is empty; leave at least one word of it.")
        if len(text) > limits.text_chars or len(title) > limits.title_chars:
            raise InputError(f"The text has {len(text):,} characters; at most {limits.text_chars:,} can be tried.")
        return cls(doc_id, question, title, text.replace("\r\n", "\n"))

    @property
    def document(self) -> Document:
        return Document(self.doc_id, self.text, self.title)


@dataclass(frozen=True, slots=True)
class Fall:
    """How far the score falls without the sentence ``text[start:end]``; negative where it rises."""

    start: int
    end: int
    fall: float


def without_sentences(document: Document) -> list[tuple[int, int, Document]]:
    """Each sentence's place, and the document without it; none where it has fewer than two sentences."""
    spans = sentence_spans(document.text)[:MAX_SENTENCES]
    if len(spans) < 2:
        return []
    return [
        (
            start,
            end,
            replace(
                document,
                doc_id=f"{document.doc_id} without {number}",
                text=(document.text[:start] + document.text[end:]).strip(),
            ),
        )
        for number, (start, end) in enumerate(spans, start=1)
    ]


def whatif_form(scored: ScoredDocument, question: str, inner: str = "") -> str:
    """The form for one document of the list, and ``inner`` below it."""
    document = scored.document
    return (
        f'<form class="rr-lab" data-act="judge"><input type="hidden" name="doc" value="{esc(scored.doc_id)}">'
        '<label for="rr-lab-question">Question</label>'
        f'<textarea id="rr-lab-question" name="question" rows="2" dir="auto">{esc(question)}</textarea>'
        '<label for="rr-lab-title">Title</label>'
        f'<input id="rr-lab-title" name="title" dir="auto" value="{esc(document.title)}">'
        '<label for="rr-lab-text">Text</label>'
        f'<textarea id="rr-lab-text" name="text" rows="6" dir="auto">{esc(document.text)}</textarea>'
        '<p class="rr-lab-buttons"><button type="submit" class="rr-button">Judge again</button> '
        '<button type="button" class="rr-button" data-act="occlude">Which sentence counts?</button> '
        '<button type="reset" class="rr-link">As it was</button></p></form>'
        f'<div class="rr-lab-result">{inner}</div>'
    )


def moved(before: Judgement | None, after: ScoredDocument | None, writing: str | None, *, busy: bool) -> str:
    """The score in the list beside the score of the changed text, and the new reason."""
    if after is None or after.judgement is None:
        return '<p class="rr-note rr-awaited">Judging…</p>' if busy else ""
    was = f"<div><h3>In the list</h3>{_judged(before)}</div>" if before else ""
    told = f'<p class="rr-verdict">{difference(before, after.judgement)}</p>' if before else ""
    reason = reason_block(after.reason, writing=writing, awaited=busy)
    return f'{told}<div class="rr-two">{was}<div><h3>As changed</h3>{_judged(after.judgement)}</div></div>{reason}'


def difference(before: Judgement, after: Judgement) -> str:
    """In a sentence how far the score moved."""
    change = after.expected_grade - before.expected_grade
    if abs(change) < 0.005:
        return f"The score stays at {after.expected_grade:.2f}."
    verb = "rises" if change > 0 else "falls"
    grade = (
        ""
        if after.label == before.label
        else f" The most probable grade is now {after.label} ({GRADE_NAMES[after.label]} relevant), "
        f"not {before.label} ({GRADE_NAMES[before.label]})."
    )
    return (
        f"The score {verb} by {abs(change):.2f}, from {before.expected_grade:.2f} to {after.expected_grade:.2f}.{grade}"
    )


def _judged(judgement: Judgement) -> str:
    return f'<p class="rr-grade"><strong>{judgement.expected_grade:.2f}</strong> of 2</p>{grade_bars(judgement)}'


def shaded(text: str, falls: Sequence[Fall], wanted: int) -> str:
    """The text with each sentence shaded by how far the score falls without it, and that number behind it."""
    if wanted == 0:
        return "<p>The text has only one sentence: without it nothing is left to judge.</p>"
    parts, place = [], 0
    for fall in falls:
        parts.append(esc(text[place : fall.start]))
        parts.append(_sentence(text[fall.start : fall.end], fall.fall))
        place = fall.end
    progress = (
        f'<progress max="{wanted}" value="{len(falls)}" aria-label="Sentences tried"></progress>'
        if len(falls) < wanted
        else f"<p>{esc(_strongest(text, falls))}</p>"
    )
    return (
        "<p>Each sentence is left out in turn. The darker it is, the further the score falls without it; the number "
        f'says how far, a plus that it rises.</p>{progress}<div class="rr-shaded" dir="auto">{"".join(parts)}'
        f"{esc(text[place:])}</div>"
    )


def _sentence(sentence: str, fall: float) -> str:
    level = min(4, max(0, int((fall - SLIGHT_FALL) / (CLEAR_FALL - SLIGHT_FALL) * 4) + 1)) if fall >= SLIGHT_FALL else 0
    sign = "−" if fall >= 0.005 else "+" if fall <= -0.005 else "±"
    return f'<span class="rr-shade-{level}">{esc(sentence)}</span><sub>{sign}{abs(fall):.2f}</sub>'


def _strongest(text: str, falls: Sequence[Fall]) -> str:
    most = max(falls, key=lambda fall: fall.fall)
    if most.fall < SLIGHT_FALL:
        return "The score hangs on no single sentence: without any one of them it hardly falls."
    number = falls.index(most) + 1
    return f"The score hangs most on sentence {number}: without it, it falls by {most.fall:.2f}."
