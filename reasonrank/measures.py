"""Ranking measures over all judged queries, their bootstrap intervals and a paired test, from libraries."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reasonrank.data import Ranking
from reasonrank.errors import MissingDependencyError
from reasonrank.formats import Qrels

Run = dict[str, list[str]]
"""Document ids by query, best first."""
RESAMPLES = 9999


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95% bootstrap interval (percentile, over queries)."""

    mean: float
    low: float
    high: float


def measure_names(cutoff: int) -> list[str]:
    """What is measured; ``cutoff`` is the least grade that counts as relevant where a measure knows only yes or no."""
    return ["nDCG@10", "nDCG@5", f"RR(rel={cutoff})@10", f"P(rel={cutoff})@5", f"AP(rel={cutoff})@100"]


def per_query(run: Run, qrels: Qrels, cutoff: int = 1) -> dict[str, dict[str, float]]:
    """Each measure for every judged query: ``{measure: {query_id: value}}``; a query without a list has 0.

    nDCG is trec_eval's: gain is the grade, discount log2(rank + 1), and the ideal takes all judgements.

    Raises:
        MissingDependencyError: ir_measures is not installed.
    """
    try:
        import ir_measures
    except ImportError as error:
        raise MissingDependencyError("ir_measures", "pip install 'reasonrank[app]'") from error
    measures = [ir_measures.parse_measure(name) for name in measure_names(cutoff)]
    # Scores count down from the list's length: the order is ours, not an evaluator's rule for ties.
    scored = {
        query_id: {doc_id: float(len(ids) - place) for place, doc_id in enumerate(ids)}
        for query_id, ids in run.items()
        if ids
    }
    values: dict[str, dict[str, float]] = {_short(str(m)): dict.fromkeys(qrels, 0.0) for m in measures}
    for metric in ir_measures.iter_calc(measures, qrels, scored):
        if metric.query_id in qrels:
            values[_short(str(metric.measure))][metric.query_id] = float(metric.value)
    return values


def _short(name: str) -> str:
    """``RR(rel=2)@10`` as ``RR@10``: the cutoff is recorded beside the figures."""
    return re.sub(r"\(.*?\)", "", name)


def means(values: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Mean of each measure over its queries."""
    return {name: sum(of.values()) / len(of) if of else 0.0 for name, of in values.items()}


def interval(values: Sequence[float], seed: int = 0) -> Interval:
    """Mean over queries with its 95% bootstrap interval; fewer than two queries have no width."""
    from scipy.stats import bootstrap

    mean = sum(values) / len(values)
    if len(set(values)) < 2:
        return Interval(mean, mean, mean)
    result: Any = bootstrap(
        (values,), lambda x, axis: x.mean(axis=axis), n_resamples=RESAMPLES, method="percentile", rng=seed
    )
    return Interval(mean, float(result.confidence_interval.low), float(result.confidence_interval.high))


@dataclass(frozen=True, slots=True)
class Figure:
    """A mean over ``count`` values with its 95% bootstrap interval over lists; all None where there is no value."""

    value: float | None
    low: float | None
    high: float | None
    count: int


def figure(values: Mapping[str, Sequence[float]], seed: int = 0) -> Figure:
    """Mean over all values of all lists; whole lists are drawn for its interval, as values of one list hang together.

    Args:
        values: By query_id; a list may be empty.
        seed: Of the bootstrap.

    >>> figure({"q": [1.0, 0.0], "r": [1.0], "s": []}).count
    3
    """
    import numpy as np
    from scipy.stats import bootstrap

    filled = [list(of) for of in values.values() if of]
    count = sum(map(len, filled))
    if not count:
        return Figure(None, None, None, 0)
    mean = sum(map(sum, filled)) / count
    if len(filled) < 2 or len({(sum(of), len(of)) for of in filled}) < 2:
        return Figure(mean, mean, mean, count)
    sums, counts = np.array([sum(of) for of in filled]), np.array([len(of) for of in filled])  # (lists,)
    result: Any = bootstrap(
        (sums, counts),
        lambda x, n, axis: x.sum(axis=axis) / n.sum(axis=axis),
        paired=True,
        vectorized=True,
        n_resamples=RESAMPLES,
        method="percentile",
        rng=seed,
    )
    return Figure(mean, float(result.confidence_interval.low), float(result.confidence_interval.high), count)


def paired_p_value(ours: Mapping[str, float], theirs: Mapping[str, float], seed: int = 0) -> float:
    """Two-sided p of a paired permutation (sign-flip) test of the mean difference over the same queries."""
    from scipy.stats import permutation_test

    shared = sorted(ours.keys() & theirs.keys())
    pairs = ([ours[q] for q in shared], [theirs[q] for q in shared])
    if pairs[0] == pairs[1]:
        return 1.0
    result: Any = permutation_test(
        pairs,
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        n_resamples=RESAMPLES,
        vectorized=True,
        rng=seed,
    )
    return float(result.pvalue)


def run_of(rankings: Iterable[Ranking]) -> Run:
    """Rankings as document ids by query."""
    return {r.query.query_id: [scored.doc_id for scored in r.documents] for r in rankings}
