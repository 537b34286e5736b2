"""Appending JSON lines that survive a kill at any moment: one write a line, on disk before the call returns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from reasonrank.errors import InputError


def read_json_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a journal; none when there is no file. A last line without its end is left out.

    Raises:
        InputError: The file cannot be read, or a whole line is not a JSON object.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
    except OSError as error:
        raise InputError(f"{path} could not be read: {error.strerror or error}.") from error
    for number, line in enumerate(content.split(b"\n")[:-1], start=1):
        try:
            value = json.loads(line)
        except ValueError as error:
            raise InputError(f"{path}, line {number}: not valid JSON ({error}). Mend or remove the line.") from error
        if not isinstance(value, dict):
            raise InputError(f"{path}, line {number}: expected a JSON object. Mend or remove the line.")
        yield value


class Journal:
    """A file of JSON lines that only grows. Opening it removes a last line that a kill left unfinished.

    Raises:
        InputError: The file cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}.") from error
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            os.ftruncate(self._file, whole)

    def append(self, value: Mapping[str, Any]) -> None:
        """Write one line; when this returns it is on the disk."""
        line = (json.dumps(value, ensure_ascii=False) + "\n").encode("utf-8", "backslashreplace")
        while line:
            line = line[os.write(self._file, line) :]
        os.fsync(self._file)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._file)
