"""What a lead sees of a review set, as escaped HTML: figures, plots, the queue of disagreements, files, guidelines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reasonrank.review.agreement import LEAST_OVERLAP, Agreement, Estimate
from reasonrank.review.export import FORMS
from reasonrank.review.report import Disagreement, LeadReport, Version
from reasonrank.review.values import Guideline, Item, Kind, ReviewSet
from reasonrank.ui.markup import attr, esc, plural, words
from reasonrank.ui.review_plots import confusion_plot, reliability_plot
from reasonrank.ui.review_text import comparison_html, document_html, seconds_told
from reasonrank.ui.review_view import GRADE, PREFERRED, REASON_RIGHT, SCALES, Question, value_told

STATE_NAMES = {
    "waiting": "waiting",
    "in_progress": "in progress",
    "complete": "complete",
    "disagreement": "in disagreement",
    "adjudicated": "adjudicated",
}
KIND_NAMES: Mapping[Kind, str] = {"document": "Documents", "reason": "Reasons", "pair": "Pairs"}
QUESTION_NAMES = {"preferred": "which is better", "reason_right": "comparison right"}
FORM_NAMES = {
    "jsonl": "Everything (JSON lines)",
    "csv": "Table (CSV)",
    "qrels": "Grades (TREC qrels)",
    "pairs": "Preference pairs",
    "records": "Training records",
    "html": "Offline page",
}
SHOWN = 20
"""Disagreements on the page at once; the next ones follow as these are settled."""


def desk_bar(sets: Sequence[ReviewSet], chosen: ReviewSet | None) -> str:
    """Which set, and the way back."""
    options = "".join(
        f'<option value="{esc(one.set_id)}"{attr("selected", one == chosen)}>{esc(one.name)}</option>' for one in sets
    )
    return (
        '<section class="rr-desk"><h2>Lead’s view</h2><label>Set <select data-do="look">'
        f'{options}</select></label><button type="button" class="rr-button" data-do="look">Refresh</button>'
        '<button type="button" class="rr-link" data-do="back">Back to judging</button></section>'
    )


def figures_view(report: LeadReport, chosen: ReviewSet) -> str:
    """States, people, agreement."""
    states = "".join(
        f'<div data-state="{state}"><dt>{name}</dt><dd>{report.states[state]}</dd></div>'  # type: ignore[index]
        for state, name in STATE_NAMES.items()
    )
    return (
        f'<section class="rr-rv-figures"><p class="rr-note">Judged: {esc(chosen.student)} on {esc(chosen.engine)}, '
        f"prompt version {esc(chosen.prompt_version)}; {chosen.annotators_per_item} people an item, "
        f'{"blind first" if chosen.blind_first else "not blind"}.</p><h3>Items</h3><dl class="rr-rv-states">{states}'
        f"</dl><h3>Annotators</h3>{_annotators(report)}<h3>Agreement</h3>{_agreements(report)}</section>"
    )


def plots_view(report: LeadReport) -> str:
    """Annotators against the student."""
    return (
        '<section class="rr-rv-figures"><h3>Annotators and the student</h3><div class="rr-rv-plots">'
        f"{confusion_plot(report.confusion)}{reliability_plot(report.reliability)}</div></section>"
    )


def queue_head(found: Sequence[Disagreement]) -> str:
    """How many items wait for a decision."""
    more = f" The first {SHOWN} are here." if len(found) > SHOWN else ""
    told = f"{plural(len(found), 'item')} to decide.{more}" if found else "Nobody disagrees on anything right now."
    return f'<section class="rr-rv-queue"><h3>Disagreements</h3><p>{told}</p></section>'


def disagreement_view(one: Disagreement, sides: tuple[str, str]) -> str:
    """One item with all versions and the form of the decision.

    Args:
        one: The item.
        sides: Of a pair, which document is called left and which right here.
    """
    differing = ", ".join(QUESTION_NAMES.get(question, question) for question in one.questions)
    return (
        f'<form class="rr-rv-decide" data-do="adjudicate" data-item="{esc(one.item.item_id)}">'
        f'<p class="rr-note">They differ on: {esc(differing)}</p><h4 dir="auto">{esc(one.item.query)}</h4>'
        f"{_content(one.item, sides)}{_versions(one, sides)}{_decision(one, sides)}"
        '<p><button type="submit" class="rr-button">Decide</button></p></form>'
    )


def files_view() -> str:
    """The set as files."""
    buttons = "".join(
        f'<button type="button" class="rr-button" data-do="keep" data-form="{form}">{FORM_NAMES[form]}</button>'
        for form in FORMS
    )
    return f'<section class="rr-rv-files"><h3>Download</h3><p class="rr-tools">{buttons}</p></section>'


def guideline_form(guideline: Guideline) -> str:
    """Edit the guideline of one kind."""
    return (
        f'<details class="rr-rv-edit"><summary>Guideline: {KIND_NAMES[guideline.kind].lower()}, version '
        f'{guideline.version}</summary><form data-do="guideline"><input type="hidden" name="kind" '
        f'value="{guideline.kind}"><input type="hidden" name="seen" value="{guideline.version}">'
        f'<textarea name="text" rows="12" maxlength="20000" aria-label="Guideline">{esc(guideline.text)}</textarea>'
        '<button type="submit" class="rr-button">Save as the next version</button></form></details>'
    )


def _annotators(report: LeadReport) -> str:
    if not report.annotators:
        return '<p class="rr-note">Nobody has judged anything yet.</p>'
    rows = "".join(
        f'<tr><th scope="row">{words(one.name, "bdi")}</th><td>{one.judged}</td><td>{one.skipped}</td><td>'
        f"{'–' if one.median_seconds is None else seconds_told(one.median_seconds)}</td>"
        f"<td>{one.agreed} of {one.compared}</td></tr>"
        for one in report.annotators
    )
    return _table("Annotators", ("Name", "Judged", "Skipped", "Median time", "Agrees with the student"), rows)


def _agreements(report: LeadReport) -> str:
    rows = "".join(
        f'<tr data-question="{kind}-{question}"><th scope="row">{KIND_NAMES[kind]}: '
        f"{esc(QUESTION_NAMES.get(question, question))}</th><td>{found.items}</td>{_coefficients(found)}</tr>"
        for (kind, question), found in report.agreements.items()
        if found.items
    )
    if not rows:
        return f'<p class="rr-note">Not enough overlap yet: no item was judged by two people. {_least()}</p>'
    heads = ("Question", "Items judged by two or more", "Same answer", "Cohen’s kappa", "Krippendorff’s alpha")
    return _table("Agreement", heads, rows) + f'<p class="rr-note">With 95% bootstrap intervals. {_least()}</p>'


def _least() -> str:
    return f"No figure is given for fewer than {LEAST_OVERLAP} such items."


def _coefficients(found: Agreement) -> str:
    if found.state == "not_enough_overlap":
        return '<td colspan="3">Not enough overlap yet</td>'
    if found.state == "no_variation":
        return f'<td>{_estimate(found.percent, share=True)}</td><td colspan="2">Everybody gave the same answer</td>'
    kappa = "for two people only" if found.kappa is None else _estimate(found.kappa)
    return f"<td>{_estimate(found.percent, share=True)}</td><td>{kappa}</td><td>{_estimate(found.alpha)}</td>"


def _estimate(found: Estimate | None, *, share: bool = False) -> str:
    if found is None:
        return "–"
    if share:
        return f"<b>{100 * found.value:.0f}%</b> ({100 * found.low:.0f} to {100 * found.high:.0f})"
    value, low, high = (f"{one:.2f}".replace("-", "−") for one in (found.value, found.low, found.high))
    return f"<b>{value}</b> ({low} to {high})"


def _table(name: str, heads: Sequence[str], rows: str) -> str:
    head = "".join(f'<th scope="col">{one}</th>' for one in heads)
    return (
        f'<div class="rr-scroll" tabindex="0" role="region" aria-label="{name}"><table class="rr-figures"><thead><tr>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


# -- deciding ----------------------------------------------------------------------------------------------------


def _content(item: Item, sides: tuple[str, str]) -> str:
    if item.kind == "pair":
        by_id = {document["doc_id"]: document for document in item.content["documents"]}
        both = "".join(
            f'<div><p class="rr-rv-side">{told}</p>{document_html(by_id[doc_id], item.query, heading="h5")}</div>'
            for told, doc_id in zip(("Left", "Right"), sides, strict=True)
        )
        text = comparison_html(item.content["comparison"], sides[0])
        return f'<div class="rr-rv-pair">{both}</div><p class="rr-said" dir="auto">{text}</p>'
    reason = item.content.get("reason")
    told = document_html(item.content["document"], item.query, (reason or {}).get("evidence"), heading="h5")
    return told + (words(reason["text"], "p", "rr-said") if reason else "")


def _versions(one: Disagreement, sides: tuple[str, str]) -> str:
    rows = "".join(
        f'<tr class="{"" if version.stands else "rr-rv-past"}"><th scope="row">{version.letter}</th>'
        f"<td>{'stands' if version.stands else 'earlier or first half'}</td>"
        f'<td dir="auto">{esc(version_told(one.item, version, sides))}</td></tr>'
        for version in one.versions
    )
    return _table("Versions", ("Who", "", "What they said"), rows)


def version_told(item: Item, version: Version, sides: tuple[str, str]) -> str:
    """A version in a line, a pair's side as it is called here, and the marked words themselves."""
    value = _here(item, version.value, sides)
    told = value_told(value)
    if value.get("wrong_spans"):
        text = item.content["reason"]["text"]
        told += ": " + ", ".join(f"“{text[start:end]}”" for start, end in value["wrong_spans"])
    return f"skipped, {told}" if version.action == "skip" else told


def _decision(one: Disagreement, sides: tuple[str, str]) -> str:
    """The questions, with the answers filled in that everybody gave."""
    asked: Sequence[Question] = {"document": (GRADE,), "reason": (GRADE, *SCALES), "pair": (PREFERRED,)}[one.item.kind]
    if one.item.kind == "pair" and one.item.content["comparison"]["text"].strip():
        asked = (*asked, REASON_RIGHT)
    told = [version for version in one.versions if version.stands and version.action == "judge"]
    groups = "".join(_radios(question, _unanimous(one.item, told, question.field, sides)) for question in asked)
    return groups + (_reason_fields(one, told) if one.item.kind == "reason" else "")


def _unanimous(item: Item, told: Sequence[Version], field: str, sides: tuple[str, str]) -> Any:
    given = [_here(item, version.value, sides).get(field) for version in told]
    return given[0] if given and len(set(given)) == 1 else None


def _here(item: Item, value: Mapping[str, Any], sides: tuple[str, str]) -> dict[str, Any]:
    """A judgement with a pair's side as it is called here."""
    if item.kind != "pair" or value.get("preferred") not in ("left", "right"):
        return dict(value)
    preferred_id = value[f"{value['preferred']}_id"]
    return {**value, "preferred": "left" if preferred_id == sides[0] else "right"}


def _radios(question: Question, chosen: Any) -> str:
    options = "".join(
        f'<label><input type="radio" name="{question.field}" value="{esc(value)}" required'
        f"{attr('checked', value == chosen)}><span>{esc(value if question is GRADE else '')} {esc(name)}</span></label>"
        for value, name, _ in question.answers
    )
    return (
        f'<fieldset class="rr-control"><legend class="rr-label">{esc(question.legend)}</legend>'
        f'<span class="rr-segments">{options}</span></fieldset>'
    )


def _reason_fields(one: Disagreement, told: Sequence[Version]) -> str:
    text = one.item.content["reason"]["text"]
    spans = sorted({(span[0], span[1]) for version in told for span in version.value.get("wrong_spans") or []})  # type: ignore[attr-defined]
    marks = "".join(
        f'<label class="rr-check"><input type="checkbox" name="wrong_spans" value="{start}-{end}"> '
        f"wrong: {words(text[start:end])}</label>"
        for start, end in spans
    )
    return (
        f'{marks}<label class="rr-rv-correct">The reason as it should read, if it can be mended'
        '<textarea name="corrected" rows="2" maxlength="4000"></textarea></label>'
    )
