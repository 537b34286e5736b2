"""What leaving out the unsure would gain: risk against coverage, and the app's own doubts as such a rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reasonrank.measures import Figure, figure
from reasonrank.uncertainty import comparison_doubts, judgement_doubts
from train.grade_measures import JudgedList
from train.pair_measures import as_comparison

COVERAGES = tuple(share / 10 for share in range(1, 11))
ORDER_DOUBT = "contradicts_order"
"""Says something of the list, not of how sure the comparison is."""

Case = tuple[str, float, float, frozenset[str]]
"""list_id, confidence, risk (1 wrong, 0 right), names of the doubts."""


def abstention_figures(lists: Sequence[JudgedList]) -> dict[str, Any]:
    """For grades (risk: the most probable label is wrong) and for comparisons of unequal labels (the wrong one)."""
    grades: list[Case] = []
    pairs: list[Case] = []
    for judged in lists:
        labels = judged.record.labels
        for one, label in judged.labelled():
            doubts = frozenset(doubt.name for doubt in judgement_doubts(one.judgement))
            wrong = float(one.judgement.label != label)
            grades.append((judged.list_id, max(one.judgement.label_probabilities), wrong, doubts))
        for comparison in map(as_comparison, judged.seen.pairs):
            better, worse = labels[comparison.preferred_id], labels[comparison.other_id]
            if better != worse:
                doubts = frozenset(doubt.name for doubt in comparison_doubts(comparison)) - {ORDER_DOUBT}
                pairs.append((judged.list_id, comparison.probability, float(better < worse), doubts))
    return {"grades": _figures(grades), "comparisons": _figures(pairs)}


def _figures(cases: Sequence[Case]) -> dict[str, Any]:
    confidences, risks = [case[1] for case in cases], [case[2] for case in cases]
    sure, unsure = [case for case in cases if not case[3]], [case for case in cases if case[3]]
    return {
        "risk": _risk(cases),
        "curve": dict(zip(map(str, COVERAGES), risk_at(confidences, risks, COVERAGES), strict=True)) if cases else {},
        "area": area(confidences, risks) if cases else None,
        "least_area": area([-risk for risk in risks], risks) if cases else None,
        "without_doubts": {"coverage": len(sure) / len(cases) if cases else None, "risk": _risk(sure)},
        "with_doubts": {"risk": _risk(unsure)},
        "doubts": {
            name: {"share": sum(name in case[3] for case in cases) / len(cases),
                   "risk": _risk([case for case in cases if name in case[3]])}
            for name in sorted({name for case in cases for name in case[3]})
        },
    }  # fmt: skip


def _risk(cases: Sequence[Case]) -> Figure:
    found: dict[str, list[float]] = {}
    for list_id, _, risk, _ in cases:
        found.setdefault(list_id, []).append(risk)
    return figure(found)


def risk_at(confidences: Sequence[float], risks: Sequence[float], coverages: Sequence[float]) -> list[float]:
    """Mean risk of the surest share of cases, for each share; at least one case; equal confidences share their risk.

    >>> risk_at([0.9, 0.5, 0.5, 0.4], [0, 1, 0, 1], [0.25, 0.5, 1.0])
    [0.0, 0.25, 0.5]
    """
    running = _running_risks(confidences, risks)
    return [running[max(1, round(coverage * len(risks))) - 1] for coverage in coverages]


def area(confidences: Sequence[float], risks: Sequence[float]) -> float:
    """Area under the risk-coverage curve (AURC, Geifman et al. 2019): the mean of the risks at every coverage."""
    running = _running_risks(confidences, risks)
    return sum(running) / len(running)


def _running_risks(confidences: Sequence[float], risks: Sequence[float]) -> list[float]:
    """Mean risk of the surest 1, 2, ... cases, where cases of equal confidence each take their mean risk."""
    shared: dict[float, list[float]] = {}
    for confidence, risk in zip(confidences, risks, strict=True):
        shared.setdefault(confidence, []).append(risk)
    found: list[float] = []
    total = 0.0
    for confidence in sorted(shared, reverse=True):
        equal = shared[confidence]
        for _ in equal:
            total += sum(equal) / len(equal)
            found.append(total / (len(found) + 1))
    return found
