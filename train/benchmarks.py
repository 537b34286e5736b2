"""Public test collections by name, through ir_datasets: their candidate lists, judgements and relevance cutoff.

Candidates come from our own first stage over the collection's passages. BRIGHT marks, for each query, passages that
must not be ranked at all (its question stands in them): they are removed from the lists and from the judgements.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from reasonrank.corpora.public import is_installed
from reasonrank.corpus import load_corpus
from reasonrank.data import Candidate, Query
from reasonrank.errors import InputError, MissingDependencyError
from reasonrank.formats import Qrels
from reasonrank.retrieval.store import open_retriever
from reasonrank.settings import Settings

SHORT = {
    "dl19": "msmarco-passage/trec-dl-2019/judged",
    "dl20": "msmarco-passage/trec-dl-2020/judged",
}
"""Names that are typed often."""
EXCLUDED = -100
"""The grade under which ir_datasets keeps BRIGHT's excluded ids."""

Retrieve = Callable[[str, int], list[Candidate]]
Lists = list[tuple[Query, list[Candidate]]]


class Dataset(Protocol):
    """What is used of an ir_datasets dataset."""

    def queries_iter(self) -> Iterable[Any]: ...

    def qrels_iter(self) -> Iterable[Any]: ...


@dataclass(frozen=True, slots=True)
class Benchmark:
    """A test collection ready to be reranked.

    Args:
        name: As ir_datasets has it.
        lists: Judged queries with their candidates.
        qrels: Grades, without the excluded.
        cutoff: Least grade that counts as relevant where a measure knows only yes or no.
        cut_queries: How many questions were longer than the app reads and were cut.
    """

    name: str
    lists: Lists
    qrels: Qrels
    cutoff: int = 1
    cut_queries: int = 0


def load_benchmark(name: str, depth: int, settings: Settings) -> Benchmark:
    """Download what is missing, index the passages once, and retrieve ``depth`` candidates a query.

    Args:
        name: One of :data:`SHORT`, or a name of ir_datasets: ``bright/biology``, ``beir/scifact/test``.
        depth: Candidates a list.
        settings: The retriever, its parameters, and where indexes are kept.

    Raises:
        MissingDependencyError: ir_datasets is not installed.
        InputError: There is no such collection, it has no judgements, or it could not be downloaded.
    """
    dataset = _dataset(name)
    name = SHORT.get(name, name)
    corpus = load_corpus(name, settings)
    retriever = open_retriever(settings.retriever, corpus, settings)
    return benchmark_of(name, dataset, retriever.retrieve, depth, settings.max_query_chars)


def load_judgements(name: str) -> Benchmark:
    """The judgements alone, for candidate lists from elsewhere.

    Raises:
        MissingDependencyError: ir_datasets is not installed.
        InputError: There is no such collection, or it could not be downloaded.
    """
    dataset, name = _dataset(name), SHORT.get(name, name)
    return Benchmark(name, [], split_excluded(dataset.qrels_iter())[0], cutoff_of(name))


def benchmark_of(name: str, dataset: Dataset, retrieve: Retrieve, depth: int, most_chars: int) -> Benchmark:
    """Lists and judgements of a dataset; ``retrieve`` is a first stage over its passages.

    Raises:
        InputError: No query is judged.
    """
    qrels, excluded = split_excluded(dataset.qrels_iter())
    lists: Lists = []
    cut = 0
    for record in dataset.queries_iter():
        query_id, text = str(record.query_id), " ".join(str(record.text).split())
        if query_id not in qrels:
            continue
        cut += len(text) > most_chars
        banned = excluded.get(query_id, frozenset())
        found = retrieve(text[:most_chars], depth + len(banned))
        lists.append((Query(query_id, text[:most_chars]), without(found, banned)[:depth]))
    if not lists:
        raise InputError(f"{name} has no judged query; choose a collection with judgements, such as dl19.")
    return Benchmark(name, lists, qrels, cutoff_of(name), cut)


def split_excluded(judgements: Iterable[Any]) -> tuple[Qrels, dict[str, frozenset[str]]]:
    """Grades by query_id and doc_id, and the ids that must not be ranked, which are in no grades.

    A query of which only excluded ids are known is not judged.
    """
    qrels: Qrels = {}
    excluded: dict[str, set[str]] = {}
    for one in judgements:
        if one.relevance == EXCLUDED:
            excluded.setdefault(str(one.query_id), set()).add(str(one.doc_id))
        else:
            qrels.setdefault(str(one.query_id), {})[str(one.doc_id)] = int(one.relevance)
    for query_id, ids in excluded.items():
        for doc_id in ids & qrels.get(query_id, {}).keys():
            del qrels[query_id][doc_id]
    return qrels, {query_id: frozenset(ids) for query_id, ids in excluded.items()}


def without(candidates: Iterable[Candidate], excluded: frozenset[str]) -> list[Candidate]:
    """The candidates that may be ranked, with their ranks counted anew."""
    kept = [candidate for candidate in candidates if candidate.document.doc_id not in excluded]
    return [replace(candidate, rank=rank) for rank, candidate in enumerate(kept, start=1)]


def cutoff_of(name: str) -> int:
    """2 for TREC Deep Learning, whose grade 1 is "related, but no answer"; else 1.

    >>> cutoff_of("msmarco-passage/trec-dl-2019/judged"), cutoff_of("beir/scifact/test")
    (2, 1)
    """
    return 2 if "trec-dl-" in name else 1


def _dataset(name: str) -> Any:
    if not is_installed():
        raise MissingDependencyError("ir_datasets", "pip install 'reasonrank[datasets]'")
    import ir_datasets

    known = ", ".join(SHORT)
    try:
        dataset = ir_datasets.load(SHORT.get(name, name))
    except KeyError:
        raise InputError(
            f"There is no collection {name!r}; expected {known} or a name that ir_datasets knows "
            "(https://ir-datasets.com)."
        ) from None
    if not dataset.has_queries() or not dataset.has_qrels():
        raise InputError(f"{name} has no judged queries; choose the part below it that has, such as {name}/test.")
    return dataset
