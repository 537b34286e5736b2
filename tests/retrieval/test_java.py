"""Finding Java, trying it out, and calling it from threads."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest

from reasonrank.retrieval.bm25 import analyze
from reasonrank.retrieval.java import in_java, java_status, start_java
from reasonrank.retrieval.java_home import anserini_jar, java_home, java_homes


def runtime(folder: Path, version: str, modules: str = "java.base") -> Path:
    """What a Java runtime looks like from outside."""
    (folder / "lib" / "server").mkdir(parents=True)
    (folder / "lib" / "server" / "libjvm.so").write_bytes(b"not a library")
    (folder / "release").write_text(f'IMPLEMENTOR="Nobody"\nJAVA_VERSION="{version}"\nMODULES="{modules}"\n')
    return folder


@pytest.mark.parametrize(
    ("version", "major"),
    [("21.0.8", 21), ("25", 25), ("17.0.15", 17), ("1.8.0_402", 1), ("22-ea", 22)],
)
def test_the_release_file_tells_the_version(version: str, major: int, tmp_path: Path) -> None:
    home = java_home(runtime(tmp_path, version, "java.base jdk.incubator.vector"), "test")
    assert home is not None
    assert (home.version, home.major, home.has_vectors) == (version, major, True)
    assert home.library == tmp_path / "lib" / "server" / "libjvm.so"


def test_a_folder_without_a_runtime_is_none(tmp_path: Path) -> None:
    assert java_home(tmp_path, "test") is None
    (runtime(tmp_path, "21") / "lib" / "server" / "libjvm.so").unlink()
    assert java_home(tmp_path, "test") is None


def test_an_old_java_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(runtime(tmp_path, "17.0.15")))
    assert "JAVA_HOME" not in [home.source for home in java_homes()]


def test_a_broken_java_is_named_and_the_next_one_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(runtime(tmp_path, "21.0.1")))
    works, sentence = java_status()
    assert works
    assert "runs Lucene (Java 21.0.1 from JAVA_HOME did not start (" in sentence


def test_pyserini_brings_the_jar() -> None:
    jar = anserini_jar()
    assert jar is not None
    assert jar.is_file()


def test_control_c_stays_with_python() -> None:
    before = signal.getsignal(signal.SIGINT)
    start_java()
    assert signal.getsignal(signal.SIGINT) is before


def test_threads_let_go_of_java() -> None:
    @in_java
    def attached() -> int:
        return int(start_java().autoclass("java.lang.Thread").activeCount())

    before = attached()
    terms: list[list[str]] = []
    for _ in range(3):
        threads = [threading.Thread(target=lambda: terms.append(analyze("Running moths"))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert terms == [["run", "moth"]] * 24
    assert attached() == before
