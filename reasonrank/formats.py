"""The files that ReasonRank shares with other tools: candidate lists, TREC judgements, TREC runs."""

from __future__ import annotations

import gzip
import json
import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from reasonrank.data import Candidate, Document, Query, Ranking, StageScore
from reasonrank.errors import InputError
from reasonrank.seen import SeenIds

Qrels = dict[str, dict[str, int]]
"""Grade by query_id and doc_id."""


@contextmanager
def open_text(path: Path) -> Iterator[IO[str]]:
    """A UTF-8 text file, unpacked when its name ends in ``.gz``.

    Raises:
        InputError: The file cannot be opened, or is not UTF-8 text.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
            yield file
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name} is not UTF-8 text; save it as UTF-8.") from error
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{path.name} could not be read: {reason}.") from error


@contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """A text file that takes the place of ``path`` only when it is complete.

    Raises:
        InputError: The folder does not exist or cannot be written to.
    """
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_candidates(path: Path) -> Iterator[tuple[Query, list[Candidate]]]:
    """Candidate lists, one a line; ranks are the order in the file, ``kind`` is ``given``.

    Without scores, a candidate's score is minus its rank, so that higher stays better.

    Raises:
        InputError: A line is not as expected; the message has its number.
    """
    with SeenIds() as seen, open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            query, candidates = _candidate_list(line, f"{path.name}, line {number}")
            if not seen.add(query.query_id):
                raise InputError(f"{path.name}, line {number}: query_id {query.query_id!r} came before.")
            yield query, candidates


def _candidate_list(line: str, where: str) -> tuple[Query, list[Candidate]]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise InputError(f"{where}: not JSON ({error.msg} at column {error.colno}).") from error
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object with query_id, query and candidates.")
    query = Query(_text(value, "query_id", where), _text(value, "query", where))
    listed = value.get("candidates")
    if not isinstance(listed, list):
        raise InputError(f"{where}: expected a list under 'candidates', got {type(listed).__name__}.")
    candidates: list[Candidate] = []
    for rank, entry in enumerate(listed, start=1):
        place = f"{where}, candidate {rank}"
        if not isinstance(entry, dict):
            raise InputError(f"{place}: expected an object with doc_id and text.")
        title = entry.get("title") or ""
        if not isinstance(title, str):
            raise InputError(f"{place}: expected text under 'title'.")
        score = _score(entry.get("score"), rank, place)
        document = Document(_text(entry, "doc_id", place), _text(entry, "text", place), title)
        candidates.append(Candidate(document, rank, score, "given", {"given": StageScore(rank, score)}))
    ids = [candidate.document.doc_id for candidate in candidates]
    if len(ids) != len(set(ids)):
        twice = next(doc_id for doc_id in ids if ids.count(doc_id) > 1)
        raise InputError(f"{where}: doc_id {twice!r} stands twice in one list.")
    return query, candidates


def _text(value: dict[str, Any], name: str, where: str) -> str:
    text = value.get(name)
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"{where}: expected text under {name!r}, got {json.dumps(text)[:60]}.")
    return text


def _score(value: Any, rank: int, where: str) -> float:
    if value is None:
        return float(-rank)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"{where}: expected a finite number under 'score', got {json.dumps(value)[:60]}.")
    return float(value)


def read_qrels(path: Path) -> Qrels:
    """TREC judgements: ``query_id iteration doc_id grade`` a line.

    Raises:
        InputError: A line is not as expected; the message has its number.
    """
    qrels: Qrels = {}
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            parts = line.split()
            if not parts:
                continue
            try:
                query_id, _, doc_id, grade = parts
                qrels.setdefault(query_id, {})[doc_id] = int(grade)
            except ValueError:
                raise InputError(
                    f"{path.name}, line {number}: expected 'query_id 0 doc_id grade', got {line.strip()[:60]!r}."
                ) from None
    return qrels


def run_lines(ranking: Ranking, tag: str = "reasonrank") -> Iterator[str]:
    """A ranking as lines of a TREC run, with scores that strictly decrease, also in single precision.

    Raises:
        InputError: An id contains white space, which a TREC run cannot hold.
    """
    previous = math.inf
    for scored in ranking.documents:
        for name in (ranking.query.query_id, scored.doc_id):
            if not name or name.split() != [name]:
                raise InputError(f"The id {name!r} is empty or has white space in it; a TREC run cannot hold it.")
        # Evaluators read single precision (about 6e-8 of the value) and break ties by their own rule.
        step = max(1e-6, 5e-7 * abs(previous)) if math.isfinite(previous) else 0.0
        previous = min(scored.order_score, previous - step)
        yield f"{ranking.query.query_id} Q0 {scored.doc_id} {scored.rank} {previous:.9g} {tag}\n"


def write_run(path: Path, rankings: Iterable[Ranking], tag: str = "reasonrank") -> None:
    """Write rankings as a TREC run; ``path`` is replaced only when all are written."""
    with replacing(path) as file:
        for ranking in rankings:
            file.writelines(run_lines(ranking, tag))
