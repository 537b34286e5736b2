"""One visitor's work: the newest question ends the one before, and its steps reach the page at a calm pace."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from reasonrank.data import Comparison, Ranking
from reasonrank.engines.base import Cancel
from reasonrank.errors import Cancelled
from reasonrank.settings import Settings
from reasonrank.ui.form import Choices
from reasonrank.ui.own import Own, forget

T = TypeVar("T")

UPDATES_PER_SECOND = 10
HEARTBEAT = 0.25
"""Seconds after which a consumer hears None when nothing arrived, so that it can show how preparing goes."""
MAX_VISITORS = 1000
"""Visitors remembered; the one seen longest ago is forgotten first."""


class Run:
    """One piece of work that can be told to stop. ``number`` grows from run to run."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.stopped_by_visitor = False
        self._stop = threading.Event()

    def cancel(self) -> None:
        self._stop.set()

    def stop(self) -> None:
        """Cancelled by the visitor, who wants to keep what was reached."""
        self.stopped_by_visitor = True
        self._stop.set()

    def cancelled(self) -> bool:
        return self._stop.is_set()


@dataclass
class Visitor:
    """What the server remembers of one open page; ``compared`` are pairs of its list that were picked."""

    uploads: dict[str, Own] = field(default_factory=dict)
    ranking: Ranking | None = None
    settings: Settings | None = None
    choices: Choices | None = None
    search: Run | None = None
    comparison: Run | None = None
    compared: dict[frozenset[str], Comparison] = field(default_factory=dict)
    duel: Any = None

    def finished_comparison(self, first_id: str, second_id: str) -> Comparison | None:
        """The comparison of two documents of the list, if there is one: between neighbours, or picked."""
        ids = frozenset((first_id, second_id))
        between = self.ranking.comparisons if self.ranking else ()
        return next((one for one in between if {one.preferred_id, one.other_id} == ids), self.compared.get(ids))


class Visitors:
    """Open pages by their session."""

    def __init__(self) -> None:
        self._visitors: OrderedDict[str, Visitor] = OrderedDict()
        self._runs = 0
        self._lock = threading.Lock()

    def get(self, session: str | None) -> Visitor:
        """The visitor of a session, made at first sight."""
        with self._lock:
            visitor = self._visitors.setdefault(session or "", Visitor())
            self._visitors.move_to_end(session or "")
            gone = [self._visitors.popitem(last=False)[1] for _ in range(len(self._visitors) - MAX_VISITORS)]
        for old in gone:
            _end(old)
        return visitor

    def begin_search(self, visitor: Visitor) -> Run:
        """A new run; the visitor's earlier search and comparison stop."""
        with self._lock:
            _cancel(visitor.search, visitor.comparison)
            visitor.search, visitor.ranking, visitor.compared = self._next(), None, {}
            return visitor.search

    def begin_comparison(self, visitor: Visitor) -> Run:
        """A new run; the visitor's earlier comparison stops."""
        with self._lock:
            _cancel(visitor.comparison)
            visitor.comparison = self._next()
            return visitor.comparison

    def is_current(self, run: Run) -> bool:
        """Whether a comparison's run is still its visitor's newest one."""
        with self._lock:
            return any(visitor.comparison is run for visitor in self._visitors.values())

    def leave(self, session: str | None) -> None:
        """The page was closed: its work stops, it is forgotten, and so are its own corpora."""
        with self._lock:
            visitor = self._visitors.pop(session or "", None)
        if visitor is not None:
            _end(visitor)

    def _next(self) -> Run:
        self._runs += 1
        return Run(self._runs)


def _end(visitor: Visitor) -> None:
    _cancel(visitor.search, visitor.comparison)
    for own in visitor.uploads.values():
        forget(own)


def _cancel(*runs: Run | None) -> None:
    for run in runs:
        if run is not None:
            run.cancel()


class _Latest(Generic[T]):
    """Between a fast worker and a calm reader: values that a newer one supersedes are dropped."""

    def __init__(self, supersedes: Callable[[T, T], bool]) -> None:
        self._supersedes = supersedes
        self._values: deque[T] = deque()
        self._error: BaseException | None = None
        self._ended = False
        self._changed = threading.Condition()

    def put(self, value: T) -> None:
        with self._changed:
            if self._values and self._supersedes(value, self._values[-1]):
                self._values.pop()
            self._values.append(value)
            self._changed.notify()

    def end(self, error: BaseException | None = None) -> None:
        with self._changed:
            self._ended, self._error = True, error
            self._changed.notify()

    def take(self, timeout: float) -> tuple[list[T], bool]:
        """At most one value, and whether that was the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._values or self._ended, timeout)
            if self._values:
                return [self._values.popleft()], False
            if self._error is not None:
                raise self._error
            return [], self._ended


def paced(run: Run, work: Callable[[Cancel], Iterator[T]], supersedes: Callable[[T, T], bool]) -> Iterator[T | None]:
    """Values of ``work``, made in a thread of their own, at most :data:`UPDATES_PER_SECOND` a second.

    Yields None where nothing arrived for :data:`HEARTBEAT` seconds. Ends at once, whatever the worker does, when
    the run is cancelled; the worker is told by the callable it was given and closes its iterator at its next value.

    Args:
        run: Ends the work when cancelled.
        work: Makes the iterator, given what to ask whether to stop.
        supersedes: Whether a newer value makes an older one, not yet shown, superfluous.

    Raises:
        Exception: Whatever ``work`` raised, except :class:`Cancelled`.
    """
    latest: _Latest[T] = _Latest(supersedes)
    threading.Thread(target=_fill, args=(latest, run, work), daemon=True, name=f"run-{run.number}").start()
    try:
        while not run.cancelled():
            started = time.monotonic()
            values, ended = latest.take(HEARTBEAT)
            if ended or run.cancelled():
                return
            yield values[0] if values else None
            if values:
                time.sleep(max(0.0, 1 / UPDATES_PER_SECOND - (time.monotonic() - started)))
    finally:
        run.cancel()


def _fill(latest: _Latest[T], run: Run, work: Callable[[Cancel], Iterator[T]]) -> None:
    try:
        iterator = work(run.cancelled)
        try:
            for value in iterator:
                if run.cancelled():
                    break
                latest.put(value)
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
    except Cancelled:
        latest.end()
    except Exception as error:
        latest.end(error)
    else:
        latest.end()
