"""A teacher's labels and order to what a ranking loss can read: gains, and a target distribution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

SHARPNESS = 4.0
"""Nats between two neighbouring grades in a target distribution."""
TIE = 0.25
"""Part of a grade that a whole ranking, from its first place to its last, may add."""


def ranking_gains(doc_ids: Sequence[str], ranking: Sequence[str]) -> list[float]:
    """Gains in [0, 1] from a bare ranking: evenly spaced places, best 1, worst 0; unranked documents get 0.

    >>> ranking_gains(["a", "b", "c", "x"], ["c", "a", "b"])
    [0.5, 0.0, 1.0, 0.0]
    """
    last = max(len(ranking) - 1, 1)
    place = {doc_id: 1 - rank / last for rank, doc_id in enumerate(ranking)}
    return [place.get(doc_id, 0.0) for doc_id in doc_ids]


def judged_target(
    doc_ids: Sequence[str],
    labels: Mapping[str, int],
    ranking: Sequence[str],
    *,
    sharpness: float = SHARPNESS,
    tie: float = TIE,
) -> list[float]:
    """Target distribution over documents: the softmax of ``sharpness * (label + tie * place)``.

    ``place`` is :func:`ranking_gains`, in [0, 1]. Labels dominate: the ranking moves a document by a quarter of a
    grade at most, so it only breaks ties, slightly. Documents without a label count as grade 0; without any label
    at all the ranking alone decides, on a span of one grade.

    >>> [round(share, 3) for share in judged_target(["a", "b"], {"a": 0, "b": 2}, ["b", "a"], tie=0)]
    [0.0, 1.0]
    >>> [round(share, 3) for share in judged_target(["a", "b"], {"a": 1, "b": 1}, ["b", "a"])]
    [0.269, 0.731]
    """
    places = ranking_gains(doc_ids, ranking)
    span = tie if labels else 1.0
    grades = [labels.get(doc_id, 0) + span * place for doc_id, place in zip(doc_ids, places, strict=True)]
    powers = [math.exp(sharpness * (grade - max(grades))) for grade in grades]
    return [power / math.fsum(powers) for power in powers]
