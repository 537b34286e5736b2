"""Work of the pipeline on behalf of requests: admitted or refused, in a thread of its own, ended when unwanted."""

from __future__ import annotations

import asyncio
import itertools
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Generic, Literal, TypeVar

from reasonrank.engines.base import Cancel
from reasonrank.errors import Cancelled, ReasonRankError
from reasonrank.serve.settings import ServeSettings
from reasonrank.serve.turns import BusyError, Turns

log = logging.getLogger(__name__)

T = TypeVar("T")
Why = Literal["", "gone", "time", "stopping"]
RETRY_S = 5
LISTING = 4
"""First stages at once. They take milliseconds; many threads at one interpreter would only slow each other."""
STOPPING = "The server is shutting down; ask again in a moment."


class OutOfTimeError(ReasonRankError):
    """A request took longer than a request may."""


class StoppingError(ReasonRankError):
    """The server is being shut down."""


class Work(Generic[T]):
    """One request's work: values as they come, each at most once, to one reader.

    The reader never waits for the worker longer than the request may take: what is being computed when time is up
    is left to end by itself, and still counts as running until it has.
    """

    def __init__(self, seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._seconds = seconds
        self._last = time.monotonic() + seconds
        self._queue: asyncio.Queue[T | BaseException | None] = asyncio.Queue()
        self._unwanted = threading.Event()
        self._why: Why = ""

    def cancelled(self) -> bool:
        """Whether the worker should stop."""
        return self._unwanted.is_set() or time.monotonic() > self._last

    def end(self, why: Why) -> None:
        """Have the worker stop, and whoever reads be told why."""
        if not self._unwanted.is_set():
            self._why = why
            self._unwanted.set()
            self.put(self._reason())

    def put(self, value: T | BaseException | None) -> None:
        """From any thread: hand a value over; an exception is raised at the reader, None is the end."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._queue.put_nowait, value)

    async def next(self) -> T | None:
        """The next value, or None at the end.

        Raises:
            OutOfTimeError: Time is up.
            StoppingError: The server is shutting down.
            Cancelled: The client is gone.
            Exception: What the work raised.
        """
        try:
            value = await asyncio.wait_for(self._queue.get(), max(0.0, self._last - time.monotonic()))
        except TimeoutError:
            self._why = self._why or "time"
            self._unwanted.set()
            raise self._reason() from None
        if isinstance(value, Cancelled):
            raise self._reason()
        if isinstance(value, BaseException):
            raise value
        return value

    async def values(self) -> AsyncIterator[T]:
        """The values that are still to come."""
        while (value := await self.next()) is not None:
            yield value

    def _reason(self) -> ReasonRankError:
        if self._why == "gone":
            return Cancelled("The client is gone.")
        if self._why == "stopping":
            return StoppingError(STOPPING)
        return OutOfTimeError(f"This took longer than the {self._seconds:g} s that a request may take; ask for less.")


class Office:
    """Admits work, runs it, and lets it end when the server stops.

    A request is refused when ``running + waiting`` are under way. One that is admitted starts at once: its first
    value (the first stage's list) does not wait for the student; from then on it needs a turn with it.
    """

    def __init__(self, settings: ServeSettings) -> None:
        self.settings = settings
        self.turns = Turns(settings.running, settings.wait_seconds)
        self._listing = Turns(LISTING, settings.wait_seconds)
        self.stopping = False
        self._under_way: set[Work] = set()
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)

    @property
    def under_way(self) -> int:
        return len(self._under_way)

    def start(self, make: Callable[[Cancel], Iterator[T]], *, free_first: bool = True) -> Work[T]:
        """Begin work in a thread of its own.

        Args:
            make: Makes the values; it is given what to ask whether to stop.
            free_first: The first value needs no turn.

        Raises:
            BusyError: Too many requests are under way.
            StoppingError: The server is shutting down.
        """
        if self.stopping:
            raise StoppingError(STOPPING)
        work: Work[T] = Work(self.settings.request_seconds, asyncio.get_running_loop())
        with self._lock:
            if len(self._under_way) >= self.settings.running + self.settings.waiting:
                raise BusyError(f"The server is full: {len(self._under_way)} requests are under way.", RETRY_S)
            self._under_way.add(work)
        name = f"request-{next(self._numbers)}"
        threading.Thread(target=self._run, args=(work, make, free_first), daemon=True, name=name).start()
        return work

    def refuse(self) -> None:
        """From now on nothing new is begun; what is under way goes on."""
        self.stopping = True

    def end_all(self) -> None:
        """Everything under way stops, and its clients are told."""
        with self._lock:
            under_way = list(self._under_way)
        for work in under_way:
            work.end("stopping")

    def _run(self, work: Work[T], make: Callable[[Cancel], Iterator[T]], free_first: bool) -> None:
        try:
            values = make(work.cancelled)
            try:
                if free_first:
                    with self._listing.take(work.cancelled):
                        self._hand_over(work, itertools.islice(values, 1))
                with self.turns.take(work.cancelled):
                    self._hand_over(work, values)
            finally:
                close = getattr(values, "close", None)
                if close is not None:
                    close()
            work.put(None)
        except ReasonRankError as error:
            work.put(error)
        except Exception as error:
            log.exception("A request failed")
            work.put(error)
        finally:
            with self._lock:
                self._under_way.discard(work)

    @staticmethod
    def _hand_over(work: Work[T], values: Iterator[T]) -> None:
        for value in values:
            if work.cancelled():
                raise Cancelled("The request was given up.")
            work.put(value)
