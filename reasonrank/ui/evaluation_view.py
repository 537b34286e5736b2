"""The Evaluation tab as escaped HTML: the form, how far it is, the table of figures, the reliability curve."""

from __future__ import annotations

from collections.abc import Sequence

from reasonrank.formats import Qrels
from reasonrank.ui.evaluation import JUDGES, Evaluated, Figures, SetUp, figures, p_values, reliability
from reasonrank.ui.form import RETRIEVERS, select
from reasonrank.ui.markup import attr, esc, plural

SIDE = 300
"""Height and width of the reliability plot, in its own units."""
MARGIN = 36


def name_of(setup: SetUp) -> str:
    """A set-up in words."""
    return f"{dict(RETRIEVERS)[setup.retriever]}, {JUDGES[setup.judge]}"


def evaluation_form(one: SetUp, other: SetUp, *, has_student: bool, busy: bool) -> str:
    """Two set-ups to choose, and the button."""
    judges = [(name, told) for name, told in JUDGES.items() if has_student or name == "none"]
    sides = "".join(
        f'<fieldset class="rr-setup"><legend>{legend}</legend>'
        f"{select(f'{side}_retriever', 'Find by', RETRIEVERS, setup.retriever)}"
        f"{select(f'{side}_judge', 'Order by', judges, setup.judge)}</fieldset>"
        for side, legend, setup in (("a", "Set-up A", one), ("b", "Set-up B", other))
    )
    return (
        f'<form class="rr-lab rr-evaluate" data-act="evaluate">{sides}'
        f'<p><button type="submit" class="rr-button"{attr("disabled", busy)}>Measure both</button></p></form>'
    )


def evaluation_view(setups: Sequence[SetUp], states: Sequence[Evaluated], qrels: Qrels, k: int) -> str:
    """What is known of the two set-ups so far."""
    waiting = "".join(_progress(setup, state) for setup, state in zip(setups, states, strict=True))
    if not all(state.complete for state in states):
        return f'<div class="rr-result">{waiting}</div>'
    found = [figures(state, qrels) for state in states]
    curves = "".join(_curve(setup, state, qrels) for setup, state in zip(setups, states, strict=True))
    return (
        f'<div class="rr-result">{waiting}{_table(setups, found)}'
        f"<p>Means over {plural(len(qrels), 'judged question')}, {k} documents each, with 95% bootstrap intervals; p "
        "is of a paired permutation test over the questions: how often chance alone would make a difference this large."
        f"</p>{curves}</div>"
    )


def _progress(setup: SetUp, state: Evaluated) -> str:
    name = esc(name_of(setup))
    if state.problem:
        return f'<p class="rr-flag rr-flag-bad"><strong>{name}.</strong> {esc(state.problem)}</p>'
    if state.complete:
        return ""
    count = f"{len(state.lines)} of {plural(state.wanted, 'question')}"
    if not state.running:
        return f'<p class="rr-note">{name}: {count} measured so far.</p>'
    return (
        f'<p class="rr-preparing">{name}: {count}</p>'
        f'<progress max="{state.wanted}" value="{len(state.lines)}" aria-label="{name}"></progress>'
    )


def _table(setups: Sequence[SetUp], found: Sequence[Figures]) -> str:
    tests = p_values(found[0], found[1])
    heads = "".join(
        f'<th scope="col">{letter}: {esc(name_of(setup))}</th>' for letter, setup in zip("AB", setups, strict=True)
    )
    rows = ""
    for name in found[0].means:
        cells = "".join(
            f"<td><b>{one.means[name].mean:.3f}</b> ({one.means[name].low:.3f} to {one.means[name].high:.3f})</td>"
            for one in found
        )
        change = found[1].means[name].mean - found[0].means[name].mean
        sign = "+" if change > 0 else "−" if change < 0 else "±"
        p = "<0.001" if tests[name] < 0.001 else f"{tests[name]:.3f}"
        rows += f'<tr><th scope="row">{esc(name)}</th>{cells}<td>{sign}{abs(change):.3f}</td><td>{esc(p)}</td></tr>'
    return (
        '<div class="rr-scroll" tabindex="0" role="region" aria-label="Figures"><table class="rr-figures"><thead><tr>'
        f'<th scope="col">Measure</th>{heads}<th scope="col">B − A</th><th scope="col">p</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )


def _curve(setup: SetUp, state: Evaluated, qrels: Qrels) -> str:
    """How far the student's probabilities can be taken at their word."""
    points = reliability(state, qrels)
    if not points:
        return ""
    size = SIDE - 2 * MARGIN
    at = [(MARGIN + size * p, SIDE - MARGIN - size * share) for p, share, _ in points]
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5">'
        f"<title>{count} documents: said {p:.2f}, is {share:.2f}</title></circle>"
        for (x, y), (p, share, count) in zip(at, points, strict=True)
    )
    told = "; ".join(f"said {100 * p:.0f}%, is {100 * share:.0f}% of {count}" for p, share, count in points)
    end = SIDE - MARGIN
    return (
        f'<figure class="rr-plot"><figcaption>Reliability: {esc(name_of(setup))}</figcaption>'
        f'<svg viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{esc(told)}">'
        f'<line class="rr-diagonal" x1="{MARGIN}" y1="{end}" x2="{end}" y2="{MARGIN}"></line>'
        f'<line x1="{MARGIN}" y1="{end}" x2="{end}" y2="{end}"></line>'
        f'<line x1="{MARGIN}" y1="{end}" x2="{MARGIN}" y2="{MARGIN}"></line>'
        f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in at)}"></polyline>{dots}'
        f'<text x="{SIDE / 2}" y="{SIDE - 10}" text-anchor="middle">said: probability of grade 1 or 2</text>'
        f'<text x="{MARGIN}" y="{MARGIN - 12}">is: share that has it</text></svg>'
        f"<p>Judged documents by tenths of the probability that they are relevant at all. On the dashed line, the "
        f"student could be taken at its word.</p></figure>"
    )
