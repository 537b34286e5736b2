"""Coefficients against published worked examples, and the states in which none is given."""

import math

import numpy as np
import pytest

from reasonrank.review.agreement import (
    LEAST_OVERLAP,
    agreement,
    cohens_kappa,
    krippendorffs_alpha,
    percent_agreement,
)

GAP = math.nan
# Krippendorff, Computing Krippendorff's Alpha-Reliability (2011), section C: four observers, twelve units, gaps.
KRIPPENDORFF_2011 = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, GAP, GAP, GAP],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, GAP, 3],
        [GAP, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, GAP],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, GAP],
    ]
)


def test_alpha_is_krippendorffs_own_example() -> None:
    assert krippendorffs_alpha(KRIPPENDORFF_2011, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert krippendorffs_alpha(KRIPPENDORFF_2011, "nominal") == pytest.approx(0.743, abs=5e-4)


def test_kappa_is_the_textbook_example() -> None:
    # Fifty proposals: both yes 20, both no 15, only the first yes 5, only the second yes 10. Kappa is 0.4.
    table = np.array([[1] * 20 + [0] * 15 + [1] * 5 + [0] * 10, [1] * 20 + [0] * 15 + [0] * 5 + [1] * 10], dtype=float)
    assert cohens_kappa(table) == pytest.approx(0.4)
    assert percent_agreement(table) == pytest.approx(0.7)


def test_percent_counts_pairs_and_gaps() -> None:
    # One item with 2 of 3 pairs unequal, one with its only pair equal, one with nobody to compare with.
    table = np.array([[0, 1, 2], [0, 1, GAP], [1, GAP, GAP]])
    assert percent_agreement(table) == pytest.approx(2 / 4)


def ratings(first: list[int], second: list[int]) -> dict[str, dict[str, int]]:
    return {f"i{n:02d}": {"Ada": a, "Bo": b} for n, (a, b) in enumerate(zip(first, second, strict=True))}


def test_too_little_overlap_gives_no_number() -> None:
    few = ratings([0, 1, 2] * 3, [0, 1, 2] * 3)
    assert len(few) == LEAST_OVERLAP - 1
    alone = {f"alone{n}": {"Cy": 1} for n in range(50)}
    found = agreement({**few, **alone})
    assert (found.state, found.items, found.annotators) == ("not_enough_overlap", 9, 2)
    assert (found.percent, found.kappa, found.alpha) == (None, None, None)


def test_the_same_answer_everywhere_has_no_coefficient() -> None:
    found = agreement(ratings([2] * 12, [2] * 12))
    assert found.state == "no_variation"
    assert found.percent is not None and found.percent.value == 1.0
    assert found.kappa is None and found.alpha is None


def test_intervals_hold_the_value_and_repeat() -> None:
    given = ratings([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2], [0, 1, 2, 0, 1, 2, 0, 2, 1, 1, 1, 2])
    found = agreement(given, resamples=200)
    assert found.state == "ok"
    for estimate in (found.percent, found.kappa, found.alpha):
        assert estimate is not None
        assert estimate.low <= estimate.value <= estimate.high
        assert estimate.low < estimate.high
    assert found == agreement(given, resamples=200)
    assert found.percent is not None and found.percent.value == pytest.approx(9 / 12)


def test_kappa_is_for_two_only() -> None:
    given = {f"i{n}": {"Ada": n % 3, "Bo": n % 3, "Cy": (n + 1) % 3} for n in range(12)}
    found = agreement(given, resamples=50)
    assert found.kappa is None
    assert found.alpha is not None
