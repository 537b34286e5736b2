"""How far two orders of documents agree: rank-biased overlap, Kendall's tau, and what the tops share, also in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from scipy.stats import kendalltau  # here, not at first use: that would be while a reader waits for the order

PERSISTENCE = 0.9
"""The p of rank-biased overlap: 86% of its weight lies on the first ten places."""
TOP = 10


@dataclass(frozen=True, slots=True)
class Agreement:
    """Agreement of two orders.

    Args:
        rbo: Rank-biased overlap, in [0, 1]; 1 for the same order.
        tau: Kendall's tau over the documents that both lists have, in [-1, 1]; None where they share fewer than two.
        shared: Documents that are in the first ``depth`` places of both.
        depth: At most :data:`TOP`.
    """

    rbo: float
    tau: float | None
    shared: int
    depth: int


def agreement(one: Sequence[str], other: Sequence[str], top: int = TOP) -> Agreement:
    """How far two lists of doc_ids, best first, agree."""
    depth = min(top, max(len(one), len(other)))
    return Agreement(
        rank_biased_overlap(one, other), kendall_tau(one, other), len({*one[:depth]} & {*other[:depth]}), depth
    )


def rank_biased_overlap(one: Sequence[str], other: Sequence[str], p: float = PERSISTENCE) -> float:
    """Extrapolated rank-biased overlap to the depth of the shorter list (equation 32 there).

    Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", TOIS 2010. Written out because the
    package ``rbo`` holds numpy below 2, which Pyserini cannot use.

    >>> rank_biased_overlap("ab", "ba"), rank_biased_overlap("abc", "abc"), rank_biased_overlap("ab", "cd")
    (0.9, 1.0, 0.0)
    """
    depth = min(len(one), len(other))
    if depth == 0:
        return 1.0 if len(one) == len(other) else 0.0
    total, share = 0.0, 0.0
    for d in range(1, depth + 1):
        share = len({*one[:d]} & {*other[:d]}) / d
        total += share * p**d
    return round(share * p**depth + (1 - p) / p * total, 12)


def kendall_tau(one: Sequence[str], other: Sequence[str]) -> float | None:
    """Kendall's tau over the documents in both lists; None where there are fewer than two."""
    places = {doc_id: place for place, doc_id in enumerate(other)}
    ranks = [places[doc_id] for doc_id in one if doc_id in places]
    if len(ranks) < 2:
        return None
    return float(kendalltau(range(len(ranks)), ranks).statistic)


def in_words(found: Agreement) -> list[str]:
    """The agreement as sentences that need no statistics, each with its number at the end.

    >>> in_words(Agreement(0.9, -1.0, 2, 2))[0]
    'The same 2 documents are on top in both lists.'
    """
    top = f"{found.shared} of the first {found.depth} are the same documents in both lists."
    if found.shared == found.depth:
        top = f"The same {found.depth} documents are on top in both lists."
    sentences = [top]
    if found.tau is not None:
        share = round(100 * (found.tau + 1) / 2)
        sentences.append(
            f"Of any two documents, {share}% stand in the same order in both (Kendall’s tau {signed(found.tau)})."
        )
    sentences.append(
        f"With the first places counting most, the lists are {_closeness(found.rbo)} "
        f"(rank-biased overlap {found.rbo:.2f} of 1)."
    )
    return sentences


def signed(value: float) -> str:
    """
    >>> signed(0.42), signed(-0.5)
    ('0.42', '−0.50')
    """
    return f"{value:.2f}".replace("-", "−")


def _closeness(rbo: float) -> str:
    if rbo >= 0.995:
        return "the same"
    return "nearly the same" if rbo >= 0.85 else "alike in part" if rbo >= 0.6 else "quite different"
