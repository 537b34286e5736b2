"""Ids that were met before, millions of them in constant memory: digests in a temporary database on disk."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b
from typing import Self


class SeenIds:
    """A set that can only grow. Small ones stay in SQLite's page cache, larger ones go to a temporary file.

    The file has no name and goes with the process. A digest of 16 bytes stands for an id, so two different ids are
    taken for one with a probability below 1e-24 among a billion of them squared: never, for any file there is.
    Use it from one thread.
    """

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # an empty name: a temporary file when it must
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute("PRAGMA cache_size = -4096")  # KiB
        self._database.execute("CREATE TABLE seen (digest BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, name: str) -> bool:
        """Whether ``name`` is new; it is not from now on."""
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return self._database.execute("INSERT OR IGNORE INTO seen VALUES (?)", (digest,)).rowcount == 1

    def __contains__(self, name: str) -> bool:
        digest = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        return self._database.execute("SELECT 1 FROM seen WHERE digest = ?", (digest,)).fetchone() is not None

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
