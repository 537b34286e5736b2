"""Who may use the student now: so many at once, the others in the order in which they came."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from reasonrank.engines.base import Cancel
from reasonrank.errors import Cancelled, ReasonRankError

POLL_S = 0.1
"""How often who waits asks whether it is still wanted."""


class BusyError(ReasonRankError):
    """There is no room now; ``retry_after`` is in whole seconds."""

    def __init__(self, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Turns:
    """At most ``running`` turns at once; the next goes to whoever has waited longest.

    Args:
        running: Turns at once.
        wait_seconds: Who waited longer gives up.
    """

    def __init__(self, running: int, wait_seconds: float) -> None:
        self._free = running
        self._wait_seconds = wait_seconds
        self._line: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        return len(self._line)

    @contextmanager
    def take(self, cancel: Cancel) -> Iterator[None]:
        """Wait for a turn and hold it.

        Raises:
            Cancelled: ``cancel`` answered True while it waited.
            BusyError: It waited too long.
        """
        turn = threading.Event()
        with self._lock:
            if self._free > 0:
                self._free -= 1
                turn.set()
            else:
                self._line.append(turn)
        try:
            self._wait(turn, cancel)
            yield
        finally:
            with self._lock:
                if turn in self._line:
                    self._line.remove(turn)
                elif self._line:
                    self._line.popleft().set()
                else:
                    self._free += 1

    def _wait(self, turn: threading.Event, cancel: Cancel) -> None:
        last = time.monotonic() + self._wait_seconds
        while not turn.wait(POLL_S):
            if cancel():
                raise Cancelled("The request was given up.")
            if time.monotonic() > last:
                seconds = round(self._wait_seconds)
                raise BusyError(f"The student was busy with others for {seconds} s; ask again later.", max(1, seconds))
