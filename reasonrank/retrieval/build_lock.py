"""One build of an index at a time on this machine; whoever waits is told so, and may be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reasonrank.errors import MissingDependencyError, ReasonRankError
from reasonrank.retrieval.base import Progress

_POLL_S = 1.0


@contextmanager
def build_lock(parent: Path, progress: Progress) -> Iterator[None]:
    """Hold the lock beside the folder ``parent``, which is made; wait for who has it.

    Raises:
        MissingDependencyError: filelock is missing.
        ReasonRankError: The folder cannot be made.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise MissingDependencyError("filelock", "pip install 'reasonrank[app]'") from error
    try:
        parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ReasonRankError(
            f"{parent} cannot be made ({error.strerror}); name another folder with REASONRANK_CACHE."
        ) from error
    lock = FileLock(parent.with_name(parent.name + ".lock"))
    while True:
        try:
            lock.acquire(timeout=_POLL_S)
            break
        except Timeout:
            progress("Waiting for another process that builds this index", 0.0)
    try:
        yield
    finally:
        lock.release()
