"""Measure a student's order on judged candidate lists: ``python -m train.evaluate --candidates F --qrels F``.

Writes ``run.trec``, ``metrics.json`` and ``per_query.csv`` into ``--out``. Every judged query counts, a query without
a list as 0; judged queries are never dropped. The first stage's own order is measured on the same lists.

    python -m train.evaluate --dataset dl20 --depth 100 --out results/dl20     # dl19, bright/biology, beir/scifact/test

takes a public collection by its ir_datasets name instead of files. With ``--out`` the judgements are kept in
``judgements.jsonl``: a stopped run goes on where it was, and the same lists in another ``--order`` are not read again.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from reasonrank import __version__
from reasonrank.data import Ranking
from reasonrank.engines.load import engine_choice
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.formats import Qrels, read_candidates, read_qrels, write_run
from reasonrank.measures import Run, interval, means, paired_p_value, per_query, run_of
from reasonrank.pipeline import Pipeline
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.settings import Settings
from train.benchmarks import Benchmark, Lists, load_benchmark, load_judgements
from train.identity import identity
from train.score_file import ScoreFile

DEPTH = 100
"""Candidates of a public collection, where ``--depth`` says nothing."""


@dataclass(frozen=True)
class Evaluation:
    """Figures of one run beside its first stage's."""

    rankings: tuple[Ranking, ...]
    values: dict[str, dict[str, float]]
    first_stage: dict[str, dict[str, float]]


def rerank_all(
    pipeline: Pipeline, lists: Lists, settings: Settings, kept: ScoreFile | None = None
) -> Iterator[Ranking]:
    """The final ranking of each list, from kept judgements where there are some.

    Raises:
        ReasonRankError: The student failed; a partly scored collection has no figure.
    """
    for query, candidates in tqdm(lists, unit=" lists", file=sys.stderr):
        comparable = pipeline.comparable(query.text, candidates, settings)
        ranking = kept.ranking(query, comparable, settings.order) if kept else None
        if ranking is not None:
            yield ranking
            continue
        for step in pipeline.rerank(query, comparable, settings):
            ranking = step.ranking
        if ranking is None or ranking.problems:
            raise ReasonRankError(f"query {query.query_id}: {ranking.problems if ranking else 'no result'}")
        if kept:
            kept.add(ranking)
        yield ranking


def evaluate(
    lists: Lists, qrels: Qrels, settings: Settings, cutoff: int = 1, kept: ScoreFile | None = None
) -> Evaluation:
    """Rerank and measure; with ``kept`` what was judged before is not judged again.

    Raises:
        InputError: No query of the lists is judged.
    """
    if not qrels.keys() & {query.query_id for query, _ in lists}:
        raise InputError("No query of the candidates is judged in the qrels; are they of the same collection?")
    rankings = tuple(rerank_all(Pipeline(settings), lists, settings, kept))
    first: Run = {query.query_id: [c.document.doc_id for c in listed] for query, listed in lists}
    return Evaluation(rankings, per_query(run_of(rankings), qrels, cutoff), per_query(first, qrels, cutoff))


def summary(evaluation: Evaluation, settings: Settings, cutoff: int) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    about = evaluation.rankings[0]
    ours, first = evaluation.values, evaluation.first_stage
    return {
        "queries": len(ours["nDCG@10"]),
        "lists": len(evaluation.rankings),
        "rel_cutoff": cutoff,
        "measures": means(ours),
        "first_stage": means(first),
        "intervals": {name: asdict(interval(list(of.values()))) for name, of in ours.items()},
        "p_against_first_stage": {name: paired_p_value(ours[name], first[name]) for name in ours},
        "student": about.student,
        "engine": about.engine,
        "order_by": about.order_by,
        "mode": settings.mode,
        "prompt_version": PROMPT_VERSION,
        "version": __version__,
    }


def write(evaluation: Evaluation, metrics: dict[str, Any], out: Path) -> None:
    """Write the run, the figures and each query's values into ``out``."""
    out.mkdir(parents=True, exist_ok=True)
    write_run(out / "run.trec", evaluation.rankings)
    (out / "metrics.json").write_text(json.dumps(metrics, indent=2) + "\n", encoding="utf-8")
    with (out / "per_query.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        names = list(evaluation.values)
        table.writerow(["query_id", *names, *(f"first_stage {name}" for name in names)])
        for query_id in evaluation.values[names[0]]:
            row = [evaluation.values[name][query_id] for name in names]
            table.writerow([query_id, *row, *(evaluation.first_stage[name][query_id] for name in names)])


def read_task(
    candidates: Path | None, qrels: Path | None, dataset: str | None, depth: int | None, settings: Settings
) -> Benchmark:
    """The lists and judgements that files, a public collection's name, or both name.

    Raises:
        InputError: They name none, or a file is not as expected.
    """
    lists = [] if candidates is None else [(query, found[:depth]) for query, found in read_candidates(candidates)]
    if candidates is not None and qrels is not None:
        return Benchmark(candidates.name, lists, read_qrels(qrels))
    if dataset is None:
        raise InputError("Give --candidates and --qrels, or --dataset with a public collection's name.")
    if candidates is None:
        return load_benchmark(dataset, depth or DEPTH, settings)
    return replace(load_judgements(dataset), lists=lists)


def first_lists(task: Benchmark, count: int) -> Benchmark:
    """The first so many lists and their judgements alone, for a trial."""
    lists = task.lists[:count]
    judged = {query.query_id: task.qrels[query.query_id] for query, _ in lists if query.query_id in task.qrels}
    return replace(task, lists=lists, qrels=judged)


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    made = argparse.ArgumentParser(
        prog="python -m train.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--candidates", type=Path, default=None, help="candidate lists, JSON lines, .gz or not")
    made.add_argument("--qrels", type=Path, default=None, help="TREC judgements")
    made.add_argument("--dataset", default=None, help="dl19, dl20, or an ir_datasets name, in place of the two files")
    made.add_argument("--retriever", default="bm25", choices=("bm25", "dense", "hybrid"), help="with --dataset alone")
    made.add_argument("--student", default=None, help="none, base, default, a folder or a hub id")
    made.add_argument("--engine", default=None, choices=("auto", "ctranslate2", "transformers"))
    made.add_argument("--device", default=None, help="auto, cpu, cuda or mps")
    made.add_argument(
        "--order",
        default="student",
        choices=("student", "fused"),
        help="the student's grade alone, or as the app orders",
    )
    made.add_argument("--mode", default=None, choices=("score_then_reason", "reason_then_score"))
    made.add_argument(
        "--rel-cutoff", type=int, default=None, help="least relevant grade; 2 for TREC DL by name, else 1"
    )
    made.add_argument("--depth", type=int, default=None, help="take only so many candidates of each list")
    made.add_argument("--queries", type=int, default=None, help="take only the first so many lists, for a trial")
    made.add_argument("--out", type=Path, default=None, help="folder for run.trec, metrics.json and kept judgements")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    options = parser().parse_args(arguments)
    try:
        settings = Settings.load(
            student=options.student,
            engine=options.engine,
            device=options.device,
            order=options.order,
            mode=options.mode,
            retriever=options.retriever,
            explain=0,
        )
        task = read_task(options.candidates, options.qrels, options.dataset, options.depth, settings)
        if options.queries is not None:
            task = first_lists(task, options.queries)
        cutoff = task.cutoff if options.rel_cutoff is None else options.rel_cutoff
        kept = None
        if options.out is not None and settings.student != "none":
            settings = replace(settings, engine=engine_choice(settings))  # said, and never changed by itself
            kept = ScoreFile(options.out, identity(settings) | {"collection": task.name})
        evaluation = evaluate(task.lists, task.qrels, settings, cutoff, kept)
        metrics = {"collection": task.name, **summary(evaluation, settings, cutoff), "cut_queries": task.cut_queries}
        if options.out is not None:
            write(evaluation, metrics, options.out)
    except ReasonRankError as error:
        sys.stderr.write(f"train.evaluate: {error}\n")
        return 2
    sys.stdout.write(json.dumps(metrics, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
