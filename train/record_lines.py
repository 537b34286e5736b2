"""Teacher records to their JSON lines: what :mod:`train.records` reads, written."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reasonrank.data import Document
from reasonrank.errors import InputError
from reasonrank.formats import replacing
from train.records import Reason, TeacherRecord


def record_line(record: TeacherRecord) -> dict[str, Any]:
    """A record as its JSON object, without what it does not say."""
    line: dict[str, Any] = {
        "query_id": record.query.query_id,
        "query": record.query.text,
        "documents": [document_line(document) for document in record.documents],
        "prompt_version": record.prompt_version,
        "source": record.source,
        "teacher": record.teacher,
        "ranking": list(record.ranking),
        "labels": dict(record.labels),
        "reasons": {doc_id: _reason(reason) for doc_id, reason in record.reasons.items()},
        "comparisons": [
            {"preferred_id": one.preferred_id, "other_id": one.other_id, "text": one.text} for one in record.comparisons
        ],
        "rejected": {doc_id: list(texts) for doc_id, texts in record.rejected.items()},
    }
    return {key: value for key, value in line.items() if value}


def document_line(document: Document) -> dict[str, str]:
    """A document as it stands in records and candidate lists."""
    line = {"doc_id": document.doc_id, "text": document.text}
    return {**line, "title": document.title} if document.title else line


def write_json_lines(path: Path, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a file of JSON lines; it takes the place of the old one only when it is complete.

    Raises:
        InputError: It cannot be written, or its name asks for gzip.
    """
    check_plain(path)
    with replacing(path) as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)


def check_plain(path: Path) -> None:
    """Raises :class:`InputError` where the name ends in .gz: these files grow line by line."""
    if path.suffix == ".gz":
        raise InputError(f"{path} ends in .gz, but the file grows line by line; name a .jsonl file and pack it after.")


def _reason(reason: Reason) -> dict[str, str]:
    said = {"direct": reason.direct, "comparative": reason.comparative, "evidence": reason.evidence}
    return {key: text for key, text in said.items() if text}
