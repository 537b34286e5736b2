"""A document's text with its evidence marked, and the direct reason beside it."""

from __future__ import annotations

from reasonrank.data import DirectReason, Document, Evidence, Status
from reasonrank.ui.markup import esc, key, words
from reasonrank.uncertainty import percent

STATUS_SENTENCES: dict[Status, tuple[str, str]] = {
    "unparsable": ("Not a usable text", "What the student wrote cannot be read as asked."),
    "repeated": ("Repeats itself", "The student said the same again and again."),
    "truncated": ("Cut off", "The text reached its length limit before its end."),
    "failed": ("Failed", "The student could not write this text."),
}
"""What a status other than ``ok`` is called, and what it means; ``not_requested`` shows nothing."""

WRITTEN = {
    "after_score": "Written after the score",
    "before_score": "Written before the score",
}


def status_flag(status: Status) -> str:
    """The named mark of a text that is not in order; nothing where it is."""
    if status not in STATUS_SENTENCES:
        return ""
    name, sentence = STATUS_SENTENCES[status]
    return f'<p class="rr-flag rr-flag-warn"><strong>{name}.</strong> {sentence}</p>'


def shown_text(text: str, status: Status) -> str:
    """What was written, marked as doubtful where its status says so."""
    if not text.strip():
        return ""
    if status == "ok":
        return words(text, "p", "rr-said")
    return f'<blockquote class="rr-said rr-said-doubtful" dir="auto">{esc(text)}</blockquote>'


def writing_text(inner: str) -> str:
    """Escaped text in the making, with a caret behind it."""
    return f'<p class="rr-said" dir="auto">{inner}<span class="rr-caret" aria-hidden="true"></span></p>'


def document_text(document: Document, reason: DirectReason | None) -> str:
    """The text, long ones folded by the page's script, with verified supporting evidence in a ``<mark>``."""
    name = key(document.doc_id)
    if not document.text.strip():
        return '<p class="rr-note">This document has no text.</p>'
    evidence = reason.evidence if reason else None
    if evidence is not None and evidence.supported and evidence.verified:
        inner = _marked(document.text, evidence)
    else:
        inner = esc(document.text)
    return (
        f'<div class="rr-text" id="text-{name}" dir="auto">{inner}</div>'
        f'<button type="button" class="rr-fold rr-link" aria-expanded="false" aria-controls="text-{name}"'
        " hidden>Show the whole text</button>"
    )


def _marked(text: str, evidence: Evidence) -> str:
    before, sentence, after = (
        text[: evidence.start],
        text[evidence.start : evidence.end],
        text[evidence.end :],
    )
    return f"{esc(before)}<mark>{esc(sentence)}</mark>{esc(after)}"


def reason_block(reason: DirectReason | None, *, writing: str | None = None, awaited: bool = False) -> str:
    """Why this document: the reason, how it was written, and what supports it.

    Args:
        reason: The finished reason, if there is one.
        writing: Its text in the making, which wins.
        awaited: No reason yet, but one will come.
    """
    if writing is not None:
        return _block(writing_text(esc(writing)), '<p class="rr-note">Being written</p>')
    if reason is None or reason.status == "not_requested":
        return _block('<p class="rr-note rr-awaited">The reason follows</p>') if awaited else ""
    notes = [_how(reason), esc(reason.detail), _support(reason)]
    lines = "".join(note if note.startswith("<") else f'<p class="rr-note">{note}</p>' for note in notes if note)
    return _block(status_flag(reason.status), shown_text(reason.text, reason.status), lines)


def _block(*parts: str) -> str:
    return f'<div class="rr-why"><h4>Why</h4>{"".join(parts)}</div>'


def _how(reason: DirectReason) -> str:
    label = "" if reason.label is None else f", arguing for grade {reason.label}"
    if reason.status == "failed" and not reason.text.strip():
        return ""
    return WRITTEN[reason.written] + (label if reason.written == "after_score" else "")


def _support(reason: DirectReason) -> str:
    evidence = reason.evidence
    if reason.status not in ("ok", "truncated"):  # nothing was said that a text could support
        return ""
    if evidence is None or (evidence.verified and not evidence.supported):
        return '<p class="rr-flag rr-flag-plain">Nothing in the text supports this reason.</p>'
    if not evidence.verified:
        return (
            '<p class="rr-flag rr-flag-warn"><strong>Not in the text.</strong> The sentence quoted as evidence is '
            f"not there: “{words(evidence.text)}”</p>"
        )
    return f"Supported by the marked sentence ({percent(evidence.support)})"
