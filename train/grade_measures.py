"""How the student's grades stand to the labels of judged lists: error, order, accuracy, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from reasonrank.data import Judgement
from reasonrank.measures import figure
from train.observations import DocumentObservation, ListObservation
from train.records import TeacherRecord

BINS = 10


@dataclass(frozen=True, slots=True)
class JudgedList:
    """A judged list and what the student said of it."""

    record: TeacherRecord
    seen: ListObservation

    @property
    def list_id(self) -> str:
        return self.seen.query_id

    def labelled(self) -> list[tuple[DocumentObservation, int]]:
        """Each observed document with its label."""
        return [(one, self.record.labels[one.doc_id]) for one in self.seen.documents]


def grade_figures(lists: Sequence[JudgedList]) -> dict[str, Any]:
    """Figures over all documents of the lists.

    ``order`` is the share of pairs of unequal label that the expected grade puts the right way round (a tie counts
    half). ``calibration_error`` is of the most probable label (expected calibration error, 10 bins of equal width);
    ``grade_calibration_error`` of the expected grade: the mean distance, over bins of it, to the mean label there.
    """
    every = [(one.judgement, label) for judged in lists for one, label in judged.labelled()]
    top = [(max(said.label_probabilities), float(said.label == label)) for said, label in every]
    halves = [(said.expected_grade / 2, label / 2) for said, label in every]
    return {
        "error": figure({j.list_id: [abs(o.judgement.expected_grade - y) for o, y in j.labelled()] for j in lists}),
        "label_accuracy": figure({j.list_id: [float(o.judgement.label == y) for o, y in j.labelled()] for j in lists}),
        "order": figure({j.list_id: ordered_pairs([(o.judgement, y) for o, y in j.labelled()]) for j in lists}),
        "label_mass": figure({j.list_id: [o.judgement.label_mass for o in j.seen.documents] for j in lists}),
        "calibration_error": calibration_error(top),
        "grade_calibration_error": 2 * calibration_error(halves),
    }


def ordered_pairs(judged: Sequence[tuple[Judgement, int]]) -> list[float]:
    """1 for each pair of unequal label that stands the right way round, 0 for a wrong one, a half for a tie."""
    found = []
    for (one, label), (other, other_label) in combinations(judged, 2):
        if label != other_label:
            margin = (one.expected_grade - other.expected_grade) * (label - other_label)
            found.append(1.0 if margin > 0 else 0.5 if margin == 0 else 0.0)
    return found


def calibration_error(values: Sequence[tuple[float, float]], bins: int = BINS) -> float:
    """Expected calibration error (Guo et al. 2017): mean distance of prediction and outcome over bins of prediction.

    Args:
        values: Prediction and outcome, both in [0, 1].
        bins: Of equal width.

    >>> calibration_error([(0.75, 1.0), (0.75, 0.0), (0.15, 0.0), (0.15, 0.0)])
    0.2
    """
    if not values:
        return 0.0
    total = 0.0
    for number in range(bins):
        inside = [pair for pair in values if min(int(pair[0] * bins), bins - 1) == number]
        total += abs(sum(predicted - outcome for predicted, outcome in inside))
    return total / len(values)
