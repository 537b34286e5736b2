"""Records to token sequences: what the student reads, where it answers, and which tokens it should have said.

One sequence carries everything for a document: its grade prompt, whose last position is read for the ranking and
grade losses, and, where a reason is trained, the grade and the reason after it. The model is causal, so the
continuation cannot leak into the score.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from reasonrank.data import Document, Query
from reasonrank.encoding import encode, encode_choice
from reasonrank.errors import InputError
from reasonrank.prompts import (
    LABELS,
    SIDES,
    STOP,
    compare_prompt,
    comparison_target,
    grade_after_reason_prompt,
    grade_prompt,
    one_line,
    passage_text,
    reason_prompt,
)
from train.records import ComparisonText, SoftList, TeacherRecord
from train.targets import judged_target, ranking_gains

AFTER_LABEL = "\nReason:"
AFTER_SIDE = "\nBecause:"
CLEAR_RATIO = 2.0
"""A passage is clearly better for a query when its label, or its share of a soft target, is twice as high."""
Choice = Literal["grade", "late_grade", "side"]


@dataclass(frozen=True, slots=True)
class TokenSequence:
    """One sequence of tokens with its places to learn from.

    Args:
        ids: Token ids.
        choice: What is chosen: the grade, the grade after a reason, or a comparison's side.
        choice_at: Index of the chosen token; the logits at ``choice_at - 1`` choose it. It may be ``len(ids)``.
        choice_id: The right choice's token id, or None when it is not known.
        spans: Half-open index ranges of generated text to learn (a reason with its line end).
        shared: Length of the beginning that depends on the passage alone, or 0: sequences that share it are packed.
    """

    ids: tuple[int, ...]
    choice: Choice
    choice_at: int
    choice_id: int | None = None
    spans: tuple[tuple[int, int], ...] = ()
    shared: int = 0


@dataclass(frozen=True, slots=True)
class ListExample:
    """One query's list as the student trains on it.

    Args:
        query_id: The query.
        documents: A grade sequence a document.
        target: Target distribution over the documents.
        gains: What the documents are worth in pairs; None where only the distribution is known.
        extras: Sequences outside the list: reason first, and comparisons.
    """

    query_id: str
    documents: tuple[TokenSequence, ...]
    target: tuple[float, ...]
    gains: tuple[float, ...] | None = None
    extras: tuple[TokenSequence, ...] = ()


@dataclass(frozen=True, slots=True)
class DrawOptions:
    """How a judged list is drawn.

    Args:
        score_first: Share of draws that write the reason after the score; the others write it before.
        late_documents: Documents of a reason-first draw that get such a sequence.
        pair_orders: Orders of presentation in which a drawn comparison is trained (0, 1 or 2).
        clear_pairs: Share of draws that take a comparison between unequal labels where there is one.
        text_share: Share of groups whose texts (reasons, comparisons) are trained when they are drawn.
        crossed_pairs: Pairs of groups in a draw whose passages are compared for the queries of both.
        pair_share: Share of groups of which a comparison is drawn.
    """

    score_first: float = 0.75
    late_documents: int = 2
    pair_orders: int = 1
    clear_pairs: float = 0.75
    text_share: float = 1.0
    crossed_pairs: int = 0
    pair_share: float = 1.0


DEFAULT_DRAW = DrawOptions()


class SequenceWriter:
    """Writes token sequences with one tokenizer, passages cut at ``max_words`` words."""

    def __init__(self, tokenizer: Any, max_words: int) -> None:
        self.tokenizer = tokenizer
        self._max_words = max_words
        self.label_ids = tuple(encode_choice(tokenizer, grade_prompt("q", "p"), LABELS)[1])
        self.side_ids = tuple(encode_choice(tokenizer, compare_prompt("q", "p", "p"), SIDES)[1])

    def passage(self, document: Document) -> str:
        """The part of a document that is trained on."""
        return " ".join(passage_text(document.text, document.title).split(" ")[: self._max_words])

    def grade(self, query: Query, document: Document, label: int | None = None, reason: str = "") -> TokenSequence:
        """Score then reason; the reason is written only after a known label."""
        prompt = grade_prompt(query.text, self.passage(document))
        ids, choices = encode_choice(self.tokenizer, prompt, LABELS)
        choice_id = None if label is None else choices[label]
        return self._continued(ids, "grade", choice_id, AFTER_LABEL, reason, self._shared(prompt, 1, ids))

    def reason_first(self, query: Query, document: Document, reason: str, label: int | None) -> TokenSequence:
        """Reason then score: the reason and its line end are learned, then the grade and its line end."""
        passage = self.passage(document)
        start = len(encode(self.tokenizer, reason_prompt(query.text, passage)))
        prompt = grade_after_reason_prompt(query.text, passage, reason)
        ids, choices = encode_choice(self.tokenizer, prompt, LABELS)
        end = len(encode(self.tokenizer, prompt.rpartition("\n")[0] + STOP))
        shared = self._shared(prompt, 1, ids)
        if label is None:
            return TokenSequence(tuple(ids), "late_grade", len(ids), None, ((start, end),), shared)
        whole = [*ids, choices[label], *encode(self.tokenizer, STOP)]
        spans = ((start, end), (len(ids) + 1, len(whole)))
        return TokenSequence(tuple(whole), "late_grade", len(ids), choices[label], spans, shared)

    def compare(
        self, query: Query, first: Document, second: Document, side: int | None = None, text: str = ""
    ) -> TokenSequence:
        """A comparison: ``side`` is 0 when the first document is the better one; ``text`` argues for it."""
        prompt = compare_prompt(query.text, self.passage(first), self.passage(second))
        ids, choices = encode_choice(self.tokenizer, prompt, SIDES)
        shared = self._shared(prompt, 2, ids)
        if side is None:
            return TokenSequence(tuple(ids), "side", len(ids), shared=shared)
        return self._continued(ids, "side", choices[side], AFTER_SIDE, comparison_target(text, side), shared)

    def _continued(
        self, ids: list[int], choice: Choice, choice_id: int | None, template: str, text: str, shared: int = 0
    ) -> TokenSequence:
        text = one_line(text)
        if choice_id is None or not text:
            return TokenSequence(tuple(ids), choice, len(ids), choice_id, (), shared)
        whole = [*ids, choice_id, *encode(self.tokenizer, template)]
        start = len(whole)
        whole += encode(self.tokenizer, f" {text}") + encode(self.tokenizer, STOP)
        return TokenSequence(tuple(whole), choice, len(ids), choice_id, ((start, len(whole)),), shared)

    def _shared(self, prompt: str, lines: int, ids: Sequence[int]) -> int:
        """How many tokens the prompt's first lines are, which hold the passages and are the same for every query."""
        beginning = encode(self.tokenizer, "".join(prompt.splitlines(keepends=True)[:lines]))
        return len(beginning) if list(ids[: len(beginning)]) == beginning else 0


def soft_example(soft: SoftList, easy: Sequence[Document], writer: SequenceWriter) -> ListExample:
    """A list that is learned from its target distribution alone, with ``easy`` random passages of no share."""
    documents = tuple(writer.grade(soft.query, document) for document in (*soft.documents, *easy))
    target = tuple(soft.target[document.doc_id] for document in soft.documents)
    return ListExample(soft.query.query_id, documents, (*target, *(0.0 for _ in easy)))


def judged_example(
    record: TeacherRecord,
    easy: Sequence[Document],
    writer: SequenceWriter,
    draw: random.Random,
    options: DrawOptions = DEFAULT_DRAW,
    *,
    texts: bool = True,
) -> ListExample:
    """One draw of a judged list, with ``easy`` random passages as grade 0 at the end of its order.

    Without ``texts`` only order and grades are learned.
    """
    score_first = draw.random() < options.score_first
    known = {document.doc_id: usable_reason(record, document, writer) for document in record.documents}
    reasons = known if texts else dict.fromkeys(known, "")
    labels = {**record.labels, **({document.doc_id: 0 for document in easy} if record.labels else {})}
    documents = (*record.documents, *easy)
    sequences = tuple(
        writer.grade(record.query, doc, labels.get(doc.doc_id), reasons.get(doc.doc_id, "") if score_first else "")
        for doc in documents
    )
    extras: list[TokenSequence] = []
    if not score_first:
        explained = [document for document in record.documents if reasons[document.doc_id]]
        for document in draw.sample(explained, min(options.late_documents, len(explained))):
            doc_id = document.doc_id
            extras.append(writer.reason_first(record.query, document, reasons[doc_id], labels.get(doc_id)))
    ids = [document.doc_id for document in documents]
    gains = [float(labels.get(doc_id, "nan")) for doc_id in ids] if labels else ranking_gains(ids, record.ranking)
    target = judged_target(ids, labels, record.ranking)
    return ListExample(record.query.query_id, sequences, tuple(target), tuple(gains), tuple(extras))


def usable_reason(record: TeacherRecord, document: Document, writer: SequenceWriter) -> str:
    """The direct reason, unless its evidence lies in the part of the document that was cut off."""
    reason = record.reasons.get(document.doc_id)
    if reason is None:
        return ""
    whole, cut = passage_text(document.text, document.title), writer.passage(document)
    evidence = one_line(reason.evidence)
    return "" if evidence and evidence in whole and evidence not in cut else reason.direct


def comparison_sequences(
    records: Sequence[TeacherRecord],
    soft: Sequence[SoftList],
    writer: SequenceWriter,
    draw: random.Random,
    options: DrawOptions,
    *,
    texts: bool = True,
) -> list[TokenSequence]:
    """One comparison with its text, and the same two passages compared for every other query of the group.

    Without ``texts`` the side alone is learned.

    The other queries train the side alone, where their labels differ or a soft target is clear. All share the
    passages, so they are read once an order of presentation.
    """
    described = [record for record in records if record.comparisons]
    if not described or not options.pair_orders:
        return []
    record = draw.choice(described)
    clear = [comparison for comparison in record.comparisons if _is_clear(record, comparison)]
    prefer_clear = draw.random() < options.clear_pairs
    comparison = draw.choice(clear if clear and prefer_clear else list(record.comparisons))
    if not texts:
        comparison = replace(comparison, text="")
    by_id = {document.doc_id: document for document in record.documents}
    pair = (by_id[comparison.preferred_id], by_id[comparison.other_id])
    sequences = []
    for order in draw.sample((0, 1), min(options.pair_orders, 2)):
        sequences.append(comparison_sequence(record, comparison, order, writer))
        first, second = pair if order == 0 else pair[::-1]
        for query, worth in [(r.query, r.labels) for r in records if r is not record] + [
            (one.query, one.target) for one in soft
        ]:
            better = _clearly_better(worth, first.doc_id, second.doc_id)
            if better is not None:
                sequences.append(writer.compare(query, first, second, better))
    return sequences


def relevant_queries(
    records: Sequence[TeacherRecord], soft: Sequence[SoftList]
) -> tuple[tuple[Document, tuple[Query, ...]], ...]:
    """The documents of a group that are relevant to some of its queries, each with these queries.

    Relevant is a label above 0, or in a soft list at least twice an even share.
    """
    queries: dict[str, list[Query]] = {}
    documents: dict[str, Document] = {}
    for record in records:
        documents |= {document.doc_id: document for document in record.documents}
        for doc_id, label in record.labels.items():
            if label > 0:
                queries.setdefault(doc_id, []).append(record.query)
    for one in soft:
        documents |= {document.doc_id: document for document in one.documents}
        for doc_id, share in one.target.items():
            if share * len(one.documents) >= CLEAR_RATIO:
                queries.setdefault(doc_id, []).append(one.query)
    return tuple((documents[doc_id], tuple(found)) for doc_id, found in queries.items())


def crossed_sequences(
    one: Sequence[tuple[Document, tuple[Query, ...]]],
    other: Sequence[tuple[Document, tuple[Query, ...]]],
    writer: SequenceWriter,
    draw: random.Random,
) -> list[TokenSequence]:
    """A passage of each of two groups compared for the queries of both: the same prompt, and the query decides.

    These are the easy comparisons (only one of the two passages is about the query at all), in a random order of
    presentation. ``one`` and ``other`` are of :func:`relevant_queries`.
    """
    shown = [draw.choice(one), draw.choice(other)]
    draw.shuffle(shown)
    (first, _), (second, _) = shown
    return [writer.compare(query, first, second, side) for side, (_, queries) in enumerate(shown) for query in queries]


def _clearly_better(worth: Mapping[str, float], first_id: str, second_id: str) -> int | None:
    """0 when the first document is clearly worth more, 1 for the second, None where neither is or one is unknown."""
    first, second = worth.get(first_id), worth.get(second_id)
    if first is None or second is None or max(first, second) < CLEAR_RATIO * min(first, second) or first == second:
        return None
    return 0 if first > second else 1


def comparison_sequence(
    record: TeacherRecord, comparison: ComparisonText, side: int, writer: SequenceWriter
) -> TokenSequence:
    """A comparison with its preferred document shown on ``side`` (0 is A, 1 is B)."""
    by_id = {document.doc_id: document for document in record.documents}
    shown = [by_id[comparison.preferred_id], by_id[comparison.other_id]]
    first, second = shown if side == 0 else reversed(shown)
    return writer.compare(record.query, first, second, side, comparison.text)


def _is_clear(record: TeacherRecord, comparison: ComparisonText) -> bool:
    labels = [record.labels.get(doc_id) for doc_id in (comparison.preferred_id, comparison.other_id)]
    return None not in labels and labels[0] != labels[1]


def check_options(options: DrawOptions) -> None:
    """Raises :class:`InputError` where a share or a count cannot be meant."""
    shares = (options.score_first, options.clear_pairs, options.text_share, options.pair_share)
    if not all(0 <= share <= 1 for share in shares):
        raise InputError("--score-first and the flags that end in -share or -pairs are shares; give 0 to 1.")
    if options.pair_orders not in (0, 1, 2) or min(options.late_documents, options.crossed_pairs) < 0:
        raise InputError("--pair-orders is 0, 1 or 2, and counts of documents are not negative.")
