"""One document of the list as an article: rank, movement, score, text, reason, and where it was found."""

from __future__ import annotations

from collections.abc import Sequence

from reasonrank.data import Judgement, ScoredDocument, StageScore
from reasonrank.ui.markup import attr, esc, key, label_of, ordinal, plural, words
from reasonrank.ui.queries import found_by
from reasonrank.ui.reasons import document_text, reason_block
from reasonrank.uncertainty import judgement_doubts, percent

VISIBLE = 20
"""Cards shown at once; the rest of a longer list unfolds by a button."""

GRADE_NAMES = ("not", "partly", "fully")
"""What the grades 0, 1 and 2 mean: how far the document answers the question."""

KIND_NAMES = {
    "bm25": "BM25",
    "dense": "Dense",
    "cosine": "Dense (cosine)",
    "rrf": "Fused (RRF)",
    "given": "Given list",
}
"""First-stage scales as people call them; one that is missing here is shown by its own name."""


def kind_name(kind: str) -> str:
    return KIND_NAMES.get(kind, kind)


def card(
    scored: ScoredDocument,
    order_by: str,
    *,
    writing: str | None = None,
    awaits_score: bool = False,
    awaits_reason: bool = False,
    grade: int | None = None,
    queries: Sequence[str] = (),
) -> str:
    """One card.

    Args:
        scored: The document and what is known of it so far.
        order_by: What the list is ordered by.
        writing: The reason in the making.
        awaits_score: Its score is still to come.
        awaits_reason: Its reason is still to come.
        grade: What the corpus's judgements say of it for this question, where that is known.
        queries: The search queries beside the question.
    """
    name = key(scored.doc_id)
    title = label_of(scored.document)
    untitled = attr("class", None if scored.document.title.strip() else "rr-untitled")
    return (
        f'<article class="rr-card" id="doc-{name}"{attr("data-doc", scored.doc_id)}'
        f'{attr("data-rest", scored.rank > VISIBLE)} aria-labelledby="title-{name}">'
        f'<div class="rr-gutter">{_rank(scored)}{movement(scored, order_by)}</div>'
        f'<h3 id="title-{name}" dir="auto"{untitled}>{esc(title)}</h3>'
        f'<div class="rr-score">{_score(scored.judgement, awaits_score)}{_known(grade)}</div>'
        f'<div class="rr-body">{document_text(scored.document, scored.reason)}'
        f"{_doubts(scored.judgement)}"
        f"{reason_block(scored.reason, writing=writing, awaited=awaits_reason)}"
        f"{_foot(scored, order_by, queries)}</div>"
        "</article>"
    )


def movement(scored: ScoredDocument, order_by: str) -> str:
    """How far the student moved the document from where the first stage had it; nothing before it did."""
    first = scored.candidate.rank
    if order_by == scored.candidate.kind:
        return ""
    moved = first - scored.rank
    if moved == 0:
        return _move("same", "=", "stayed in place")
    direction, sign = ("up", "+") if moved > 0 else ("down", "−")
    told = f"{direction} {plural(abs(moved), 'place')}, was {ordinal(first)}"
    if first > VISIBLE >= scored.rank:
        return _move("new", f"new {sign}{moved}", f"new among the first {VISIBLE}, {told}")
    return _move(direction, f"{sign}{abs(moved)}", told)


def _move(direction: str, short: str, told: str) -> str:
    return (
        f'<p class="rr-move rr-move-{direction}" title="{esc(told)}"><span aria-hidden="true">{short}</span> '
        f'<span class="rr-sr">{esc(told)}</span></p>'
    )


def _rank(scored: ScoredDocument) -> str:
    return f'<p class="rr-rank"><span class="rr-sr">Rank </span>{scored.rank}</p>'


def _score(judgement: Judgement | None, awaited: bool) -> str:
    if judgement is None:
        text = "Score follows" if awaited else "Not scored"
        return f'<p class="rr-note{" rr-awaited" if awaited else ""}">{text}</p>'
    samples = "" if judgement.samples == 1 else f", mean of {judgement.samples} samples"
    return (
        f'<p class="rr-grade"><strong>{judgement.expected_grade:.2f}</strong> of 2 '
        f'<span class="rr-scale">expected grade{samples}</span></p>{grade_bars(judgement)}'
    )


def grade_bars(judgement: Judgement) -> str:
    """The three label probabilities as bars with their names and numbers, and as one sentence to listen to."""
    told = "; ".join(
        f"grade {grade}, {GRADE_NAMES[grade]} relevant: {percent(judgement.label_probabilities[grade])}"
        for grade in (2, 1, 0)
    )
    rows = "".join(
        f'<span class="rr-bar rr-bar-{grade}"><span>{grade} {GRADE_NAMES[grade]}</span> '
        f'<span class="rr-track"><i style="width:{100 * judgement.label_probabilities[grade]:.1f}%"></i></span> '
        f"<span>{percent(judgement.label_probabilities[grade])}</span></span> "
        for grade in (2, 1, 0)
    )
    return f'<div class="rr-bars" role="img" aria-label="{esc(told)}"><span aria-hidden="true">{rows}</span></div>'


def grade_mark(grade: int) -> str:
    """A judged grade as a small mark."""
    named = GRADE_NAMES[grade] if 0 <= grade < len(GRADE_NAMES) else ""
    told = f"judged {grade}" + (f", {named} relevant" if named else "")
    return (
        f'<span class="rr-judged rr-judged-{min(2, max(0, grade))}" title="{told}"><span class="rr-sr">{told}</span>'
        f'<span aria-hidden="true">{grade}</span></span>'
    )


def _known(grade: int | None) -> str:
    return "" if grade is None else f'<p class="rr-note">In the judgements {grade_mark(grade)}</p>'


def _doubts(judgement: Judgement | None) -> str:
    if judgement is None:
        return ""
    doubts = judgement_doubts(judgement)
    cut = (
        '<p class="rr-flag rr-flag-plain"><strong>Cut.</strong> The student read only the beginning: '
        "the text is longer than its window.</p>"
        if judgement.cut
        else ""
    )
    if not doubts:
        return cut
    chips = " ".join(f'<span class="rr-chip rr-chip-warn">{doubt.label}</span>' for doubt in doubts)
    sentences = "".join(f"<li>{esc(doubt.sentence)}</li>" for doubt in doubts)
    return (
        f'{cut}<details class="rr-doubts"><summary><strong>Unsure</strong> {chips}</summary>'
        f"<ul>{sentences}</ul></details>"
    )


def _foot(scored: ScoredDocument, order_by: str, queries: Sequence[str]) -> str:
    candidate = scored.candidate
    # What only another query found has that query's places, which say nothing of the question's own.
    parts = dict(candidate.parts) if 0 in candidate.found_by or not candidate.found_by else {}
    parts.setdefault(candidate.kind, StageScore(candidate.rank, candidate.score))
    found = "".join(
        f"<div><dt>{esc(kind_name(kind))}</dt><dd>{ordinal(part.rank)} "
        f'<span class="rr-num">{score(part.score)}</span></dd></div>'
        for kind, part in parts.items()
    )
    fused = ""
    if order_by == "fused":
        values = {"Order score": scored.order_score} | (
            {} if candidate.similarity is None else {"Similarity": candidate.similarity}
        )
        fused = "".join(
            f'<div><dt>{name}</dt><dd><span class="rr-num">{value:.2f}</span></dd></div>'
            for name, value in values.items()
        )
    name = label_of(scored.document)
    tried = (
        f'<button type="button" class="rr-link rr-try" data-act="whatif" data-doc="{esc(scored.doc_id)}"'
        f' aria-label="What if the question or the text were another: {esc(name)}">What if…</button>'
        if scored.judgement
        else ""
    )
    sent = (
        f'<button type="button" class="rr-link rr-send" data-act="review" data-doc="{esc(scored.doc_id)}"'
        f' aria-label="Send to review: {esc(name)}">Review…</button>'
        if scored.judgement
        else ""
    )
    return (
        f'<footer class="rr-foot"><dl aria-label="Where it was found">{found}{found_by(candidate, queries)}{fused}'
        f"<div><dt>Id</dt><dd>{words(scored.doc_id, 'code')}</dd></div></dl>{tried}{sent}"
        f'<button type="button" class="rr-link rr-pick" data-doc="{esc(scored.doc_id)}" aria-pressed="false"'
        f' aria-label="Compare with another document: {esc(name)}">Compare with…</button></footer>'
    )


def score(value: float) -> str:
    """A first-stage score with three significant figures or so.

    >>> [score(v) for v in (0.03252, 0.7121, 12.408, 1043.2)]
    ['0.033', '0.712', '12.41', '1,043']
    """
    size = abs(value)
    return f"{value:,.0f}" if size >= 100 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"
