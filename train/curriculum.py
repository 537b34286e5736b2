"""Which lists are drawn when: a pure function of the seed and the draw's number, so that training resumes anywhere.

A draw is one or more *groups*. A group is all that is known of the same few passages: the judged lists over them
(a query and its contrast) and some of the soft lists. Drawing it whole lets every passage be read once for all its
queries (:mod:`train.packing`), and the passages of the draw's other groups are easy negatives at the price of a
query each. The first groups train order and grades alone; texts join when the order has begun to be learned.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from torch.utils.data import Dataset

from reasonrank.data import Document
from reasonrank.errors import InputError
from train.examples import (
    DEFAULT_DRAW,
    DrawOptions,
    ListExample,
    SequenceWriter,
    TokenSequence,
    comparison_sequences,
    crossed_sequences,
    judged_example,
    relevant_queries,
    soft_example,
)
from train.records import SoftList, TeacherRecord

Value = TypeVar("Value")
OWN_SHARE = 0.5
"""A soft list belongs to the judged group that holds at least this share of its documents."""


@dataclass(frozen=True, slots=True)
class Group:
    """Lists over the same passages."""

    documents: tuple[Document, ...]
    judged: tuple[TeacherRecord, ...] = ()
    soft: tuple[SoftList, ...] = ()


def group_lists(judged: Sequence[TeacherRecord], soft: Sequence[SoftList]) -> list[Group]:
    """Judged lists over the same documents together, each soft list with the group that holds most of it.

    A soft list keeps the documents of its group only (its others are strangers, which the easy negatives stand in
    for), with its target normalised anew. One that belongs to no judged group is a group of its own.
    """
    groups: dict[frozenset[str], Group] = {}
    home: dict[str, frozenset[str]] = {}
    for record in judged:
        key = frozenset(document.doc_id for document in record.documents)
        group = groups.setdefault(key, Group(record.documents))
        groups[key] = replace(group, judged=(*group.judged, record))
        home.update(dict.fromkeys(key, key))
    for one in soft:
        homes = [home[document.doc_id] for document in one.documents if document.doc_id in home]
        key = max(sorted(set(homes), key=sorted), key=homes.count, default=frozenset())
        own = tuple(document for document in one.documents if document.doc_id in key)
        share = sum(one.target[document.doc_id] for document in own)
        if len(own) < OWN_SHARE * len(one.documents) or share <= 0:
            groups[frozenset({f"\0{one.query.query_id}"})] = Group(one.documents, soft=(one,))
            continue
        target = {document.doc_id: one.target[document.doc_id] / share for document in own}
        groups[key] = replace(groups[key], soft=(*groups[key].soft, replace(one, documents=own, target=target)))
    return list(groups.values())


def shuffled(values: Sequence[Value], number: int, seed: int, name: str) -> Value:
    """Value ``number`` of an endless sequence that goes through ``values`` in a new order each time round."""
    epoch, place = divmod(number, len(values))
    order = list(range(len(values)))
    random.Random(f"{seed} {name} {epoch}").shuffle(order)
    return values[order[place]]


class Curriculum(Dataset[list[ListExample]]):
    """The endless draws, cut at ``draws``.

    A draw whose texts are trained brings one question with the search queries to be written for it.

    Args:
        soft: Lists with a target distribution; may be empty.
        judged: Teacher records; may be empty, not both.
        writer: Turns documents into sequences.
        draws: Length of this data set; it changes no draw.
        groups: Groups a draw.
        soft_lists: At most so many soft lists drawn with a group.
        judged_lists: At most so many judged lists drawn with a group; 0 takes them all.
        easy_negatives: So many passages of the draw's other groups join each list.
        warm: How many groups train no texts.
        seed: Decides every draw.
        options: How a judged list is drawn.
        written: Questions with their search queries as sequences (:mod:`train.query_writing`); may be empty.
    """

    def __init__(
        self,
        soft: Sequence[SoftList],
        judged: Sequence[TeacherRecord],
        writer: SequenceWriter,
        *,
        draws: int,
        groups: int = 2,
        soft_lists: int = 2,
        judged_lists: int = 0,
        easy_negatives: int = 3,
        warm: int = 0,
        seed: int = 0,
        options: DrawOptions = DEFAULT_DRAW,
        written: Sequence[TokenSequence] = (),
    ) -> None:
        if not soft and not judged:
            raise InputError("No list to train on is left; give --soft or --judged files with more lists.")
        self._groups, self._writer, self._draws = group_lists(judged, soft), writer, draws
        self._size, self._easy, self._warm = groups, easy_negatives, warm
        self._soft, self._judged = soft_lists, judged_lists or len(judged)
        self._seed, self._options, self._written = seed, options, written

    def __len__(self) -> int:
        return self._draws

    def __getitem__(self, number: int) -> list[ListExample]:
        draw = random.Random(f"{self._seed} draw {number}")
        first = number * self._size
        numbers = range(first, first + self._size)
        groups = [shuffled(self._groups, one, self._seed, "groups") for one in numbers]
        groups = [
            replace(one, judged=_some(one.judged, self._judged, draw), soft=_some(one.soft, self._soft, draw))
            for one in groups
        ]
        examples: list[ListExample] = []
        for group in groups:
            own = {document.doc_id for document in group.documents}
            others = {doc.doc_id: doc for other in groups for doc in other.documents if doc.doc_id not in own}
            easy = draw.sample(list(others.values()), min(self._easy, len(others)))
            texts = first >= self._warm and draw.random() < self._options.text_share
            examples += self._lists(group, easy, draw, texts=texts)
        extras = self._crossed(groups, draw)
        if self._written and any(seq.spans for one in examples for seq in (*one.documents, *one.extras)):
            extras.append(shuffled(self._written, number, self._seed, "queries"))
        examples[0] = replace(examples[0], extras=(*examples[0].extras, *extras))
        return examples

    def _lists(self, group: Group, easy: Sequence[Document], draw: random.Random, *, texts: bool) -> list[ListExample]:
        judged = [
            judged_example(record, easy, self._writer, draw, self._options, texts=texts) for record in group.judged
        ]
        examples = judged + [soft_example(one, easy, self._writer) for one in group.soft]
        if judged and draw.random() < self._options.pair_share:
            compared = comparison_sequences(group.judged, group.soft, self._writer, draw, self._options, texts=texts)
            examples[0] = replace(examples[0], extras=(*examples[0].extras, *compared))
        return examples

    def _crossed(self, groups: Sequence[Group], draw: random.Random) -> list[TokenSequence]:
        relevant = [relevant_queries(group.judged, group.soft) for group in groups]
        pairs = [
            (one, other)
            for one, other in itertools.combinations(range(len(groups)), 2)
            if relevant[one] and relevant[other] and not set(groups[one].documents) & set(groups[other].documents)
        ]
        chosen = draw.sample(pairs, min(self._options.crossed_pairs, len(pairs)))
        return [
            sequence
            for one, other in chosen
            for sequence in crossed_sequences(relevant[one], relevant[other], self._writer, draw)
        ]


def _some(lists: tuple[Value, ...], most: int, draw: random.Random) -> tuple[Value, ...]:
    return lists if len(lists) <= most else tuple(draw.sample(lists, most))
