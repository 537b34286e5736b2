"""Lines of an untrusted file: bounded, unpacked, decoded, with the problems found on the way."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from reasonrank.errors import InputError

MAX_PROBLEMS = 5
"""Problems named in one message; reading stops at the last of them."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a file may hold; sizes are after unpacking.

    Args:
        file_bytes: Bytes of the whole file.
        line_bytes: Bytes of one line.
        documents: Passages.
        text_chars: Characters of one passage.
        title_chars: Characters of one title.
        id_chars: Characters of one doc_id.
    """

    file_bytes: int = 1 << 30
    line_bytes: int = 4 << 20
    documents: int = 1_000_000
    text_chars: int = 100_000
    title_chars: int = 1_000
    id_chars: int = 200


LIMITS = Limits()
"""For a file on the user's own machine."""
UPLOAD_LIMITS = Limits(file_bytes=64 << 20, line_bytes=1 << 20, documents=50_000, text_chars=20_000)
"""For a file that a visitor sends."""


@dataclass
class Problems:
    """The first few problems of one file, by line; raised together, so that nothing is half-loaded."""

    name: str
    expected: str
    found: list[str] = field(default_factory=list)

    def add(self, line: int, problem: str) -> None:
        """Note a problem.

        Raises:
            InputError: These are enough.
        """
        self.found.append(f"line {line}: {problem}")
        if len(self.found) == MAX_PROBLEMS:
            self._fail(" There may be more after them.")

    def check(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            InputError: There were problems.
        """
        if self.found:
            self._fail("")

    def _fail(self, more: str) -> None:
        raise InputError(f"{self.name} was not loaded: {'; '.join(self.found)}. Expected {self.expected}.{more}")


def read_lines(path: Path, limits: Limits, problems: Problems) -> Iterator[tuple[int, str]]:
    """Line numbers from 1 and lines with their ends, without a byte order mark; ``.gz`` is unpacked.

    A line that is not text becomes a problem, and is given out with what could be read of it.

    Raises:
        InputError: The file cannot be read, or is over a limit.
    """
    number = read = 0
    try:
        with gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb") as file:
            while line := file.readline(limits.line_bytes + 1):
                number, read = number + 1, read + len(line)
                if read > limits.file_bytes:
                    raise InputError(f"{path.name} holds more than {_size(limits.file_bytes)}; split it into files.")
                if len(line) > limits.line_bytes:
                    size = _size(limits.line_bytes)
                    raise InputError(f"{path.name}, line {number}: longer than {size}; expected short passages.")
                yield number, _decode(number, line, problems)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path.name} is not a whole gzip file ({error}); pack or copy it again.") from error
    except OSError as error:
        raise InputError(f"{path.name} could not be read: {error.strerror or error}.") from error


def _decode(number: int, line: bytes, problems: Problems) -> str:
    if number == 1:
        if line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise InputError(f"{problems.name} is UTF-16 text; save it as UTF-8.")
        line = line.removeprefix(b"\xef\xbb\xbf")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        problems.add(number, f"byte {error.start + 1} is not UTF-8 (save the file as UTF-8)")
        return line.decode("utf-8", "replace")
    if "\x00" in text:
        problems.add(number, "has a NUL character, as binary files do")
    return text


def _size(size: int) -> str:
    return f"{size >> 20} MiB" if size >= 1 << 20 else f"{size:,} bytes"
