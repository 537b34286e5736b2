"""Doubts of judgements and comparisons, at and on either side of each threshold."""

import pytest

from reasonrank.data import Comparison, Judgement
from reasonrank.uncertainty import comparison_doubts, judgement_doubts


@pytest.mark.parametrize(
    ("probabilities", "mass", "names"),
    [
        ((0.05, 0.15, 0.8), 0.95, []),
        ((0.05, 0.15, 0.8), 0.5, []),  # at the threshold there is no doubt yet
        ((0.05, 0.15, 0.8), 0.49, ["low_label_mass"]),
        ((0.0, 0.5, 0.5), 0.95, []),  # label 1, expected 1.5: halfway rounds either way
        ((0.3, 0.4, 0.3), 0.95, ["flat_distribution"]),
        ((0.45, 0.1, 0.45), 0.95, ["flat_distribution", "label_differs"]),  # label 0, expected 1.0
        ((0.51, 0.0, 0.49), 0.95, ["label_differs"]),  # label 0, expected 0.98
        ((1 / 3, 1 / 3, 1 / 3), 0.1, ["low_label_mass", "flat_distribution", "label_differs"]),
    ],
)
def test_judgement_doubts(probabilities, mass, names):
    assert [doubt.name for doubt in judgement_doubts(Judgement(probabilities, mass))] == names


@pytest.mark.parametrize(
    ("probability", "flipped", "agrees", "names"),
    [
        (0.9, False, True, []),
        (0.55, False, True, []),
        (0.54, False, True, ["coin_toss"]),
        (0.54, True, True, ["flipped"]),  # that it flips says why it is almost a toss
        (0.9, False, False, ["contradicts_order"]),
        (0.52, True, False, ["contradicts_order", "flipped"]),
    ],
)
def test_comparison_doubts(probability, flipped, agrees, names):
    comparison = Comparison("a", "b", "text", probability, (probability, probability), flipped, agrees, "ok")
    assert [doubt.name for doubt in comparison_doubts(comparison)] == names


def test_sentences_name_their_figures():
    doubts = judgement_doubts(Judgement((0.51, 0.0, 0.49), 0.124))
    assert [doubt.sentence for doubt in doubts] == [
        "Only 12% of the student's probability went to a grade; the rest went to other words.",
        "The most probable grade is 0, but the expected grade is 0.98. The reason argues for grade 0.",
    ]
