"""Measure a student's order on judged candidate lists: ``python -m train.evaluate --candidates F --qrels F``.

Writes ``run.trec``, ``metrics.json`` and ``per_query.csv`` into ``--out``. Every judged query counts, a query without
a list as 0; judged queries are never dropped. The first stage's own order is measured on the same lists.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from reasonrank import __version__
from reasonrank.data import Candidate, Query, Ranking
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.formats import Qrels, read_candidates, read_qrels, write_run
from reasonrank.pipeline import Pipeline
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.settings import Settings
from train.measures import Run, interval, means, paired_p_value, per_query, run_of


@dataclass(frozen=True)
class Evaluation:
    """Figures of one run beside its first stage's."""

    rankings: tuple[Ranking, ...]
    values: dict[str, dict[str, float]]
    first_stage: dict[str, dict[str, float]]


def rerank_all(
    pipeline: Pipeline, lists: Sequence[tuple[Query, list[Candidate]]], settings: Settings
) -> Iterator[Ranking]:
    """The final ranking of each list.

    Raises:
        ReasonRankError: The student failed; a partly scored collection has no figure.
    """
    for query, candidates in tqdm(lists, unit=" lists", file=sys.stderr):
        ranking: Ranking | None = None
        for step in pipeline.rerank(query, candidates, settings):
            ranking = step.ranking
        if ranking is None or ranking.problems:
            raise ReasonRankError(f"query {query.query_id}: {ranking.problems if ranking else 'no result'}")
        yield ranking


def evaluate(
    lists: Sequence[tuple[Query, list[Candidate]]], qrels: Qrels, settings: Settings, cutoff: int = 1
) -> Evaluation:
    """Rerank and measure.

    Raises:
        InputError: No query of the lists is judged.
    """
    if not qrels.keys() & {query.query_id for query, _ in lists}:
        raise InputError("No query of the candidates is judged in the qrels; are they of the same collection?")
    rankings = tuple(rerank_all(Pipeline(settings), lists, settings))
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


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__)
    parser.add_argument("--candidates", type=Path, required=True, help="candidate lists, JSON lines, .gz or not")
    parser.add_argument("--qrels", type=Path, required=True, help="TREC judgements")
    parser.add_argument("--student", default=None, help="none, base, default, a folder or a hub id")
    parser.add_argument("--engine", default=None, choices=("auto", "ctranslate2", "transformers"))
    parser.add_argument("--order", default=None, choices=("student", "fused"))
    parser.add_argument("--mode", default=None, choices=("score_then_reason", "reason_then_score"))
    parser.add_argument("--rel-cutoff", type=int, default=1, help="least relevant grade; TREC DL takes 2")
    parser.add_argument("--depth", type=int, default=None, help="take only so many candidates of each list")
    parser.add_argument("--queries", type=int, default=None, help="take only the first so many lists, for a trial")
    parser.add_argument("--out", type=Path, default=None, help="folder for run.trec and metrics.json")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load(
            student=options.student, engine=options.engine, order=options.order, mode=options.mode, explain=0
        )
        lists = [(query, found[: options.depth]) for query, found in read_candidates(options.candidates)]
        qrels = read_qrels(options.qrels)
        if options.queries is not None:
            lists = lists[: options.queries]
            qrels = {query.query_id: qrels[query.query_id] for query, _ in lists if query.query_id in qrels}
        evaluation = evaluate(lists, qrels, settings, options.rel_cutoff)
        metrics = summary(evaluation, settings, options.rel_cutoff)
        if options.out is not None:
            write(evaluation, metrics, options.out)
    except ReasonRankError as error:
        sys.stderr.write(f"train.evaluate: {error}\n")
        return 2
    sys.stdout.write(json.dumps(metrics, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
