"""Share and keep: a link that asks again, the same question in code, and the list as files that others read."""

from __future__ import annotations

import csv
import io
import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from reasonrank.data import Ranking, ScoredDocument
from reasonrank.errors import InputError
from reasonrank.formats import run_lines
from reasonrank.serialize import ranking_to_json
from reasonrank.settings import Settings
from reasonrank.ui.form import Choices
from reasonrank.ui.markup import esc
from reasonrank.ui.report import report_html

SAID = ("corpus", "retriever", "k", "order", "mode", "explain")
"""The settings that a link, a command and a program name, under these names everywhere."""
FORMATS = {
    "html": ("Report", "a page of its own that opens without a server and prints well"),
    "json": ("JSON", "all of this list, as the command line prints it"),
    "csv": ("CSV", "one row a document, for a spreadsheet"),
    "run": ("TREC run", "for evaluators such as trec_eval"),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""First characters by which a spreadsheet takes a text for a formula."""


@dataclass(frozen=True, slots=True)
class Download:
    """A file for the visitor: its name, what it is, and its text."""

    name: str
    mime: str
    text: str


def share_query(choices: Choices) -> str:
    """The query string of a link that asks the same again."""
    asked = [("q", choices.question.strip()), *((name, getattr(choices, name)) for name in SAID)]
    asked.append(("query_writing", "yes" if choices.query_writing and choices.queries is None else "no"))
    return urlencode(asked + [("also", query) for query in choices.queries or ()])


def share_view(question: str, settings: Settings, link: str, queries: Sequence[str] | None = None) -> str:
    """The view's content. ``link`` is empty where the corpus is the visitor's own and no link could reach it."""
    buttons = " ".join(
        f'<button type="button" class="rr-button" data-act="keep" data-format="{name}" title="{esc(told)}">'
        f"{label}</button>"
        for name, (label, told) in FORMATS.items()
    )
    keep = f'<h3>Download</h3><p class="rr-row">{buttons}</p>'
    if not link:
        return f"{keep}<p>There is no link to this list, since it was made from a file that only you have.</p>"
    codes = "".join(_snippet(name, label, text) for name, label, text in snippets(question, settings, queries))
    return (
        '<h3>Link</h3><p class="rr-row"><input class="rr-link-box" readonly aria-label="Link to this question"'
        f' data-query="{esc(link)}"><button type="button" class="rr-button rr-copy">Copy the link</button></p>'
        '<p class="rr-note">It asks this question again with these settings; anyone who has it can read the question.'
        f"</p>{keep}<h3>The same in code</h3>{codes}"
    )


def _snippet(name: str, label: str, text: str) -> str:
    return (
        f'<details class="rr-snippet"><summary>{label}</summary><div>'
        f'<pre tabindex="0" id="rr-code-{name}" aria-label="{label}">{esc(text)}</pre>'
        f'<button type="button" class="rr-link rr-copy" aria-label="Copy as {label}">Copy</button></div></details>'
    )


def snippets(question: str, settings: Settings, queries: Sequence[str] | None = None) -> list[tuple[str, str, str]]:
    """The question as a command, in Python, and to the HTTP interface: name, label, text.

    ``queries`` are search queries to search beside it; without them the settings say whether the student writes some.

    Questions and names are quoted by the rules of each language, so that they cannot become code of it.
    """
    said = {name: getattr(settings, name) for name in SAID}
    flags = " ".join(f"--{name} {shlex.quote(str(value))}" for name, value in said.items())
    given: dict[str, Any] = {"queries": list(queries)} if queries else {}
    if settings.query_writing and not given:
        said["query_writing"] = True
        flags += " --query-writing"
    flags += "".join(f" {shlex.quote(f'--also={query}')}" for query in queries or ())
    arguments = ", ".join(f"{name}={value!r}" for name, value in said.items())
    asked = ", ".join([repr(question), *(f"{name}={value!r}" for name, value in given.items())])
    body = json.dumps({"query": question, **said, **given}, ensure_ascii=False)
    return [
        ("shell", "Command line", f"reasonrank search {flags} --json -- {shlex.quote(question)}"),
        (
            "python",
            "Python",
            "from reasonrank.pipeline import Pipeline\nfrom reasonrank.settings import Settings\n\n"
            f"settings = Settings.load({arguments})\nfor step in Pipeline(settings).search({asked}):\n"
            "    pass  # each step has the ranking as far as it goes\n"
            "for scored in step.ranking.documents:\n    print(scored.rank, scored.doc_id, scored.order_score)",
        ),
        (
            "curl",
            "curl, to a running “reasonrank serve”",
            f"curl http://127.0.0.1:7860/v1/search -H 'Content-Type: application/json' -d {shlex.quote(body)}",
        ),
    ]


def download(ranking: Ranking, kind: str, query_id: str = "1") -> Download:
    """The list as a file.

    Raises:
        InputError: There is no such format, or a TREC run cannot hold one of the ids.
    """
    name = f"reasonrank-{_slug(ranking.query.text)}"
    if kind == "json":
        text = json.dumps(ranking_to_json(ranking), ensure_ascii=False, indent=2)
        return Download(f"{name}.json", "application/json", text)
    if kind == "csv":
        return Download(f"{name}.csv", "text/csv", as_csv(ranking))
    if kind == "run":
        named = replace(ranking, query=replace(ranking.query, query_id=ranking.query.query_id or query_id))
        return Download(f"{name}.run", "text/plain", "".join(run_lines(named)))
    if kind == "html":
        return Download(f"{name}.html", "text/html", report_html(ranking))
    raise InputError("There is no such file format; choose one of those that are offered.")


def as_csv(ranking: Ranking) -> str:
    """One row a document. A text that a spreadsheet would run as a formula gets an apostrophe in front."""
    out = io.StringIO()
    writer = csv.writer(out)
    rows = [_row(scored) for scored in ranking.documents]
    writer.writerow(rows[0] if rows else ["rank", "doc_id"])
    writer.writerows([harmless(value) for value in row.values()] for row in rows)
    return out.getvalue()


def harmless(value: Any) -> Any:
    """
    >>> harmless("=1+1"), harmless("plain"), harmless(-1.5)
    ("'=1+1", 'plain', -1.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _row(scored: ScoredDocument) -> Mapping[str, Any]:
    judged, reason = scored.judgement, scored.reason
    evidence = reason.evidence if reason and reason.evidence and reason.evidence.verified else None
    grades = judged.label_probabilities if judged else ("", "", "")
    return {
        "rank": scored.rank,
        "doc_id": scored.doc_id,
        "title": scored.document.title,
        "expected_grade": judged.expected_grade if judged else "",
        **{f"probability_{grade}": share for grade, share in enumerate(grades)},
        "label_mass": judged.label_mass if judged else "",
        "order_score": scored.order_score,
        "first_stage": scored.candidate.kind,
        "first_stage_rank": scored.candidate.rank,
        "first_stage_score": scored.candidate.score,
        "found_by_queries": " ".join(str(number) for number in sorted(scored.candidate.found_by)),
        "reason_status": reason.status if reason else "not_requested",
        "reason": reason.text if reason else "",
        "evidence": evidence.text if evidence else "",
        "text": scored.document.text,
    }


def _slug(text: str) -> str:
    """
    >>> _slug("Why do moths / circle?")
    'why-do-moths-circle'
    """
    return "-".join(re.findall(r"[a-z0-9]+", text.lower()))[:48].strip("-") or "list"
