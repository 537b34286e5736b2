"""Faults of the machine: told to stop, a full disk, a Java that does not start, two builders of one index."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from command import Server
from test_http import events

from reasonrank.serve.command import LAST_WORDS_S
from reasonrank.serve.settings import ServeSettings

RERANK = {"query": "why", "documents": ["A poor text.", "A good text."]}
ENVIRONMENT = os.environ | {"OMP_NUM_THREADS": "1"}


def until(server: Server, holds: Callable[[], bool]) -> None:
    last = time.monotonic() + 300
    while not holds():
        assert server.process.poll() is None and time.monotonic() < last, server.log
        time.sleep(0.05)


def held(cache: Path, seconds: float, drain: float) -> Server:
    script = Path(__file__).with_name("held.py")
    process = subprocess.Popen(
        [sys.executable, str(script), str(cache), str(seconds), str(drain)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=ENVIRONMENT | {"PYTHONPATH": os.pathsep.join([str(script.parent), str(script.parents[2])])},
    )
    server = Server(process)
    until(server, lambda: bool(server.address))
    return server


def test_told_to_stop_a_request_under_way_is_finished(cache: Path) -> None:
    server = held(cache, seconds=1.0, drain=30)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(httpx.post, server.address + "/v1/rerank", json=RERANK, timeout=60)
        until(server, lambda: "held" in server.log)
        server.process.send_signal(signal.SIGTERM)
        answered = asked.result()
    assert answered.status_code == 200
    assert [result["index"] for result in answered.json()["results"]] == [1, 0]
    assert server.ended() in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log


def test_told_to_stop_whoever_cannot_be_served_is_told(cache: Path) -> None:
    server = held(cache, seconds=-1, drain=0.5)
    body = {"query": "lamp", "stream": True}
    with (
        ThreadPoolExecutor(1) as pool,
        httpx.stream("POST", server.address + "/v1/search", json=body, timeout=300) as response,
    ):
        lines = response.iter_lines()
        assert next(lines) == "event: list"
        asked = pool.submit(httpx.post, server.address + "/v1/rerank", json=RERANK, timeout=300)
        metrics = server.address + "/metrics"
        until(server, lambda: "under_way 2.0" in httpx.get(metrics, timeout=30).text)
        server.process.send_signal(signal.SIGTERM)
        answered, found = asked.result(), events(lines)
    assert answered.status_code == 503
    assert answered.json() == {"message": "The server is shutting down; ask again in a moment."}
    assert "Retry-After" in answered.headers
    # The stream keeps the list it had, and says why it ends.
    assert [name for name, _ in found][-1] == "error"
    assert found[-1][1] == {"message": "The server is shutting down; ask again in a moment.", "status": 503}
    assert server.ended() in (0, -signal.SIGTERM)
    assert "Traceback" not in server.log


def test_the_time_to_stop_is_under_ten_seconds() -> None:
    assert round(ServeSettings().drain_seconds + LAST_WORDS_S) < 10


def command(*arguments: str, limit: int | None = None, **environment: str) -> subprocess.Popen[str]:
    def limited() -> None:
        if limit is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "reasonrank.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT | environment,
        preexec_fn=limited,
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Enough words, each of them rare, for an index of some hundred kilobytes."""
    path = tmp_path / "words.jsonl"
    rows = ({"id": f"d{n}", "text": " ".join(f"w{n * 31 + m * 7919}" for m in range(40))} for n in range(1500))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_a_disk_that_fills_leaves_the_old_index(corpus: Path, tmp_path: Path) -> None:
    """A limit on the size of a file stands for the full disk: every write beyond it fails."""
    chosen = ["--corpus", str(corpus), "--retriever", "bm25", "--cache", str(tmp_path / "cache")]
    for before in ("nothing", "an index"):
        out, said = (filling := command("index", *chosen, "--rebuild", limit=20_000)).communicate(timeout=300)
        assert (filling.returncode, out) == (2, ""), before
        assert "reasonrank: " in said
        assert "Traceback" not in said
        left = [path.name for path in (tmp_path / "cache" / "indexes").rglob("*") if path.is_dir()]
        assert not any(name.startswith("unfinished-") for name in left)
        if before == "nothing":
            assert command("index", *chosen).wait(300) == 0
    out, _ = (search := command("search", "w31", *chosen, "--student", "none", "--json")).communicate(timeout=300)
    assert search.returncode == 0
    assert json.loads(out)["documents"][0]["doc_id"] == "d1"


def test_two_processes_build_the_same_index(corpus: Path, tmp_path: Path) -> None:
    chosen = ["--corpus", str(corpus), "--retriever", "bm25", "--cache", str(tmp_path / "cache")]
    builders = [command("search", "w31", *chosen, "--student", "none", "--json") for _ in range(2)]
    for builder in builders:
        out, said = builder.communicate(timeout=300)
        assert builder.returncode == 0, said
        assert json.loads(out)["documents"][0]["doc_id"] == "d1"
    (index,) = [path for path in (tmp_path / "cache" / "indexes").iterdir() if path.is_dir()]
    assert len([path for path in index.iterdir() if path.is_dir()]) == 1


def test_a_java_that_does_not_start_is_a_sentence(corpus: Path, tmp_path: Path) -> None:
    chosen = ["--corpus", str(corpus), "--retriever", "bm25", "--cache", str(tmp_path / "cache"), "--student", "none"]
    broken = command("search", "w31", *chosen, JAVA_TOOL_OPTIONS="-XX:+NoSuchOption")
    out, said = broken.communicate(timeout=300)
    assert (broken.returncode, out) == (2, "")
    assert "did not start" in said
    assert "reasonrank doctor" in said
    assert "Traceback" not in said
