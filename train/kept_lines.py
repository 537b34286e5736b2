"""JSON lines in a folder beside what they were made with, so that a stopped run goes on and two runs never mix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError


class KeptLines:
    """One JSON object a key, appended as it is made.

    Args:
        folder: Made if it is not there.
        name: Of the file without its ending; ``NAME.json`` beside it says what the lines were made with.
        about: What decides the lines; a folder that holds lines made with anything else is refused.
        key: The field that tells lines apart.

    Raises:
        InputError: The folder holds lines made with something else, or a line is not such an object.
    """

    def __init__(self, folder: Path, name: str, about: dict[str, Any], key: str = "query_id") -> None:
        self.path = folder / f"{name}.jsonl"
        self._key = key
        marker = folder / f"{name}.json"
        if self.path.is_file():
            before = json.loads(marker.read_text(encoding="utf-8")) if marker.is_file() else {}
            differ = sorted(field for field in {*before, *about} if before.get(field) != about.get(field))
            if differ:
                raise InputError(
                    f"{self.path} was made with another {', '.join(differ)}; choose another --out, or delete that file."
                )
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        self.known: dict[str, dict[str, Any]] = dict(self._read())

    def _read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        if not self.path.is_file():
            return
        lines = self.path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):  # a kill in the middle of a write
            lines.pop()
            self.path.write_text("".join(lines), encoding="utf-8")
        for number, line in enumerate(lines, start=1):
            try:
                value = json.loads(line)
                yield str(value[self._key]), value
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{self.path}, line {number}: no object with {self._key} ({type(error).__name__}); delete the line."
                ) from error

    def add(self, value: dict[str, Any]) -> None:
        """Append one object; it is on disk when this returns."""
        self.known[str(value[self._key])] = value
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(value, ensure_ascii=False) + "\n")
