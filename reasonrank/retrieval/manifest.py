"""What an index on disk says of itself: what it was built from, and the checksums of its files."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from reasonrank.errors import IndexDamagedError

FORMAT = 1
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Stamp:
    """Everything that an index depends on; another stamp means another index.

    Args:
        index: ``bm25`` or ``dense``.
        corpus: The corpus's name.
        corpus_fingerprint: SHA-256 of its documents.
        documents: How many they are.
        parameters: Encoder, analyzer, versions of libraries: names to values.
        version: ReasonRank's own version.
        format: Version of this layout.
    """

    index: str
    corpus: str
    corpus_fingerprint: str
    documents: int
    parameters: Mapping[str, str]
    version: str
    format: int = FORMAT


@dataclass(frozen=True, slots=True)
class StoredFile:
    """Size and SHA-256 of one file of an index."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """The stamp of the index in ``folder``, its files by name, and where its corpus was read (a name or a path)."""

    stamp: Stamp
    folder: str
    origin: str
    files: Mapping[str, StoredFile] = field(default_factory=dict)

    @classmethod
    def of(cls, stamp: Stamp, folder: Path, origin: str) -> Manifest:
        """The manifest of a folder as it is now."""
        files = {path.name: _stored(path) for path in sorted(folder.iterdir())}
        return cls(stamp, folder.name, origin, files)

    @property
    def is_orphan(self) -> bool:
        """Whether the file that the corpus was read from is gone, as a visitor's upload is after a while."""
        path = Path(self.origin)
        return path.is_absolute() and not path.exists()

    def check_sizes(self, parent: Path) -> None:
        """Look at the names and sizes of the files; cheap.

        Raises:
            IndexDamagedError: A file is missing, or has another size.
        """
        for name, stored in self.files.items():
            path = parent / self.folder / name
            size = path.stat().st_size if path.is_file() else None
            if size != stored.bytes:
                got = "is missing" if size is None else f"has {size:,} bytes; expected {stored.bytes:,}"
                raise IndexDamagedError(f"{path} {got}.")

    def check(self, parent: Path) -> None:
        """Look at the contents of the files too.

        Raises:
            IndexDamagedError: A file is not what was written.
        """
        self.check_sizes(parent)
        for name, stored in self.files.items():
            path = parent / self.folder / name
            try:
                found = _stored(path)
            except OSError as error:
                raise IndexDamagedError(f"{path} cannot be read ({error.strerror}).") from error
            if found != stored:
                raise IndexDamagedError(f"{path} is not what was written (its checksum differs).")

    def write(self, parent: Path) -> None:
        """Make this the manifest of ``parent``, at once."""
        temporary = parent / f".{MANIFEST}.{os.getpid()}"
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        temporary.replace(parent / MANIFEST)


def read_manifest(parent: Path) -> Manifest | None:
    """The manifest of a folder of indexes, None if there is none or one of another format.

    Raises:
        IndexDamagedError: It cannot be read.
    """
    path = parent / MANIFEST
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if value["stamp"]["format"] != FORMAT:
            return None
        files = {str(name): StoredFile(**stored) for name, stored in value["files"].items()}
        return Manifest(Stamp(**value["stamp"]), Path(value["folder"]).name, str(value["origin"]), files)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IndexDamagedError(f"{path} cannot be read.") from error


def _stored(path: Path) -> StoredFile:
    with path.open("rb") as file:
        return StoredFile(path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest())
