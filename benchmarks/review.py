"""Judgements a second with 20 annotators at once, and what a SIGKILL loses: ``python -m benchmarks.review``.

Runs on SQLite and on a PostgreSQL server of the machine's own binaries (fsync on, as delivered). Prints one JSON
object a database. Annotators are threads of one process, as they are in the app; each takes an item and judges it
in one step (a set without the blind half), as fast as it goes.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from reasonrank.review.database import open_database
from reasonrank.review.service import Review
from reasonrank.review.store import Store
from reasonrank.review.values import Identity
from tests.review.helpers import make_set
from tests.review.postgresql import server
from tests.review.writer import judge

ANNOTATORS = 20


def main() -> None:
    """Measure each database and print what came out."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--databases", default="sqlite,postgresql", help="which, between commas")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to judge")
    parser.add_argument("--kills", type=int, default=50, help="how often to kill the writer under load")
    options = parser.parse_args()
    for kind in options.databases.split(","):
        with _database(kind) as url:
            figures = {"database": kind, **_throughput(url, options.seconds), **_kills(url, options.kills)}
        sys.stdout.write(json.dumps(figures) + "\n")
        sys.stdout.flush()


@contextmanager
def _database(kind: str) -> Iterator[str]:
    if kind == "postgresql":
        with server() as url:
            yield url
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder) / 'review.sqlite'}"


def _throughput(url: str, seconds: float) -> dict[str, Any]:
    database = open_database(url)
    review = Review(Store(database))
    made = make_set(review, k=ANNOTATORS, blind=False, lists=150, name="throughput")
    taking: list[float] = []
    judging: list[float] = []
    started = time.perf_counter()

    def work(who: Identity) -> None:
        while time.perf_counter() - started < seconds:
            before = time.perf_counter()
            task = review.next_task(who, made.set_id)
            assert task is not None, "the set is too small for this machine"
            taken = time.perf_counter()
            judge(review, who, task)
            taking.append(taken - before)
            judging.append(time.perf_counter() - taken)

    workers = [threading.Thread(target=work, args=(Identity(f"annotator {n}"),)) for n in range(ANNOTATORS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    spent = time.perf_counter() - started
    assert len(review.store.standings(made.set_id)) == len(judging)
    database.close()
    return {
        "annotators": ANNOTATORS,
        "judgements": len(judging),
        "judgements_a_second": round(len(judging) / spent, 1),
        "judge_ms_median": round(1000 * statistics.median(judging), 1),
        "judge_ms_95th": round(1000 * statistics.quantiles(judging, n=20)[-1], 1),
        "next_ms_median": round(1000 * statistics.median(taking), 1),
    }


def _kills(url: str, kills: int) -> dict[str, Any]:
    database = open_database(url)
    review = Review(Store(database))
    made = make_set(review, k=100, lists=80, name="kills")
    writer = [sys.executable, "-m", "tests.review.writer", url, made.set_id, str(ANNOTATORS)]
    chance = random.Random(0)
    acknowledged: set[str] = set()
    for _ in range(kills):
        process = subprocess.Popen(writer, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        wanted, lines = chance.randint(5, 60), []
        for line in process.stdout:
            lines.append(line)
            if len(lines) == wanted:
                process.kill()  # SIGKILL, in the middle of others' transactions
        process.wait()
        acknowledged |= {line.strip() for line in lines if line.endswith("\n")}
    stored = {event.event_id for event in review.store.events(made.set_id)}
    database.close()
    return {"kills": kills, "acknowledged": len(acknowledged), "lost": len(acknowledged - stored)}


if __name__ == "__main__":
    main()
