"""Measures against figures counted by hand; every judged query counts, also one without a list."""

import math

import pytest

from reasonrank.measures import interval, means, paired_p_value, per_query

QRELS = {"q": {"a": 2, "b": 1, "c": 0}, "r": {"x": 1, "y": 0}, "s": {"z": 2}}


def test_hand_counted_figures() -> None:
    run = {"q": ["c", "b", "a", "unjudged"], "r": ["y", "x"]}  # s has no list at all
    values = per_query(run, QRELS)
    ideal = 2 / math.log2(2) + 1 / math.log2(3)
    ours = 1 / math.log2(3) + 2 / math.log2(4)
    assert values["nDCG@10"] == pytest.approx({"q": ours / ideal, "r": 1 / math.log2(3), "s": 0.0})
    assert values["RR@10"] == pytest.approx({"q": 1 / 2, "r": 1 / 2, "s": 0.0})
    assert values["P@5"] == pytest.approx({"q": 2 / 5, "r": 1 / 5, "s": 0.0})
    assert values["AP@100"] == pytest.approx({"q": (1 / 2 + 2 / 3) / 2, "r": 1 / 2, "s": 0.0})
    assert means(values)["RR@10"] == pytest.approx(1 / 3)


def test_the_cutoff_moves_what_counts_as_relevant_but_not_ndcg() -> None:
    run = {"q": ["b", "a"]}
    strict, lenient = per_query(run, QRELS, cutoff=2), per_query(run, QRELS, cutoff=1)
    assert (strict["RR@10"]["q"], lenient["RR@10"]["q"]) == (1 / 2, 1.0)
    assert strict["nDCG@10"] == lenient["nDCG@10"]


def test_queries_that_nobody_judged_are_not_counted() -> None:
    assert set(per_query({"q": ["a"], "stranger": ["a"]}, QRELS)["nDCG@10"]) == set(QRELS)


def test_our_order_decides_whatever_the_evaluators_rule_for_ties() -> None:
    assert per_query({"r": ["x", "y"]}, QRELS)["nDCG@10"]["r"] == 1.0
    assert per_query({"r": ["y", "x"]}, QRELS)["nDCG@10"]["r"] < 1.0


def test_interval_holds_the_mean_and_repeats() -> None:
    values = [0.1, 0.5, 0.9, 0.4, 0.6]
    found = interval(values)
    assert found.mean == pytest.approx(0.5)
    assert found.low < found.mean < found.high
    assert interval(values) == found
    assert interval([0.3, 0.3]).low == interval([0.3, 0.3]).high == 0.3


def test_paired_test_sees_a_steady_difference_and_no_other() -> None:
    ours = {str(n): 0.5 + 0.01 * n for n in range(12)}
    better = {query: value + 0.1 for query, value in ours.items()}
    mixed = {query: value + (0.1 if int(query) % 2 else -0.1) for query, value in ours.items()}
    assert paired_p_value(ours, better) < 0.01
    assert paired_p_value(ours, mixed) > 0.5
    assert paired_p_value(ours, ours) == 1.0
