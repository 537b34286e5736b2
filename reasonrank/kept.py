"""A small cache of things that are slow to make: made once, by one thread, and the least used let go."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """At most ``limit`` values by key.

    Two threads that ask for the same missing key wait for one making; different keys are made side by side.

    A value that is let go is only forgotten, not closed: another thread may still be using it.

    Args:
        limit: Values kept; the one used longest ago goes first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._values: OrderedDict[Hashable, T] = OrderedDict()
        self._makers: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The value under ``key``, made now if it is not there; what ``make`` raises is not kept."""
        with self._lock:
            maker = self._makers.setdefault(key, threading.Lock())
        with maker:
            with self._lock:
                if key in self._values:
                    self._values.move_to_end(key)
                    return self._values[key]
            value = make()
            with self._lock:
                self._values[key] = value
                while len(self._values) > self._limit:
                    forgotten, _ = self._values.popitem(last=False)
                    self._makers.pop(forgotten, None)
            return value
