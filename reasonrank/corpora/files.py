"""A file as a corpus: JSON lines, CSV, TSV or plain text, each also packed with gzip."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from reasonrank.corpora.base import Corpus
from reasonrank.corpora.lines import LIMITS, Limits, Problems, read_lines
from reasonrank.corpora.passages import numbered, split_passages
from reasonrank.corpora.records import (
    ID_NAMES,
    TEXT_NAMES,
    RecordError,
    document_of,
    field_name,
    listed,
)
from reasonrank.data import Document
from reasonrank.errors import InputError

Row = tuple[int, Document]
Reader = Callable[[Path, Limits, Problems], Iterator[Row]]

OBJECTS = f'one JSON object a line, with {listed(ID_NAMES)}, with {listed(TEXT_NAMES)}, and, if there is one, "title"'
TABLE = (
    f"a first line that names the columns, one of them {listed(TEXT_NAMES)}, and, if there are ids and titles, "
    f'{listed(ID_NAMES)} and "title"'
)
PLAIN = "UTF-8 text, one passage a paragraph, or one a line where no line is blank"


def load_file(path: Path, limits: Limits = LIMITS) -> Corpus:
    """The passages of a file. All of it is read, or nothing.

    Raises:
        InputError: The file is missing, of another kind, over a limit, or not as expected; the message names
            the lines.
    """
    if not path.is_file():
        what = "a folder" if path.is_dir() else "not a file" if path.exists() else "not there"
        raise InputError(f"{path} is {what}; expected a .jsonl, .csv, .tsv or .txt file.")
    reader, expected = _reader(path)
    problems = Problems(path.name, expected)
    documents: dict[str, Document] = {}
    lines: dict[str, int] = {}
    for line, document in reader(path, limits, problems):
        if document.doc_id in documents:
            problems.add(line, f"the doc_id {document.doc_id!r} was on line {lines[document.doc_id]} before")
        documents[document.doc_id], lines[document.doc_id] = document, line
        if len(documents) > limits.documents:
            raise InputError(f"{path.name} has more than {limits.documents:,} passages; split it into files.")
    problems.check()
    if not documents:
        raise InputError(f"{path.name} has no passage. Expected {expected}.")
    return Corpus.of(path.name, path.name, documents.values(), origin=str(path.resolve()))


def _reader(path: Path) -> tuple[Reader, str]:
    endings = [ending.lower() for ending in path.suffixes]
    if endings and endings[-1] == ".gz":
        endings.pop()
    ending = endings[-1] if endings else ""
    kinds: dict[str, tuple[Reader, str]] = {
        ".jsonl": (_objects, OBJECTS),
        ".ndjson": (_objects, OBJECTS),
        ".csv": (_commas, TABLE),
        ".tsv": (_tabs, TABLE),
        ".txt": (_plain, PLAIN),
        ".md": (_plain, PLAIN),
    }
    if ending not in kinds:
        known = ", ".join(kinds)
        raise InputError(f"{path.name} does not say what it is; expected a name that ends in {known}, or that + .gz.")
    return kinds[ending]


def _objects(path: Path, limits: Limits, problems: Problems) -> Iterator[Row]:
    for number, line in read_lines(path, limits, problems):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            problems.add(number, f"not JSON ({error.msg} at column {error.colno})")
            continue
        except (ValueError, RecursionError) as error:
            # A number of thousands of digits, or thousands of brackets: JSON, but no record of ours.
            problems.add(number, f"not a record ({error})")
            continue
        if not isinstance(record, dict):
            problems.add(number, "not a JSON object")
            continue
        yield from _row(number, record, limits, problems, None)


def _commas(path: Path, limits: Limits, problems: Problems) -> Iterator[Row]:
    lines = (line for _, line in read_lines(path, limits, problems))
    return _table(csv.reader(lines, strict=True), limits, problems)


def _tabs(path: Path, limits: Limits, problems: Problems) -> Iterator[Row]:
    lines = (line for _, line in read_lines(path, limits, problems))
    return _table(csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE), limits, problems)


def _table(reader: Any, limits: Limits, problems: Problems) -> Iterator[Row]:
    names: list[str] = []
    start = 1
    while True:
        start = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            problems.add(start, f"not a table row ({error}; is a quotation mark left open?)")
            return
        if cells is None:
            return
        if not names:
            names = cells
            if field_name(names, TEXT_NAMES) is None:
                problems.add(start, f"no column named {listed(TEXT_NAMES)}; got {', '.join(names)[:100]!r}")
                return
        elif any(cell.strip() for cell in cells):
            if len(cells) != len(names):
                problems.add(start, f"{len(cells)} columns; the first line names {len(names)}")
                continue
            record = dict(zip(names, cells, strict=True))
            yield from _row(start, record, limits, problems, f"line-{start}")


def _row(number: int, record: dict[str, Any], limits: Limits, problems: Problems, made_id: str | None) -> Iterator[Row]:
    try:
        yield number, document_of(record, limits, made_id)
    except RecordError as error:
        problems.add(number, str(error))


def _plain(path: Path, limits: Limits, problems: Problems) -> Iterator[Row]:
    """Paragraphs, or lines where no line is blank; long ones are split. Ids tell the line where one begins."""
    paragraphs: list[list[tuple[int, str]]] = [[]]
    for number, line in read_lines(path, limits, problems):
        if line.strip():
            paragraphs[-1].append((number, line))
        elif paragraphs[-1]:
            paragraphs.append([])
    if len(paragraphs) == 1:
        paragraphs = [[numbered_line] for numbered_line in paragraphs[0]]
    for paragraph in filter(None, paragraphs):
        number = paragraph[0][0]
        passages = split_passages("".join(line for _, line in paragraph))
        for made_id, passage in numbered(f"line-{number}", passages):
            yield from _row(number, {"text": passage}, limits, problems, made_id)
