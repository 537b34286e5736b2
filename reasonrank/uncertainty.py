"""When the student is unsure: from a judgement or a comparison to named doubts, each a sentence."""

from __future__ import annotations

from dataclasses import dataclass

from reasonrank.data import Comparison, Judgement

LOW_LABEL_MASS = 0.5
"""Below this the student gave most of its probability to something that is no grade at all, so the three label
probabilities describe the smaller part of what it was about to say."""

MAJORITY = 0.5
"""A distribution over three grades in which none reaches this has no grade that is more likely than not."""

COIN_TOSS = 0.55
"""A preference below this is within a twentieth of a toss: over twenty such pairs, at most one more is right
than by chance, if the probability can be trusted."""

PROBABLY, CLEARLY = 0.65, 0.85
"""Where a preference stops being slight, and where it is clear: odds of about 2 to 1 and 6 to 1."""

HALF_A_GRADE = 0.5
"""A label further than this from the expected grade is not the grade that the expected grade rounds to."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """One reason for caution: a ``name`` for code, a ``label`` for a chip, a ``sentence`` for a reader."""

    name: str
    label: str
    sentence: str


def judgement_doubts(judgement: Judgement) -> tuple[Doubt, ...]:
    """What speaks against trusting a judgement; empty when nothing does."""
    doubts = []
    if judgement.label_mass < LOW_LABEL_MASS:
        doubts.append(
            Doubt(
                "low_label_mass",
                "hardly answering",
                f"Only {percent(judgement.label_mass)} of the student's probability went to a grade; "
                "the rest went to other words.",
            )
        )
    if judgement.bounded:
        grades = ", ".join(map(str, judgement.bounded))
        doubts.append(
            Doubt(
                "bounded_grades",
                "upper bound",
                f"The student's server did not list {'grade' if len(judgement.bounded) == 1 else 'the grades'} {grades}"
                " among the likeliest words, so the probability shown is the most that it can be.",
            )
        )
    if judgement.drawn:
        doubts.append(
            Doubt(
                "drawn_grades",
                "estimated",
                f"The probabilities are an estimate from {judgement.drawn} grades that the student drew; "
                "its server does not tell them.",
            )
        )
    if max(judgement.label_probabilities) < MAJORITY:
        doubts.append(
            Doubt("flat_distribution", "no clear grade", "No grade is more likely than the other two together.")
        )
    if abs(judgement.label - judgement.expected_grade) > HALF_A_GRADE:
        doubts.append(
            Doubt(
                "label_differs",
                "grade and score differ",
                f"The most probable grade is {judgement.label}, but the expected grade is "
                f"{judgement.expected_grade:.2f}. The reason argues for grade {judgement.label}.",
            )
        )
    return tuple(doubts)


def comparison_doubts(comparison: Comparison) -> tuple[Doubt, ...]:
    """What speaks against trusting a comparison; empty when nothing does."""
    doubts = []
    if not comparison.agrees_with_order:
        doubts.append(
            Doubt(
                "contradicts_order",
                "contradicts the order",
                "Compared side by side, the student prefers the one that stands lower in the list.",
            )
        )
    if comparison.flipped:
        doubts.append(
            Doubt(
                "flipped",
                "changes its mind",
                "The student changes its mind with the order of presentation.",
            )
        )
    elif comparison.probability < COIN_TOSS:
        doubts.append(Doubt("coin_toss", "almost a toss", "The student hardly prefers either of the two."))
    return tuple(doubts)


def certainty_word(probability: float) -> str:
    """How sure a preference of at least 0.5 is, as a word.

    >>> [certainty_word(p) for p in (0.51, 0.6, 0.7, 0.9)]
    ['hardly', 'slightly', 'probably', 'clearly']
    """
    if probability < COIN_TOSS:
        return "hardly"
    if probability < PROBABLY:
        return "slightly"
    return "probably" if probability < CLEARLY else "clearly"


def percent(share: float) -> str:
    """A share as whole per cent, without rounding the possible to the certain.

    >>> [percent(p) for p in (0.0, 0.001, 0.126, 0.999, 1.0)]
    ['0%', '<1%', '13%', '>99%', '100%']
    """
    whole = round(100 * share)
    if whole == 0 and share > 0:
        return "<1%"
    if whole == 100 and share < 1:
        return ">99%"
    return f"{whole}%"
