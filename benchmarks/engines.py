"""Both engines side by side: seconds to score 20 documents and explain 5, their ratio, and how far scores differ.

    python -m benchmarks.engines [--candidates FILE] [--student NAME] [--documents 20] [--reasons 5] [--rounds 3]

The engines take turns within one run, so that whatever else the machine does hits both alike; of the rounds the
quickest counts. Reasons are written one after another, as the page streams them, for the best documents of the list.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from reasonrank.assets import assets_path
from reasonrank.data import Document, Judgement
from reasonrank.engines.base import Engine
from reasonrank.engines.load import load_engine
from reasonrank.formats import read_candidates
from reasonrank.settings import Settings
from reasonrank.student import Student

ENGINES = ("transformers", "ctranslate2")


@dataclass(frozen=True, slots=True)
class Round:
    """Seconds of one engine's turn, and what it said."""

    score: float
    explain: float
    judgements: tuple[Judgement, ...]

    @property
    def total(self) -> float:
        return self.score + self.explain


def documents_of(candidates: str | None, count: int) -> tuple[str, list[Document]]:
    """A question and ``count`` documents: a candidates file's first list, or the sample collection's first ones."""
    if candidates:
        asked, found = next(iter(read_candidates(Path(candidates))))
        return asked.text, [candidate.document for candidate in found[:count]]
    folder = assets_path() / "collection"
    query = json.loads(_first_lines(folder / "queries.jsonl", 1)[0])
    rows = [json.loads(line) for line in _first_lines(folder / "corpus.jsonl", count)]
    documents = [Document(row["doc_id"], row["text"], row.get("title", "")) for row in rows]
    return str(query["query"]), documents


def _first_lines(path: Path, count: int) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()[:count]


def turn(engine: Engine, settings: Settings, query: str, documents: list[Document], reasons: int) -> Round:
    """Score all documents, then explain the best ones."""
    student = Student(engine, settings)
    start = time.perf_counter()
    judgements = student.score(query, documents)
    scored = time.perf_counter()
    by_grade = sorted(range(len(documents)), key=lambda i: (-judgements[i].expected_grade, documents[i].doc_id))
    for i in by_grade[:reasons]:
        for _ in student.explain(query, documents[i], judgements[i]):
            pass
    return Round(scored - start, time.perf_counter() - scored, tuple(judgements))


def report(rounds: dict[str, list[Round]], names: dict[str, str]) -> Iterable[str]:
    best = {engine: min(rounds[engine], key=lambda one: one.total) for engine in ENGINES}
    yield f"{'engine':<28}{'score s':>10}{'explain s':>11}{'total s':>10}"
    for engine in ENGINES:
        one = best[engine]
        yield f"{names[engine]:<28}{one.score:>10.2f}{one.explain:>11.2f}{one.total:>10.2f}"
    slow, quick = best["transformers"], best["ctranslate2"]
    yield (
        f"ratio: {slow.total / quick.total:.2f} "
        f"(scoring {slow.score / quick.score:.2f}, explaining {slow.explain / quick.explain:.2f})"
    )
    pairs = list(zip(slow.judgements, quick.judgements, strict=True))
    apart = [abs(a.expected_grade - b.expected_grade) for a, b in pairs]
    yield f"expected grade, of 0 to 2: differs by at most {max(apart):.3f}, {sum(apart) / len(apart):.3f} on average"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", help="a candidates file; its first list is used")
    parser.add_argument("--student", default="default", help="default, base, a folder or a hub id")
    parser.add_argument("--documents", type=int, default=20, help="how many documents are scored")
    parser.add_argument("--reasons", type=int, default=5, help="how many of them are explained")
    parser.add_argument("--tokens", type=int, default=40, help="length of a reason at most")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each engine")
    flags = parser.parse_args(arguments)
    query, documents = documents_of(flags.candidates, flags.documents)
    settings = Settings.load(student=flags.student, device="cpu", max_reason_tokens=flags.tokens)
    engines = {name: load_engine(replace(settings, engine=name), _tell) for name in ENGINES}
    rounds: dict[str, list[Round]] = {name: [] for name in ENGINES}
    for number in range(flags.rounds + 1):
        for name, engine in engines.items():
            done = turn(engine, settings, query, documents, flags.reasons)
            if number:  # the first one warms up
                rounds[name].append(done)
    for line in report(rounds, {name: engine.name for name, engine in engines.items()}):
        print(line)  # noqa: T201


def _tell(what: str, fraction: float) -> None:
    print(f"{fraction:4.0%} {what}", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
