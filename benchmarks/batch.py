"""Very many lists through ``reasonrank rerank``: lists a second, and memory along the way.

    python -m benchmarks.batch [--lists 10000] [--documents 20] [--workers 1]

The lists are made up from the sample collection, and the first stage's score stands in for the student: what is
measured is the reading, ordering and writing around it. The command runs in a process of its own, whose memory is read
from the operating system ten times a second; then it is killed half way through a second file and gone on with.
"""

from __future__ import annotations

import argparse
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from reasonrank.assets import assets_path

GLANCE = 0.1
PARTS = 5


def made_up(lists: int, documents: int) -> Iterator[str]:
    """Candidate lists with ids of their own, texts of the sample collection and random scores, as JSON lines."""
    draw = random.Random(0)
    corpus = [json.loads(line) for line in (assets_path() / "collection" / "corpus.jsonl").open(encoding="utf-8")]
    queries = [json.loads(line) for line in (assets_path() / "collection" / "queries.jsonl").open(encoding="utf-8")]
    for number in range(lists):
        candidates = [
            {"doc_id": f"{number}-{row['doc_id']}", "text": row["text"], "score": round(draw.uniform(0, 30), 4)}
            for row in draw.sample(corpus, documents)
        ]
        query = queries[number % len(queries)]["query"]
        yield json.dumps({"query_id": f"query-{number}", "query": query, "candidates": candidates}) + "\n"


def command(candidates: Path, folder: Path, name: str, *more: str) -> list[str]:
    """A rerank into ``folder`` without a student."""
    out = ["--run", str(folder / f"{name}.trec"), "--json-out", str(folder / f"{name}.jsonl")]
    start = [sys.executable, "-m", "reasonrank.cli", "rerank", "--candidates", str(candidates)]
    return [*start, *out, "--student", "none", "--explain", "0", *more]


def resident(process_id: int) -> float | None:
    """Memory of a process in MB; None once it has ended."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    except OSError:
        return None
    found = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(found[0]) * 1024 / 1e6 if found else None


def watched(words: list[str], out: Path, stop_at: int | None = None) -> tuple[list[tuple[float, int]], int]:
    """Run a command; its memory in MB beside the bytes it has written, ten times a second, and its exit status.

    Args:
        words: The command.
        out: The folder that it writes into.
        stop_at: Bytes of output at which it is killed.
    """
    seen: list[tuple[float, int]] = []
    with subprocess.Popen(words, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            memory, written = resident(process.pid), size_of(out)
            if memory is not None:
                seen.append((memory, written))
            if stop_at is not None and written >= stop_at:
                process.send_signal(signal.SIGKILL)
            time.sleep(GLANCE)
    return seen, process.returncode


def size_of(folder: Path) -> int:
    """Bytes of all files of a folder, hidden ones too: an output in the making is one."""
    total = 0
    for path in folder.iterdir():
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # renamed just now
            continue
    return total


def parts(seen: list[tuple[float, int]]) -> Iterable[str]:
    """The largest memory in each fifth of the output."""
    whole = max(written for _, written in seen)
    for part in range(PARTS):
        inside = [memory for memory, written in seen if written > 0 and min(PARTS * written // whole, 4) == part]
        yield f"{max(inside):.1f}" if inside else "-"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lists", type=int, default=10_000)
    parser.add_argument("--documents", type=int, default=20)
    parser.add_argument("--workers", type=int, default=1)
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        candidates, out, again = folder / "lists.jsonl", folder / "out", folder / "again"
        out.mkdir()
        again.mkdir()
        with candidates.open("w", encoding="utf-8") as file:
            file.writelines(made_up(flags.lists, flags.documents))
        say(f"{flags.lists:,} lists of {flags.documents}, {candidates.stat().st_size / 1e6:.0f} MB, first-stage score")

        workers = ["--workers", str(flags.workers)]
        start = time.perf_counter()
        seen, code = watched(command(candidates, out, "run", *workers), out)
        seconds = time.perf_counter() - start
        say(f"exit {code}; {seconds:.1f} s with the start, {flags.lists / seconds:.0f} lists a second")
        say(f"memory in MB at most, by fifths of the output: {', '.join(parts(seen))}")

        stop_at = size_of(out) // 2
        words = command(candidates, again, "run", *workers, "--resume")
        _, killed = watched(words, again, stop_at)
        kept = (again / "run.trec").read_bytes().count(b"\n") // flags.documents
        _, code = watched(words, again)
        same = (again / "run.trec").read_bytes() == (out / "run.trec").read_bytes()
        say(
            f"killed ({killed}) after {kept:,} lists and gone on with: exit {code}, same run: {'yes' if same else 'NO'}"
        )


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
