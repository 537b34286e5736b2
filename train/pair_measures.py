"""How honest the student's comparisons are: right, steady under the order of presentation, and without cycles."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from statistics import fmean
from typing import Any

from reasonrank.data import Comparison
from reasonrank.measures import figure
from train.grade_measures import JudgedList
from train.observations import ListObservation, PairObservation


def pair_figures(lists: Sequence[JudgedList]) -> dict[str, Any]:
    """Figures over the pairs among the top ten of each list.

    ``preferred_right``: the document of the higher label is preferred, of pairs with unequal labels (the mean of
    both orders of presentation decides, as in the app). ``right_when_shown_once``: the same for each order of
    presentation by itself. ``flips``: the two orders choose differently. ``first_shown_chosen``: 0.5 would be free of
    bias. ``agrees_with_grades``: the preference follows the student's own order. ``cycles``: of three documents, the
    share of triples that are preferred in a circle.
    """
    unequal = {j.list_id: [(pair, _margin(j, pair)) for pair in j.seen.pairs if _margin(j, pair)] for j in lists}
    pairs = {j.list_id: j.seen.pairs for j in lists}
    return {
        "preferred_right": figure(
            {key: [float((mean(pair) >= 0.5) == (m > 0)) for pair, m in of] for key, of in unequal.items()}
        ),
        "right_when_shown_once": figure(
            {
                key: [float((p >= 0.5) == (m > 0)) for pair, m in of for p in pair.by_order]
                for key, of in unequal.items()
            }
        ),
        "flips": figure({key: [float(flipped(pair)) for pair in of] for key, of in pairs.items()}),
        "flips_of_unequal": figure({key: [float(flipped(pair)) for pair, _ in of] for key, of in unequal.items()}),
        "first_shown_chosen": figure(
            {key: [c for q in of for c in (float(q.by_order[0] >= 0.5), float(q.by_order[1] < 0.5))]
             for key, of in pairs.items()}
        ),
        "agrees_with_grades": figure({key: [float(mean(pair) >= 0.5) for pair in of] for key, of in pairs.items()}),
        "cycles": figure({j.list_id: cycles(j.seen) for j in lists}),
    }  # fmt: skip


def mean(pair: PairObservation) -> float:
    """Probability that the first document is the better one, over both orders of presentation."""
    return fmean(pair.by_order)


def flipped(pair: PairObservation) -> bool:
    """Whether the two orders of presentation choose different documents."""
    return (pair.by_order[0] >= 0.5) != (pair.by_order[1] >= 0.5)


def cycles(seen: ListObservation) -> list[float]:
    """For every three documents whose pairs were all asked: 1 if they are preferred in a circle, else 0."""
    above = {(pair.first_id, pair.second_id): mean(pair) >= 0.5 for pair in seen.pairs}
    above |= {(second, first): not chosen for (first, second), chosen in above.items()}
    ids = sorted({doc_id for pair in above for doc_id in pair})
    found = []
    for a, b, c in combinations(ids, 3):
        if (a, b) in above and (b, c) in above and (c, a) in above:
            found.append(float(above[a, b] == above[b, c] == above[c, a]))
    return found


def as_comparison(pair: PairObservation) -> Comparison:
    """The pair as the app has it, without its text; the first document is the upper one of the student's order."""
    agrees = mean(pair) >= 0.5
    first, second = (pair.first_id, pair.second_id) if agrees else (pair.second_id, pair.first_id)
    p, q = pair.by_order
    by_order = (p, q) if agrees else (1 - q, 1 - p)
    return Comparison(first, second, "", fmean(by_order), by_order, flipped(pair), agrees, "not_requested")


def _margin(judged: JudgedList, pair: PairObservation) -> int:
    return judged.record.labels[pair.first_id] - judged.record.labels[pair.second_id]
