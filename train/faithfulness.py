"""Whether the cited sentence is what the score rests on: deleted, against another one, and read alone.

Comprehensiveness and sufficiency as in ERASER (DeYoung et al. 2020, arXiv 1911.03429, section 4), of the expected
grade at the first answer position, each beside the same for a sentence of the document drawn at random.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

from reasonrank.measures import figure, paired_p_value
from train.grade_measures import JudgedList
from train.observations import Cited


def faithfulness_figures(lists: Sequence[JudgedList]) -> dict[str, Any]:
    """Figures over all documents with a measured sentence, and over those that the teacher grades 1 or 2.

    A document of grade 0 has little to fall from, so the second set is where the measure can speak. ``measured`` is
    the share of documents that have a cited sentence beside another one and were read whole.
    """
    measured = figure({j.list_id: [float(o.cited is not None) for o in j.seen.documents] for j in lists})
    return {
        "measured": measured,
        "all": _figures(lists, least=0),
        "relevant": _figures(lists, least=1),
    }


def _figures(lists: Sequence[JudgedList], least: int) -> dict[str, Any]:
    cited = {j.list_id: [o.cited for o, y in j.labelled() if o.cited is not None and y >= least] for j in lists}

    def of(value: Callable[[Cited], float]) -> dict[str, list[float]]:
        return {key: [value(one) for one in found] for key, found in cited.items()}

    def p(ours: Callable[[Cited], float], theirs: Callable[[Cited], float]) -> float | None:
        means = [{key: fmean(found) for key, found in of(value).items() if found} for value in (ours, theirs)]
        return paired_p_value(means[0], means[1]) if means[0] else None

    return {
        "score": figure(of(lambda one: one.whole)),
        "fall_without_cited": figure(of(lambda one: one.whole - one.without)),
        "fall_without_other": figure(of(lambda one: one.whole - one.without_other)),
        "difference_of_falls": figure(of(lambda one: one.without_other - one.without)),
        "p_of_falls": p(lambda one: one.without_other, lambda one: one.without),
        "score_of_cited_alone": figure(of(lambda one: one.alone)),
        "score_of_other_alone": figure(of(lambda one: one.other_alone)),
        "p_of_alone": p(lambda one: one.alone, lambda one: one.other_alone),
    }
