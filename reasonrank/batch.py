"""Very many candidate lists reranked: streamed in and out, several side by side, and resumed where it stopped."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

from reasonrank.data import Candidate, Query, Ranking
from reasonrank.errors import InputError
from reasonrank.formats import replacing, run_lines
from reasonrank.seen import SeenIds
from reasonrank.serialize import ranking_to_json
from reasonrank.settings import Settings

Given = TypeVar("Given")
Made = TypeVar("Made")
CandidateList = tuple[Query, list[Candidate]]

_DECIDING = ("student", "base", "order", "mode", "samples", "explain", "max_document_tokens", "max_reason_tokens")
"""Settings that decide what a list's ranking says; where it runs does not."""


def side_by_side(work: Callable[[Given], Made], given: Iterable[Given], workers: int) -> Iterator[Made]:
    """``work`` of each, in their order, at most ``workers`` at a time and twice as many in memory.

    What one raises comes at its place; what runs beside it is then waited for and dropped.
    """
    if workers == 1:
        yield from map(work, given)
        return
    pending: deque[Future[Made]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="list") as pool:
        try:
            for one in given:
                pending.append(pool.submit(work, one))
                if len(pending) >= 2 * workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()


@dataclass(frozen=True, slots=True)
class Output:
    """Where rankings are written: a run, and JSON lines if asked for.

    Args:
        run: TREC run.
        objects: Rankings as JSON lines.
        done: Ids of the lists that earlier runs wrote; None where there were none.
    """

    run: IO[str]
    objects: IO[str] | None
    done: SeenIds | None = None

    def missing(self, lists: Iterable[CandidateList]) -> Iterator[CandidateList]:
        """The lists that are still to be written."""
        return (one for one in lists if self.done is None or one[0].query_id not in self.done)

    def write(self, ranking: Ranking) -> None:
        """Append one list. Of a resumed output, a kill loses at most the list being written."""
        texts = ["".join(run_lines(ranking)), json.dumps(ranking_to_json(ranking), ensure_ascii=False) + "\n"]
        for file, text in zip((self.run, self.objects), texts, strict=True):
            if file is not None:
                file.write(text)
                if self.done is not None:
                    file.flush()


@contextmanager
def fresh_output(run: Path, objects: Path | None) -> Iterator[Output]:
    """Files that take their place only when all is written.

    Raises:
        InputError: A folder does not exist or cannot be written to.
    """
    with ExitStack() as files:
        yield Output(files.enter_context(replacing(run)), files.enter_context(replacing(objects)) if objects else None)


@contextmanager
def resumed_output(run: Path, objects: Path | None, settings: Settings) -> Iterator[Output]:
    """Files that grow list by list, and are gone on with after a stop.

    What a kill left half-written is cut off: of the rankings the last line if it is incomplete; of the run the lists
    that the rankings do not have or, without rankings, the last list, of which nobody knows whether it is whole.
    Beside the run, ``RUN.settings.json`` says which settings it was begun with.

    Raises:
        InputError: The files were begun with other settings, are no such files, or cannot be written.
    """
    _check_begun(run, settings, with_objects=objects is not None)
    with ExitStack() as files:
        done = files.enter_context(SeenIds())
        try:
            if objects is not None:
                _cut(objects, _whole_lines(objects, done))
            _cut(run, _whole_lists(run, done) if objects is not None else _all_but_the_last(run, done))
            run_file = files.enter_context(run.open("a", encoding="utf-8"))
            objects_file = files.enter_context(objects.open("a", encoding="utf-8")) if objects else None
        except OSError as error:
            raise InputError(f"{run} cannot be gone on with: {error.strerror or error}.") from error
        yield Output(run_file, objects_file, done)


# -- what earlier runs left ----------------------------------------------------------------------------------


def _check_begun(run: Path, settings: Settings, *, with_objects: bool) -> None:
    beside = run.with_name(f"{run.name}.settings.json")
    wanted: dict[str, Any] = {name: getattr(settings, name) for name in _DECIDING}
    wanted |= {"server_model": settings.server_model} if settings.engine == "openai" else {}
    wanted |= {"json_out": with_objects}
    try:
        begun = json.loads(beside.read_text(encoding="utf-8")) if beside.exists() else None
    except (OSError, ValueError) as error:
        raise InputError(f"{beside} is not readable; remove it and {run.name} to begin anew.") from error
    if begun is None:
        if run.exists() and run.stat().st_size:
            raise InputError(f"{run} is there and was not begun with --resume; remove it, or name another file.")
        with replacing(beside) as file:
            file.write(json.dumps(wanted, indent=2) + "\n")
    elif begun != wanted:
        raise InputError(f"{run} was begun with other settings ({_differences(begun, wanted)}); name another file.")


def _differences(begun: Any, wanted: Mapping[str, Any]) -> str:
    if not isinstance(begun, dict):
        return "unreadable ones"
    names = [name for name in {**begun, **wanted} if begun.get(name) != wanted.get(name)]
    return ", ".join(f"{name} {begun.get(name)!r}, now {wanted.get(name)!r}" for name in names)


def _cut(path: Path, length: int) -> None:
    if path.exists() and path.stat().st_size > length:
        os.truncate(path, length)


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """Complete lines of a file, and where each ends."""
    if not path.exists():
        return
    end = 0
    with path.open("rb") as file:
        for line in file:
            end += len(line)
            if line.endswith(b"\n"):
                yield line, end


def _whole_lines(objects: Path, done: SeenIds) -> int:
    """Length of what can stay of a rankings file; its ids are added to ``done``."""
    length = 0
    for number, (line, end) in enumerate(_lines(objects), start=1):
        try:
            query_id = json.loads(line)["query_id"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{objects.name}, line {number}: no ranking; remove it, or name another file.") from error
        done.add(str(query_id))
        length = end
    return length


def _whole_lists(run: Path, done: SeenIds) -> int:
    """Length of what can stay of a run: the lists in ``done``, which stand before all others."""
    length = 0
    for query_id, _, end in _run_lists(run):
        if query_id not in done:
            break
        length = end
    return length


def _all_but_the_last(run: Path, done: SeenIds) -> int:
    """Length of what can stay of a run; the ids of all lists but the last are added to ``done``."""
    length, before = 0, None
    for query_id, start, _ in _run_lists(run):
        if before is not None:
            done.add(before)
        length, before = start, query_id
    return length


def _run_lists(run: Path) -> Iterator[tuple[str, int, int]]:
    """Each list's query_id, and where its lines begin and end."""
    current, start, end = None, 0, 0
    for line, line_end in _lines(run):
        parts = line.split()
        if len(parts) != 6:
            raise InputError(f"{run.name} holds {line[:40]!r}, which is no line of a TREC run; name another file.")
        query_id = parts[0].decode("utf-8", "surrogateescape")
        if query_id != current:
            if current is not None:
                yield current, start, end
            current, start = query_id, end
        end = line_end
    if current is not None:
        yield current, start, end
