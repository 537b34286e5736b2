"""Time, memory and order of the demo: ``python -m benchmarks.demo``.

Prints JSON: milliseconds to the first list and to all scores for 20 documents (median over questions, after one
question that is not counted), peak memory, start-up time, and nDCG@10 on the sample collection by each retriever alone
and reranked. ``--student`` and ``--order`` choose the set-up.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from tqdm import tqdm

from reasonrank.corpus import load_corpus
from reasonrank.measures import Run, means, per_query
from reasonrank.pipeline import Pipeline
from reasonrank.settings import Settings

RETRIEVERS = ("bm25", "dense", "hybrid")


def times(pipeline: Pipeline, questions: Sequence[str]) -> dict[str, float]:
    """Median milliseconds from the question to the first list, all scores, and everything."""
    spent: dict[str, list[float]] = {"first_list_ms": [], "all_scores_ms": [], "everything_ms": []}
    for number, question in enumerate(tqdm(questions, unit=" questions", file=sys.stderr)):
        began = time.perf_counter()
        seen: dict[str, float] = {}
        for step in pipeline.search(question):
            now = (time.perf_counter() - began) * 1000
            if step.stage == "retrieve":
                seen["first_list_ms"] = now
            elif step.stage == "score":
                seen["all_scores_ms"] = now
            elif step.stage == "done":
                seen["everything_ms"] = now
        if number:  # the first one warms up
            for name, value in seen.items():
                spent[name].append(value)
    return {name: round(median(values), 1) for name, values in spent.items() if values}


def quality(settings: Settings) -> dict[str, dict[str, float]]:
    """nDCG@10 on the collection's test questions, by each retriever alone, reranked, and fused."""
    corpus = load_corpus("collection", settings)
    qrels = {query: dict(of) for query, of in corpus.qrels.items()}
    found: dict[str, dict[str, float]] = {}
    for retriever in RETRIEVERS:
        for name, chosen in (
            ("alone", replace(settings, student="none")),
            ("reranked", replace(settings, order="student")),
            ("fused", replace(settings, order="fused")),
        ):
            if name != "alone" and settings.student == "none":
                continue
            pipeline = Pipeline(replace(chosen, corpus="collection", retriever=retriever, explain=0))
            run: Run = {}
            for query in tqdm(corpus.queries, desc=f"{retriever} {name}", file=sys.stderr):
                *_, last = pipeline.search(query.text)
                run[query.query_id] = [scored.doc_id for scored in last.ranking.documents]
            found.setdefault(retriever, {})[name] = round(means(per_query(run, qrels))["nDCG@10"], 4)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.demo", description=__doc__)
    parser.add_argument("--student", default=None)
    parser.add_argument("--engine", default=None)
    parser.add_argument("--questions", type=int, default=20, help="questions timed")
    parser.add_argument("--skip-quality", action="store_true", help="only times and memory")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    settings = Settings.load(student=options.student, engine=options.engine, corpus="collection")
    pipeline = Pipeline(settings)
    pipeline.prepare()
    started = time.perf_counter() - began
    questions = [query.text for query in pipeline.corpus().queries[: options.questions + 1]]
    result: dict[str, Any] = {
        "k": settings.k,
        "explain": settings.explain,
        "questions": options.questions,
        "start_up_s": round(started, 1),
        **times(pipeline, questions),
        "peak_memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    if not options.skip_quality:
        result["ndcg_at_10"] = quality(settings)
    sys.stdout.write(json.dumps(result, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
