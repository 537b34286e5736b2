"""How far annotators agree: per cent, Cohen's kappa and Krippendorff's alpha, with bootstrap intervals.

The coefficients are scikit-learn's and the package ``krippendorff``'s; the intervals are percentile bootstraps
over items (numpy). Nothing is computed from too little: the state says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

State = Literal["ok", "not_enough_overlap", "no_variation"]
Level = Literal["ordinal", "nominal"]
Ratings = Mapping[str, Mapping[str, int]]
"""A number for each answer, by item and annotator; gaps are simply missing."""

LEAST_OVERLAP = 10
"""Items that at least two people judged, below which no coefficient is given."""
RESAMPLES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A coefficient and its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far annotators agree on one question.

    Args:
        state: ``ok``; ``not_enough_overlap`` (fewer than :data:`LEAST_OVERLAP` items); ``no_variation``
            (everybody always gave the same answer: the share is 1, but no coefficient is defined).
        items: Items that at least two people judged.
        annotators: How many people judged these items.
        percent: Share of pairs of judgements of the same item that are equal.
        kappa: Cohen's, of exactly two annotators; else None.
        alpha: Krippendorff's; None unless the state is ``ok``.
    """

    state: State
    items: int
    annotators: int
    percent: Estimate | None = None
    kappa: Estimate | None = None
    alpha: Estimate | None = None


def agreement(ratings: Ratings, level: Level = "ordinal", *, seed: int = 0, resamples: int = RESAMPLES) -> Agreement:
    """Agreement on one question.

    Args:
        ratings: Answers as numbers.
        level: ``ordinal`` for grades and three-step scales, ``nominal`` for sides.
        seed: Of the bootstrap.
        resamples: Of the bootstrap.
    """
    overlapping = [answers for _, answers in sorted(ratings.items()) if len(answers) > 1]
    annotators = sorted({name for answers in overlapping for name in answers})
    if len(overlapping) < LEAST_OVERLAP:
        return Agreement("not_enough_overlap", len(overlapping), len(annotators))
    table = _table(overlapping, annotators)
    percent = _estimate(percent_agreement, table, seed, resamples)
    if len({value for answers in overlapping for value in answers.values()}) == 1:
        return Agreement("no_variation", len(overlapping), len(annotators), percent)
    return Agreement(
        "ok",
        len(overlapping),
        len(annotators),
        percent,
        _estimate(cohens_kappa, table, seed, resamples) if len(annotators) == 2 else None,
        _estimate(lambda data: krippendorffs_alpha(data, level), table, seed, resamples),
    )


def percent_agreement(table: np.ndarray) -> float:
    """Share of equal pairs among all pairs of judgements of the same item.

    Args:
        table: Answers, shape (annotators, items), NaN where missing.
    """
    import numpy as np

    equal = pairs = 0
    for column in table.T:
        answers = column[~np.isnan(column)]
        _, counts = np.unique(answers, return_counts=True)
        equal += int((counts * (counts - 1)).sum())
        pairs += len(answers) * (len(answers) - 1)
    return equal / pairs if pairs else float("nan")


def cohens_kappa(table: np.ndarray) -> float:
    """Cohen's kappa (Cohen 1960), unweighted, over the items that both annotators judged; shape (2, items)."""
    import numpy as np
    from sklearn.metrics import cohen_kappa_score

    first, second = table[:, ~np.isnan(table).any(axis=0)]
    if len(np.unique(np.concatenate([first, second]))) < 2:
        return float("nan")
    return float(cohen_kappa_score(first, second))


def krippendorffs_alpha(table: np.ndarray, level: Level) -> float:
    """Krippendorff's alpha (Krippendorff 2011); shape (annotators, items), NaN where missing."""
    import krippendorff
    import numpy as np

    if len(np.unique(table[~np.isnan(table)])) < 2:
        return float("nan")
    return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))


def _table(items: Sequence[Mapping[str, int]], annotators: Sequence[str]) -> np.ndarray:
    import numpy as np

    rows = [[answers.get(name, np.nan) for answers in items] for name in annotators]
    return np.array(rows, dtype=float)  # (annotators, items)


def _estimate(statistic: Any, table: np.ndarray, seed: int, resamples: int) -> Estimate:
    """The statistic and its percentile interval over resampled items; resamples without variation are left out."""
    import numpy as np

    draws = np.random.default_rng(seed).integers(0, table.shape[1], size=(resamples, table.shape[1]))
    values = np.array([statistic(table[:, draw]) for draw in draws])
    values = values[~np.isnan(values)]
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(values, [tail, 100 - tail])
    return Estimate(statistic(table), float(low), float(high))
