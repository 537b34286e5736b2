"""Votes on two set-ups of one question: what is kept of each, and the file that keeps them until a database does."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Protocol

Choice = Literal["left", "right", "tie"]
CHOICES: tuple[Choice, ...] = ("left", "right", "tie")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two lists: the set-up in words, and its doc_ids, best first."""

    name: str
    doc_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vote:
    """One vote.

    Args:
        time: ISO 8601, UTC.
        question: As asked.
        corpus: Its name.
        left: The list shown on the left.
        right: The list shown on the right.
        choice: Which one was better.
        hidden: Whether the names were hidden until the vote.
    """

    time: str
    question: str
    corpus: str
    left: Side
    right: Side
    choice: Choice
    hidden: bool


class VoteStore(Protocol):
    """Keeps votes; whatever keeps reviews can keep these too."""

    def add(self, vote: Vote) -> None: ...


class JsonLinesVotes:
    """Votes in a file, one JSON object a line, only ever appended to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()

    def add(self, vote: Vote) -> None:
        """Append a vote.

        Raises:
            OSError: The file cannot be written.
        """
        line = json.dumps(asdict(vote), ensure_ascii=False) + "\n"
        with self._lock:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
