"""What two retrievers found for a question, to a training list: likely positives, tempting negatives, random ones."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from reasonrank.data import Candidate, Document, Query
from reasonrank.errors import InputError
from reasonrank.prompts import one_line
from reasonrank.retrieval.fusion import reciprocal_rank_fusion

SHINGLE = 3
ALIKE = 0.85
"""A retrieved passage that shares this part of its runs of three words with a positive is a copy of it, no negative.

Passages made from one template, about different things, share less, and are the most tempting of negatives.
"""


@dataclass(frozen=True, slots=True)
class MiningOptions:
    """What a list is made of.

    Args:
        positives: Likely positives a list at most, those that the retrievers rank highest.
        tempting: Negatives drawn from the top ``pool`` of what was retrieved.
        pool: How deep tempting negatives are drawn from.
        easy: Passages drawn at random from those that were not retrieved at all.
        depth: How deep each retriever is asked.
        seed: Decides every draw, together with the query_id.
    """

    positives: int = 2
    tempting: int = 4
    pool: int = 30
    easy: int = 2
    depth: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        if self.positives < 1 or self.pool < self.tempting or min(self.tempting, self.easy) < 0:
            raise InputError("--positives is at least 1, --tempting and --easy at least 0, --pool at least --tempting.")
        if self.depth < self.pool:
            raise InputError(f"--depth is {self.depth}; it must not be below --pool, {self.pool}.")


@dataclass(frozen=True, slots=True)
class MinedList:
    """A query with candidates and what is thought of them.

    Args:
        query: The question.
        documents: Best first by what was retrieved; those that were not retrieved stand last.
        scores: Fused score by doc_id; 0 for what was not retrieved.
        positives: doc_ids of the likely positives, best first.
        tempting: doc_ids of the retrieved others.
        easy: doc_ids of the random ones.
        recalled: Whether any known positive was retrieved.
    """

    query: Query
    documents: tuple[Document, ...]
    scores: Mapping[str, float]
    positives: tuple[str, ...]
    tempting: tuple[str, ...]
    easy: tuple[str, ...]
    recalled: bool


def mine(
    query: Query,
    found: Mapping[str, Sequence[Candidate]],
    known: Collection[str],
    corpus: Mapping[str, Document],
    ids: Sequence[str],
    options: MiningOptions,
) -> MinedList | None:
    """The list of a question, or None where the corpus has none of what the question is known for.

    Args:
        query: The question.
        found: Candidates by retriever and query text, best first.
        known: doc_ids that answer the question.
        corpus: Documents by doc_id.
        ids: The corpus's doc_ids in a fixed order.
        options: What a list is made of.
    """
    known_ids = [doc_id for doc_id in known if doc_id in corpus]
    if not known_ids:
        return None
    rankings = {name: [one.document.doc_id for one in listed] for name, listed in found.items()}
    scores = dict(reciprocal_rank_fusion(rankings))
    draw = random.Random(f"{options.seed} {query.query_id}")
    place = {doc_id: rank for rank, doc_id in enumerate(scores)}
    positives = sorted(known_ids, key=lambda doc_id: place.get(doc_id, len(place)))[: options.positives]
    around = [shingles(corpus[doc_id].text) for doc_id in known_ids]
    others = [doc_id for doc_id in scores if doc_id not in known_ids]
    pool = [doc_id for doc_id in others[: options.pool] if not is_like(corpus[doc_id].text, around)]
    tempting = sorted(draw.sample(pool, min(options.tempting, len(pool))), key=place.__getitem__)
    easy = _strangers(ids, {*scores, *known_ids}, draw, options.easy)
    chosen = sorted((*positives, *tempting, *easy), key=lambda doc_id: (-scores.get(doc_id, 0.0), doc_id))
    return MinedList(
        query,
        tuple(corpus[doc_id] for doc_id in chosen),
        {doc_id: scores.get(doc_id, 0.0) for doc_id in chosen},
        tuple(positives),
        tuple(tempting),
        tuple(easy),
        any(doc_id in place for doc_id in known_ids),
    )


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """Runs of three words of a text; of a shorter text all its words as one run."""
    words = one_line(text).casefold().split()
    return frozenset(tuple(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1)))


def is_like(text: str, others: Sequence[frozenset[tuple[str, ...]]]) -> bool:
    """Whether a text shares most of its runs of words with one of ``others``, so that it says the same.

    >>> is_like("Cats sleep for sixteen hours.", [shingles("All cats sleep for sixteen hours. They purr.")])
    True
    """
    own = shingles(text)
    return any(len(own & other) >= ALIKE * min(len(own), len(other)) for other in others)


def _strangers(ids: Sequence[str], taken: Collection[str], draw: random.Random, count: int) -> list[str]:
    """Random ids outside ``taken``; drawn one by one, so that a large corpus is not gone through for each list."""
    strangers: list[str] = []
    for _ in range(20 * count):
        if len(strangers) == count:
            break
        doc_id = draw.choice(ids)
        if doc_id not in taken and doc_id not in strangers:
            strangers.append(doc_id)
    return strangers
