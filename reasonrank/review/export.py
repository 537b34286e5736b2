"""Reviewed sets as files: JSON lines, CSV, TREC qrels, preference pairs, training records, a page to work offline."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reasonrank.errors import InputError
from reasonrank.review.consensus import Judged
from reasonrank.review.items import item_doc_ids
from reasonrank.review.lines import to_lines
from reasonrank.review.records import preference_pairs, settled_grades, training_records
from reasonrank.review.values import Entries, Standing

FORMS = ("jsonl", "csv", "qrels", "pairs", "records", "html")
COLUMNS = (
    *("set", "item_id", "kind", "query_id", "query", "doc_ids", "annotator", "action", "blind", "grade"),
    *("student_label", "student_score", "correct", "supported", "complete", "reason", "corrected", "wrong_spans"),
    *("preferred_id", "left_id", "right_id", "student_preferred_id", "comparison", "reason_right"),
    *("skip_reason", "seconds", "guideline_version", "source", "at", "prompt_version", "student"),
)
FORMULA_START = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""A cell that begins so may run as a formula in a spreadsheet; the last four are the full-width forms."""


def export_text(form: str, entries: Entries, judged: Sequence[Judged]) -> Iterator[str]:
    """The sets in one of :data:`FORMS`, in pieces.

    Args:
        form: Which.
        entries: Everything of the sets.
        judged: Their items with what stands on them.

    Raises:
        InputError: An id cannot stand in the form.
    """
    from reasonrank.review.offline import offline_page

    writers: Mapping[str, Callable[[], Iterator[str]]] = {
        "jsonl": lambda: to_lines(entries),
        "csv": lambda: _csv(judged),
        "qrels": lambda: _qrels(judged),
        "pairs": lambda: _json_lines(preference_pairs(judged)),
        "records": lambda: _json_lines(training_records(judged)),
        "html": lambda: iter([offline_page(entries)]),
    }
    return writers[form]()


def unresolved(judged: Iterable[Judged]) -> int:
    """Documents that were graded and have neither a majority nor an adjudication; qrels and records leave them out."""
    return sum(grade is None for grade in settled_grades(judged).values())


def plain_cell(value: Any) -> Any:
    """A cell that no spreadsheet runs as a formula; numbers stay numbers.

    >>> plain_cell("=1+1"), plain_cell(-1.5), plain_cell("fine")
    ("'=1+1", -1.5, 'fine')
    """
    return f"'{value}" if isinstance(value, str) and value.lstrip(" ").startswith(FORMULA_START) else value


def _json_lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _qrels(judged: Sequence[Judged]) -> Iterator[str]:
    for (query_id, _, doc_id), grade in settled_grades(judged).items():
        for name in (query_id, doc_id):
            if not name or name.split() != [name]:
                raise InputError(f"The id {name!r} is empty or has white space in it; TREC qrels cannot hold it.")
        if grade is not None:
            yield f"{query_id} 0 {doc_id} {grade}\n"


def _csv(judged: Sequence[Judged]) -> Iterator[str]:
    """One row for everything that stands; begins with a byte order mark, by which spreadsheets know UTF-8."""
    yield "\ufeff" + _csv_line(COLUMNS)
    for entry in judged:
        stands = [*entry.judgements, *entry.skips, *([entry.adjudication] if entry.adjudication else [])]
        for standing in stands:
            row = _row(entry, standing)
            yield _csv_line([plain_cell(row.get(name, "")) for name in COLUMNS])


def _csv_line(cells: Iterable[Any]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(cells)
    return line.getvalue()


def _row(judged: Judged, standing: Standing) -> dict[str, Any]:
    item, event, chosen = judged.item, standing.event, judged.review_set
    student = item.content.get("student") or {}
    comparison = item.content.get("comparison") or {}
    row: dict[str, Any] = {
        "set": chosen.name,
        "item_id": item.item_id,
        "kind": item.kind,
        "query_id": item.query_id,
        "query": item.query,
        "doc_ids": " ".join(item_doc_ids(item)),
        "annotator": event.annotator,
        "action": event.action,
        "blind": "yes" if event.blind else "no",
        "student_label": student.get("label", ""),
        "student_score": student.get("score", ""),
        "reason": (item.content.get("reason") or {}).get("text", ""),
        "student_preferred_id": comparison.get("preferred_id", ""),
        "comparison": comparison.get("text", ""),
        "seconds": "" if event.seconds is None else event.seconds,
        "guideline_version": event.guideline_version,
        "source": event.source,
        "at": datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds"),
        "prompt_version": item.content["made_by"]["prompt_version"],
        "student": item.content["made_by"]["student"],
    }
    value = dict(event.value or {})
    if event.action == "skip":
        return row | {"skip_reason": value.get("reason", "")}
    if item.kind == "pair":
        side = value["preferred"]
        row["preferred_id"] = "(equal)" if side == "equal" else value[f"{side}_id"]
    else:
        value["wrong_spans"] = json.dumps(value["wrong_spans"]) if value.get("wrong_spans") else ""
    value.pop("preferred", None)
    return row | {name: "" if given is None else given for name, given in value.items()}
