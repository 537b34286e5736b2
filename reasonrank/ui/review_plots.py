"""The lead's two plots as SVG: annotators' grades against the student's, and how far the student's certainty holds."""

from __future__ import annotations

from collections.abc import Sequence

from reasonrank.data import GRADES
from reasonrank.review.report import ReliabilityBin
from reasonrank.ui.markup import esc, plural

CELL = 72
EDGE = 64
SIDE = 300
MARGIN = 40
DARKEST = 0.5
"""Opacity of a cell that holds its whole row, so that its number stays readable on it."""


def confusion_plot(confusion: Sequence[Sequence[int]]) -> str:
    """Annotators' grades (rows) against the student's labels (columns); a cell is as dark as its share of the row."""
    if not any(map(sum, confusion)):
        return '<p class="rr-note">No judgement yet whose grade could be set against the student’s.</p>'
    cells, told = "", []
    for grade, row in zip(GRADES, confusion, strict=True):
        y = EDGE + grade * CELL
        cells += f'<text x="{EDGE - 10}" y="{y + CELL / 2 + 5:g}" text-anchor="end">{grade}</text>'
        cells += f'<text x="{EDGE + grade * CELL + CELL / 2:g}" y="{EDGE - 10}" text-anchor="middle">{grade}</text>'
        for label, count in enumerate(row):
            x, share = EDGE + label * CELL, count / sum(row) if sum(row) else 0.0
            cells += (
                f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill-opacity="{DARKEST * share:.3f}"></rect>'
                f'<text class="rr-rv-number" x="{x + CELL / 2:g}" y="{y + CELL / 2 + 6:g}" text-anchor="middle">'
                f"{count}</text>"
            )
            told.append(f"annotators {grade}, student {label}: {count}")
    width = EDGE + 3 * CELL + 8
    middle = EDGE + 1.5 * CELL
    return (
        '<figure class="rr-plot rr-rv-confusion"><figcaption>Grades: annotators (rows), student (columns)</figcaption>'
        f'<svg viewBox="0 0 {width} {width}" role="img" aria-label="{esc("; ".join(told))}">{cells}'
        f'<text x="{middle:g}" y="22" text-anchor="middle">the student’s label</text>'
        f'<text transform="rotate(-90)" x="{-middle:g}" y="20" text-anchor="middle">annotators’ grade</text></svg>'
        f"<p>{agreement_told(confusion)}</p></figure>"
    )


def agreement_told(confusion: Sequence[Sequence[int]]) -> str:
    """How many judgements agree with the student, and which way the others differ.

    >>> agreement_told([[3, 1, 0], [0, 2, 0], [0, 0, 4]])
    '9 of 10 judgements give the student’s label; the student is higher in 1 and lower in 0.'
    """
    total = sum(map(sum, confusion))
    same = sum(confusion[grade][grade] for grade in GRADES)
    higher = sum(confusion[grade][label] for grade in GRADES for label in GRADES if label > grade)
    return (
        f"{same} of {plural(total, 'judgement')} give the student’s label; the student is higher in {higher} and "
        f"lower in {total - same - higher}."
    )


def reliability_plot(bins: Sequence[ReliabilityBin]) -> str:
    """How sure the student was of its label, against how often annotators gave that label."""
    if not bins:
        return ""
    size, end = SIDE - 2 * MARGIN, SIDE - MARGIN
    at = [(MARGIN + size * one.confidence, end - size * one.right) for one in bins]
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6"><title>{esc(_told(one))}</title></circle>'
        for (x, y), one in zip(at, bins, strict=True)
    )
    ticks = "".join(
        f'<text x="{MARGIN + size * tick:g}" y="{end + 16}" text-anchor="middle">{tick:g}</text>'
        f'<text x="{MARGIN - 8}" y="{end - size * tick + 4:g}" text-anchor="end">{tick:g}</text>'
        for tick in (0, 0.5, 1)
    )
    told = "; ".join(map(_told, bins))
    rows = "".join(
        f'<tr><th scope="row">{one.low:.2f} to {one.high:.2f}</th><td>{one.judgements}</td>'
        f"<td>{one.confidence:.2f}</td><td>{one.right:.2f}</td><td>{_signed(one.overconfidence)}</td></tr>"
        for one in bins
    )
    return (
        '<figure class="rr-plot"><figcaption>Is the student as right as it is sure?</figcaption>'
        f'<svg viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{esc(told)}">'
        f'<line class="rr-diagonal" x1="{MARGIN}" y1="{end}" x2="{end}" y2="{MARGIN}"></line>'
        f'<line x1="{MARGIN}" y1="{end}" x2="{end}" y2="{end}"></line>'
        f'<line x1="{MARGIN}" y1="{end}" x2="{MARGIN}" y2="{MARGIN}"></line>{ticks}'
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}"></polyline>{dots}'
        f'<text x="{SIDE / 2:g}" y="{SIDE - 4}" text-anchor="middle">its probability of its label</text>'
        f'<text x="{MARGIN}" y="{MARGIN - 14}">share of judgements with that label</text></svg>'
        '<div class="rr-scroll" tabindex="0" role="region" aria-label="Reliability"><table class="rr-figures"><thead>'
        '<tr><th scope="col">Probability</th><th scope="col">Judgements</th><th scope="col">Said</th>'
        f'<th scope="col">Is</th><th scope="col">Too sure by</th></tr></thead><tbody>{rows}</tbody></table></div>'
        "<p>Below the dashed line the student is surer than it is right.</p></figure>"
    )


def _told(one: ReliabilityBin) -> str:
    return f"said {one.confidence:.2f}, is {one.right:.2f} of {plural(one.judgements, 'judgement')}"


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
