"""Hold the sample collection to what its datasheet says: ``python -m train.collection_check``.

Prints every figure with its bound, then the closest pairs of passages, and ends with exit code 1 if a bound is
broken. Runs in continuous integration; needs the packaged encoder.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reasonrank.data import Document
from reasonrank.encoder import Encoder, load_encoder
from reasonrank.errors import ReasonRankError
from reasonrank.measures import means, per_query
from reasonrank.prompts import one_line, passage_text
from reasonrank.retrieval.store import open_retriever
from reasonrank.settings import Settings
from train.collection import Collection, read_collection
from train.records import TeacherRecord

SAME = 0.90
"""Cosine from which two texts count as saying the same."""
SHINGLE = 5
SHARED_SHINGLES = 0.10
"""Jaccard overlap of five-word shingles from which two texts count as near-duplicates."""


@dataclass(frozen=True)
class Check:
    """One figure and its bound: ``low <= value <= high``."""

    name: str
    value: float
    low: float = float("-inf")
    high: float = float("inf")

    @property
    def holds(self) -> bool:
        return self.low <= self.value <= self.high

    def line(self) -> str:
        bounds = [f"at least {self.low:g}"] if self.low > float("-inf") else []
        bounds += [f"at most {self.high:g}"] if self.high < float("inf") else []
        sign = "ok  " if self.holds else "FAIL"
        return f"{sign} {self.name}: {self.value:g}" + (f" ({' and '.join(bounds)})" if bounds else "")


def shingles(text: str) -> frozenset[tuple[str, ...]]:
    """All runs of five words, in lower case."""
    words = text.lower().split()
    return frozenset(tuple(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1))


def jaccard(one: frozenset[Any], other: frozenset[Any]) -> float:
    """Overlap of two sets, in [0, 1].

    >>> jaccard(frozenset("ab"), frozenset("bc"))
    0.3333333333333333
    """
    return len(one & other) / len(one | other) if one or other else 0.0


def most_shared(ours: Sequence[str], theirs: Sequence[str] | None = None) -> float:
    """The largest shingle overlap between two texts (of one list, or across two)."""
    left = [shingles(text) for text in ours]
    if theirs is None:
        return max((jaccard(a, b) for n, a in enumerate(left) for b in left[:n]), default=0.0)
    right = [shingles(text) for text in theirs]
    return max((jaccard(a, b) for a in left for b in right), default=0.0)


def words(text: str) -> int:
    return len(text.split())


def check_corpus(collection: Collection, encoder: Encoder) -> Iterator[Check]:
    """Passages: how many, how long, from which fields, and how far apart."""
    documents = collection.corpus.documents
    lengths = [words(document.text) for document in documents]
    yield Check("passages", len(documents), low=400)
    yield Check("fields", len({p.field for p in collection.passages.values()}), low=10)
    yield Check("words of the shortest passage", min(lengths), low=60)
    yield Check("words of the longest passage", max(lengths), high=150)
    yield Check("passages without a source", sum(not p.source.strip() for p in collection.passages.values()), high=0)
    yield Check("titles used twice", len(documents) - len({d.title.lower() for d in documents}), high=0)
    vectors = encoder.encode([passage_text(d.text, d.title) for d in documents])
    close = vectors @ vectors.T  # (passages, passages)
    close[range(len(close)), range(len(close))] = 0
    yield Check("closest two passages, cosine", round(float(close.max()), 3), high=SAME)
    yield Check(
        "closest two passages, shingles", round(most_shared([d.text for d in documents]), 3), high=SHARED_SHINGLES
    )


def check_questions(collection: Collection) -> Iterator[Check]:
    """Test questions and their grades."""
    qrels, ids = collection.corpus.qrels, collection.corpus.by_id
    grades = Counter(grade for of in qrels.values() for grade in of.values())
    per_field = Counter(collection.fields[query.query_id] for query in collection.corpus.queries)
    yield Check("test questions", len(collection.corpus.queries), low=80)
    yield Check("fewest questions of a field", min(per_field.values()), low=5)
    unknown = [d for of in qrels.values() for d in of if d not in ids]
    yield Check("graded passages that do not exist", len(unknown), high=0)
    queries = {query.query_id for query in collection.corpus.queries}
    yield Check("questions without grades, or grades without a question", len(queries ^ qrels.keys()), high=0)
    for grade in (0, 1, 2):
        yield Check(f"grades of {grade}", grades[grade], low=80)
    without = sum(2 not in of.values() for of in qrels.values())
    yield Check("questions without a fully relevant passage", without, high=0)


def check_agreement(collection: Collection) -> Iterator[Check]:
    """Author against blind judge, over the passages that the author graded and over the whole pool."""
    from sklearn.metrics import cohen_kappa_score

    author, blind = collection.author, collection.blind
    graded = [(query, doc) for query, of in author.items() for doc in of]
    missing = [pair for pair in graded if pair[1] not in blind.get(pair[0], {})]
    yield Check("author's grades that no blind judge gave", len(missing), high=0)
    pairs = [(author[q][d], blind[q][d]) for q, d in graded if (q, d) not in set(missing)]
    pool = [(author.get(q, {}).get(d, 0), grade) for q, of in blind.items() for d, grade in of.items()]
    for name, both in (("graded by the author", pairs), ("pooled", pool)):
        left, right = [a for a, _ in both], [b for _, b in both]
        yield Check(f"agreement, {name}", round(sum(a == b for a, b in both) / len(both), 4), low=0.8)
        yield Check(f"Cohen's kappa, {name}", round(float(cohen_kappa_score(left, right)), 4), low=0.7)
        weighted = cohen_kappa_score(left, right, weights="quadratic")
        yield Check(f"quadratically weighted kappa, {name}", round(float(weighted), 4), low=0.7)
    final = {(s.query_id, s.doc_id): s.final for s in collection.settled}
    differ = sum(
        final.get((q, d), blind.get(q, {}).get(d)) != grade
        for q, of in collection.corpus.qrels.items()
        for d, grade in of.items()
    )
    yield Check("final grades that neither agreement nor a settlement explains", differ, high=0)
    unsettled = sum(
        author.get(q, {}).get(d, 0) != g and (q, d) not in final for q, of in blind.items() for d, g in of.items()
    )
    yield Check("differences not settled in writing", unsettled, high=0)


def check_retrieval(collection: Collection, settings: Settings) -> Iterator[Check]:
    """How far each retriever gets (not far, or the collection is too easy), and whether its top ten is judged."""
    qrels = {query: dict(of) for query, of in collection.corpus.qrels.items()}
    for name in ("bm25", "dense"):
        retriever = open_retriever(name, collection.corpus, settings)
        run = {
            query.query_id: [c.document.doc_id for c in retriever.retrieve(query.text, 10)]
            for query in collection.corpus.queries
        }
        yield Check(f"nDCG@10 of {name}", round(means(per_query(run, qrels))["nDCG@10"], 4), high=0.5)
        unjudged = sum(doc_id not in qrels[query_id] for query_id, ids in run.items() for doc_id in ids)
        share = unjudged / sum(len(ids) for ids in run.values())
        yield Check(f"share of {name}'s top ten that is not judged", round(share, 4), high=0.02)


def check_records(name: str, records: Sequence[TeacherRecord], texts: int, reasons: int) -> Iterator[Check]:
    """What gold and training records share: evidence in its passage, lengths, both names in every comparison."""
    direct = [reason.direct for record in records for reason in record.reasons.values()]
    compared = [comparison.text for record in records for comparison in record.comparisons]
    yield Check(f"{name}: direct reasons", len(direct), low=reasons)
    yield Check(f"{name}: comparative texts", len(compared), low=texts)
    outside = 0
    for record in records:
        by_id = {document.doc_id: document for document in record.documents}
        outside += sum(
            not reason.evidence or reason.evidence not in by_id[doc_id].text
            for doc_id, reason in record.reasons.items()
        )
    yield Check(f"{name}: evidence that does not stand in its passage", outside, high=0)
    short = sum(not 15 <= words(text) <= 35 for text in direct)
    yield Check(f"{name}: direct reasons outside 15 to 35 words", short, high=0)
    unnamed = sum("{preferred}" not in text or "{other}" not in text for text in compared)
    yield Check(f"{name}: comparisons that do not name both", unnamed, high=0)
    against = sum(
        record.labels[c.preferred_id] < record.labels[c.other_id] for record in records for c in record.comparisons
    )
    yield Check(f"{name}: comparisons against the grades", against, high=0)
    yield Check(f"{name}: direct reasons used twice", len(direct) - len(set(direct)), high=0)
    for size in (1, 2, 3):
        yield Check(f"{name}: distinct {size}-grams of the direct reasons", round(distinct(direct, size), 3), low=0.1)
    openings = Counter(" ".join(text.split()[:3]).lower() for text in direct)
    yield Check(
        f"{name}: share of the commonest three-word opening",
        round(openings.most_common(1)[0][1] / len(direct), 4),
        high=0.03,
    )


def distinct(texts: Iterable[str], size: int) -> float:
    """Different runs of ``size`` words as a share of all of them.

    >>> distinct(["a b a b"], 2)
    0.6666666666666666
    """
    runs = [
        tuple(tokens[i : i + size])
        for text in texts
        for tokens in [text.lower().split()]
        for i in range(len(tokens) - size + 1)
    ]
    return len(set(runs)) / len(runs) if runs else 0.0


def reason_match(records: Sequence[TeacherRecord], encoder: Encoder) -> float:
    """Share of direct reasons that are nearest, among their own list's passages, to the passage they are about."""
    right = total = 0
    for record in records:
        documents = [document for document in record.documents if document.doc_id in record.reasons]
        passages = encoder.encode([passage_text(d.text, d.title) for d in documents])
        reasons = encoder.encode([record.reasons[d.doc_id].direct for d in documents])
        nearest = (reasons @ passages.T).argmax(axis=1)  # (reasons,)
        right += sum(int(place) == number for number, place in enumerate(nearest))
        total += len(documents)
    return right / total


def nearest_reason_elsewhere(records: Sequence[TeacherRecord], encoder: Encoder) -> float:
    """Largest cosine between direct reasons of lists that share no passage; one that fits anything is near 1."""
    owned = [
        (frozenset(d.doc_id for d in record.documents), reason.direct)
        for record in records
        for reason in record.reasons.values()
    ]
    vectors = encoder.encode([text for _, text in owned])
    groups = {ids: number for number, ids in enumerate({ids for ids, _ in owned})}
    numbers = [groups[ids] for ids, _ in owned]
    close = vectors @ vectors.T
    return max(float(close[i, j]) for i in range(len(owned)) for j in range(i) if numbers[i] != numbers[j])


def check_training(collection: Collection, encoder: Encoder) -> Iterator[Check]:
    """Training lists, and that no test question or passage is among them."""
    records, corpus = collection.train, collection.corpus
    yield Check("training lists", len(records), low=300)
    yield Check("training lists that have not five passages", sum(len(r.documents) != 5 for r in records), high=0)
    unlike = sum(set(r.labels) != {d.doc_id for d in r.documents} or len(r.ranking) != 5 for r in records)
    yield Check("training lists without all labels and places", unlike, high=0)
    disorder = sum(
        [r.labels[d] for d in r.ranking] != sorted((r.labels[d] for d in r.ranking), reverse=True) for r in records
    )
    yield Check("training lists whose order contradicts their labels", disorder, high=0)
    labels = Counter(label for record in records for label in record.labels.values())
    for grade in (0, 1, 2):
        yield Check(f"training labels of {grade}, share", round(labels[grade] / labels.total(), 3), low=0.15)
    yield Check("training reasons nearest to their own passage", round(reason_match(records, encoder), 3), low=0.5)
    elsewhere = nearest_reason_elsewhere(records, encoder)
    yield Check("closest reasons of lists without a shared passage, cosine", round(elsewhere, 3), high=SAME)
    yield from _apart("question", [r.query.text for r in records], [q.text for q in corpus.queries], encoder)
    passages: dict[str, Document] = {d.doc_id: d for r in records for d in r.documents}
    yield Check("training passages that have a test passage's id", len(passages.keys() & corpus.by_id.keys()), high=0)
    yield from _apart(
        "passage", [one_line(d.text) for d in passages.values()], [d.text for d in corpus.documents], encoder
    )


def _apart(kind: str, ours: Sequence[str], tests: Sequence[str], encoder: Encoder) -> Iterator[Check]:
    close = encoder.encode(list(ours)) @ encoder.encode(list(tests)).T
    yield Check(f"closest training {kind} to a test {kind}, cosine", round(float(close.max()), 3), high=SAME)
    shared = round(most_shared(ours, tests), 3)
    yield Check(f"closest training {kind} to a test {kind}, shingles", shared, high=SHARED_SHINGLES)


def all_checks(collection: Collection, settings: Settings) -> Iterator[Check]:
    """Every check, in the order of the datasheet."""
    encoder = load_encoder(settings)
    yield from check_corpus(collection, encoder)
    yield from check_questions(collection)
    yield from check_agreement(collection)
    yield from check_retrieval(collection, settings)
    yield from check_records("gold", collection.gold, texts=100, reasons=200)
    yield from check_records("training", collection.train, texts=600, reasons=1500)
    yield from check_training(collection, encoder)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns 0 when every bound holds, 1 when one is broken, 2 when a file is not as expected."""
    parser = argparse.ArgumentParser(prog="python -m train.collection_check", description=__doc__)
    parser.add_argument("--folder", type=Path, default=None, help="the collection; assets/collection by default")
    options = parser.parse_args(arguments)
    broken = 0
    try:
        for check in all_checks(read_collection(options.folder), Settings.load()):
            sys.stdout.write(check.line() + "\n")
            broken += not check.holds
    except ReasonRankError as error:
        sys.stderr.write(f"train.collection_check: {error}\n")
        return 2
    sys.stdout.write(f"{broken} broken\n" if broken else "All hold.\n")
    return 1 if broken else 0


if __name__ == "__main__":
    raise SystemExit(main())
