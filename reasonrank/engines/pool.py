"""Several servers of one model: the least busy one is asked, a failing one rests, and its work goes to another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from reasonrank.engines.base import Cancel, never_cancelled
from reasonrank.engines.server import Server, UnavailableError
from reasonrank.errors import Cancelled, EngineError

T = TypeVar("T")

FIRST_REST, LONGEST_REST = 0.5, 8.0
"""Seconds that a server rests after a failure; doubled with each further one."""
_GLANCE = 0.05


@dataclass(slots=True)
class _Place:
    """What the pool knows of one server."""

    server: Server
    busy: int = 0
    taken: int = 0
    failures: int = 0
    wakes: float = 0.0

    def ready(self, now: float) -> bool:
        """A server that failed gets one request at a time until it answers again."""
        return self.failures == 0 or (now >= self.wakes and self.busy == 0)


class Pool:
    """Shares work among servers that serve the same model; may be used from several threads.

    Args:
        servers: At least one.
        attempts: How often a piece of work is tried; at least once more than there are servers.
        patience: Seconds after which it is not tried again, once each server was.
    """

    def __init__(self, servers: Sequence[Server], *, attempts: int = 6, patience: float = 60.0) -> None:
        self.servers = tuple(servers)
        self.attempts = max(attempts, len(self.servers) + 1)
        self.patience = patience
        self._places = [_Place(server) for server in self.servers]
        self._turns = 0
        self._changed = threading.Condition()

    def call(self, ask: Callable[[Server], T], cancel: Cancel = never_cancelled) -> T:
        """What ``ask`` returns for one of the servers; asked of another where one is unavailable.

        Raises:
            EngineError: No server served it within the pool's attempts and patience, or one refused it.
            Cancelled: ``cancel`` answered True.
        """
        troubles = self.troubles()
        while True:
            try:
                with self.lease(cancel) as server:
                    return ask(server)
            except UnavailableError as error:
                troubles.add(error)

    @contextmanager
    def lease(self, cancel: Cancel = never_cancelled) -> Iterator[Server]:
        """The least busy server that is not resting, for one piece of work.

        Raises:
            EngineError: All servers rested longer than the pool's patience; or what the work itself raised.
            Cancelled: ``cancel`` answered True while waiting.
        """
        place = self._take(cancel)
        try:
            yield place.server
        except UnavailableError as error:
            self._rest(place, error.wait)
            raise
        else:
            with self._changed:
                place.failures = 0
        finally:
            with self._changed:
                place.busy -= 1
                self._changed.notify_all()

    def troubles(self) -> Troubles:
        """Counts the failures of one piece of work."""
        return Troubles(self.attempts, self.patience, len(self.servers))

    def close(self) -> None:
        for server in self.servers:
            server.close()

    def _take(self, cancel: Cancel) -> _Place:
        until = time.monotonic() + self.patience
        with self._changed:
            while True:
                if cancel():
                    raise Cancelled("The work was stopped.")
                now = time.monotonic()
                ready = [place for place in self._places if place.ready(now)]
                if ready:
                    place = min(ready, key=lambda one: (one.busy, one.failures, one.taken))
                    self._turns += 1
                    place.busy, place.taken = place.busy + 1, self._turns
                    return place
                if now > until:
                    raise EngineError(f"No server of the student came back within {self.patience:.0f} seconds.")
                self._changed.wait(_GLANCE)

    def _rest(self, place: _Place, asked: float | None) -> None:
        with self._changed:
            rest = min(FIRST_REST * 2**place.failures, LONGEST_REST) if asked is None else asked
            place.failures = min(place.failures + 1, 16)
            place.wakes = max(place.wakes, time.monotonic() + rest)


class Troubles:
    """The failures of one piece of work, and when they are enough."""

    def __init__(self, attempts: int, patience: float, servers: int) -> None:
        self._left, self._until, self._servers = attempts, time.monotonic() + patience, servers
        self._tried: set[str] = set()

    def add(self, error: UnavailableError) -> None:
        """Count a failure.

        Raises:
            EngineError: It was the last one that is put up with.
        """
        self._left -= 1
        self._tried.add(error.url)
        if self._left <= 0 or (time.monotonic() > self._until and len(self._tried) == self._servers):
            others = f" None of the {self._servers} servers did." if self._servers > 1 else ""
            raise EngineError(f"{error}{others} Check that it runs and that its address is right.") from error
