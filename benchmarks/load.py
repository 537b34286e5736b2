"""Many searchers at once, and what the same engine does without the server: ``python -m benchmarks.load``.

Starts ``reasonrank serve`` in a process of its own and lets ``--searchers`` ask it one streamed search after another
for ``--seconds``; whoever is told 429 waits as long as it was told, at most until the end. Then the same pipeline runs
the same questions in this process, as many at a time as the server lets run, without HTTP. Prints JSON: times from
the question to the first list and to all scores (median and 99th percentile), searches completed a minute of both,
and their ratio.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import httpx

from reasonrank.pipeline import Pipeline
from reasonrank.serve.settings import ServeSettings

START_UP_S = 600


@dataclass
class Figures:
    """What the searchers saw."""

    first_list_ms: list[float] = field(default_factory=list)
    scores_ms: list[float] = field(default_factory=list)
    completed: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)


@contextmanager
def server(flags: Sequence[str]) -> Iterator[str]:
    """The address of a running server, ready to answer."""
    process = subprocess.Popen(
        [sys.executable, "-m", "reasonrank.cli", "serve", "--port", "0", "--no-page", *flags],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )
    lines: list[str] = []

    def read() -> None:
        assert process.stderr is not None
        lines.extend(process.stderr)

    assert process.stderr is not None
    try:
        address = ""
        while not address:
            line = process.stderr.readline()
            if not line:
                raise SystemExit(f"The server did not start: {''.join(lines)}")
            lines.append(line)
            found = re.search(r"running on (http://\S+)", line)
            address = found.group(1) if found else ""
        threading.Thread(target=read, daemon=True).start()
        last = time.monotonic() + START_UP_S
        while httpx.get(address + "/readyz", timeout=60).status_code != 200:
            if time.monotonic() > last:
                raise SystemExit(f"The server did not get ready: {''.join(lines)}")
            time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.wait(30)


async def searcher(
    client: httpx.AsyncClient, questions: Iterator[str], body: dict[str, Any], last: float, seen: Figures
) -> None:
    """Ask one question after another until ``last``."""
    while time.monotonic() < last:
        began, name, wait = time.perf_counter(), "", 0.0
        try:
            async with client.stream("POST", "/v1/search", json={**body, "query": next(questions)}) as response:
                if response.status_code != 200:
                    seen.outcomes[str(response.status_code)] += 1
                    wait = float(response.headers.get("retry-after", "0"))
                async for line in response.aiter_lines():
                    if time.monotonic() > last:
                        seen.outcomes["unfinished at the end"] += 1
                        return
                    spent = (time.perf_counter() - began) * 1000
                    if line.startswith("event: "):
                        name = line.removeprefix("event: ")
                        if name == "list":
                            seen.first_list_ms.append(spent)
                        elif name == "scores":
                            seen.scores_ms.append(spent)
                        elif name == "done":
                            seen.completed += 1
                            seen.outcomes["completed"] += 1
                    elif name == "error" and line.startswith("data: "):
                        told = json.loads(line.removeprefix("data: "))
                        seen.outcomes[f"{told['status']} in the stream"] += 1
                        wait = float(told.get("retry_after", 0))
        except httpx.HTTPError as error:
            seen.outcomes[type(error).__name__] += 1
        await asyncio.sleep(min(wait, max(0.0, last - time.monotonic())))


async def searched(address: str, questions: Sequence[str], options: argparse.Namespace) -> Figures:
    """All searchers at once, after one search that is not counted."""
    seen, endless = Figures(), itertools.cycle(questions)
    body = {"k": options.k, "explain": options.explain, "stream": True}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=address, timeout=600, limits=limits) as client:
        await client.post("/v1/search", json={**body, "query": questions[0]})
        last = time.monotonic() + options.seconds
        searchers = [asyncio.create_task(searcher(client, endless, body, last, seen)) for _ in range(options.searchers)]
        # Who is waiting for a line when time is up is unfinished.
        _, late = await asyncio.wait(searchers, timeout=options.seconds + 1)
        for task in late:
            task.cancel()
            seen.outcomes["unfinished at the end"] += 1
        await asyncio.gather(*searchers, return_exceptions=True)
    return seen


def without_server(settings: ServeSettings, questions: Sequence[str], seconds: float) -> float:
    """Searches a minute of the pipeline alone, as many at a time as the server lets run."""
    pipeline = Pipeline(settings)
    pipeline.prepare()
    for _ in pipeline.search(questions[0]):
        pass
    endless, lock, completed = itertools.cycle(questions), threading.Lock(), [0]
    last = time.monotonic() + seconds

    def work() -> None:
        while time.monotonic() < last:
            with lock:
                question = next(endless)
            for _ in pipeline.search(question):
                pass
            if time.monotonic() <= last:
                with lock:
                    completed[0] += 1

    threads = [threading.Thread(target=work) for _ in range(settings.running)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return completed[0] * 60 / seconds


def percentiles(values: Sequence[float]) -> dict[str, float | None]:
    """Median and 99th percentile (nearest rank), in milliseconds."""
    if not values:
        return {"median": None, "p99": None}
    ordered = sorted(values)
    nearest = max(0, -(-99 * len(ordered) // 100) - 1)
    return {"median": round(median(ordered), 1), "p99": round(ordered[nearest], 1)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code: 1 when anything but completed searches and 429 was seen."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--searchers", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--explain", type=int, default=0)
    parser.add_argument("--student", default="default")
    parser.add_argument("--retriever", default="hybrid")
    options = parser.parse_args(arguments)
    chosen: dict[str, Any] = {
        "student": options.student,
        "retriever": options.retriever,
        "k": options.k,
        "explain": options.explain,
        "corpus": "collection",
    }
    settings = ServeSettings.load(**chosen)
    questions = [query.text for query in Pipeline(settings).corpus().queries]
    flags = [part for name, value in chosen.items() for part in (f"--{name}", str(value))]
    with server(flags) as address:
        seen = asyncio.run(searched(address, questions, options))
    alone = without_server(settings, questions, options.seconds)
    served = seen.completed * 60 / options.seconds
    result = {
        **vars(options),
        "running": settings.running,
        "outcomes": dict(seen.outcomes),
        "first_list_ms": percentiles(seen.first_list_ms),
        "all_scores_ms": percentiles(seen.scores_ms),
        "completed_a_minute": round(served, 2),
        "completed_a_minute_without_server": round(alone, 2),
        "ratio": round(served / alone, 3) if alone else None,
    }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    expected = ("completed", "unfinished at the end", "429")
    return 0 if all(name.startswith(expected) for name in seen.outcomes) else 1


if __name__ == "__main__":
    raise SystemExit(main())
