"""One record of a file to one Document, or to a sentence that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from reasonrank.corpora.lines import Limits
from reasonrank.data import Document

ID_NAMES = ("doc_id", "id", "_id", "docid", "pid")
TEXT_NAMES = ("text", "body", "passage", "contents")
TITLE_NAMES = ("title",)
"""Names that a field may have, the preferred one first; capitals do not matter."""


class RecordError(ValueError):
    """What is wrong with one record."""


def field_name(names: Iterable[str], wanted: tuple[str, ...]) -> str | None:
    """Which of ``names`` is the wanted field, if any."""
    present = {name.strip().lower(): name for name in reversed(list(names))}
    return next((present[name] for name in wanted if name in present), None)


def listed(names: tuple[str, ...]) -> str:
    """Names for a message: ``"doc_id", "id" or "_id"``."""
    quoted = [f'"{name}"' for name in names]
    return quoted[0] if len(quoted) == 1 else f"{', '.join(quoted[:-1])} or {quoted[-1]}"


def document_of(record: Mapping[str, Any], limits: Limits, made_id: str | None = None) -> Document:
    """The document that a record describes; ``made_id`` is its doc_id where the record has none.

    Raises:
        RecordError: A field is missing, empty, too long or no text.
    """
    id_name, text_name = field_name(record, ID_NAMES), field_name(record, TEXT_NAMES)
    title_name = field_name(record, TITLE_NAMES)
    if text_name is None:
        raise RecordError(f"no text; expected a field named {listed(TEXT_NAMES)}")
    if id_name is None and made_id is None:
        raise RecordError(f"no doc_id; expected a field named {listed(ID_NAMES)}")
    doc_id = _id(record[id_name], id_name, limits) if id_name is not None else str(made_id)
    text = _text(record[text_name], text_name, limits.text_chars)
    if not text.strip():
        raise RecordError(f'"{text_name}" is empty')
    title = record[title_name] if title_name is not None else None
    return Document(doc_id, text.strip(), _text("" if title is None else title, "title", limits.title_chars).strip())


def _id(value: Any, name: str, limits: Limits) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    doc_id = _text(value, name, limits.id_chars)
    if not doc_id:
        raise RecordError(f'"{name}" is empty')
    if not doc_id.isprintable() or " " in doc_id:
        raise RecordError(f'"{name}" is {doc_id[:40]!r}; an id must have no white space or control characters')
    return doc_id


def _text(value: Any, name: str, most: int) -> str:
    if not isinstance(value, str):
        raise RecordError(f'"{name}" is {_kind(value)}; expected text')
    if len(value) > most:
        raise RecordError(f'"{name}" has {len(value):,} characters; at most {most:,} are allowed, so split it')
    if "\x00" in value:
        raise RecordError(f'"{name}" has a NUL character; remove it')
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise RecordError(f'"{name}" has half a surrogate pair; write the whole character') from None
    return value


def _kind(value: Any) -> str:
    names = {dict: "an object", list: "a list", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
