"""BM25 on Lucene against a second implementation, and against what people type."""

from __future__ import annotations

import gc
import math
import random
import threading
from collections import Counter
from pathlib import Path

import bm25s
import numpy as np
import pytest

from reasonrank.corpora.base import Corpus
from reasonrank.data import Document, StageScore
from reasonrank.errors import IndexDamagedError
from reasonrank.retrieval.bm25 import BM25Retriever, analyze, build_bm25_index

K1, B = 0.9, 0.4
WORDS = ["lamp", "moth", "sky", "bright", "water", "clay", "bee", "nectar", "queue", "item", "wait", "lock", "grain"]


def built(corpus: Corpus, folder: Path) -> Path:
    build_bm25_index(corpus, folder, lambda what, fraction: None)
    return folder


@pytest.fixture(scope="module")
def random_corpus() -> Corpus:
    """Documents under 40 terms: Lucene keeps the length of longer ones only roughly."""
    rng = random.Random(7)
    texts = [" ".join(rng.choices(WORDS, k=rng.randint(3, 35))) for _ in range(150)]
    return Corpus.of("random", "Random", [Document(f"d{i:03}", text) for i, text in enumerate(texts)])


@pytest.fixture(scope="module")
def random_folder(random_corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(random_corpus, tmp_path_factory.mktemp("bm25"))


@pytest.fixture(scope="module")
def second_opinion(random_corpus: Corpus) -> bm25s.BM25:
    scorer = bm25s.BM25(method="lucene", k1=K1, b=B)
    scorer.index([analyze(document.text) for document in random_corpus.documents], show_progress=False)
    return scorer


@pytest.fixture(scope="module")
def garden(corpus: Corpus, tmp_path_factory: pytest.TempPathFactory) -> BM25Retriever:
    return BM25Retriever(built(corpus, tmp_path_factory.mktemp("garden")), corpus, k1=K1, b=B)


@pytest.mark.parametrize("query", ["lamp moth", "lamp lamp sky", "waiting queues", "clay", " ".join(WORDS)])
def test_orders_and_scores_like_bm25s(
    query: str, random_corpus: Corpus, random_folder: Path, second_opinion: bm25s.BM25
) -> None:
    retriever = BM25Retriever(random_folder, random_corpus, k1=K1, b=B)
    found = retriever.retrieve(query, 200)
    scores = second_opinion.get_scores(analyze(query))
    matching = np.flatnonzero(scores > 0)
    assert {one.document.doc_id for one in found} == {f"d{row:03}" for row in matching}
    # The same scores down the list: documents may differ only where the scores are equal in single precision.
    assert [one.score for one in found] == pytest.approx(sorted(scores[matching], reverse=True), rel=1e-5)
    assert [one.score for one in found] == pytest.approx(
        [scores[int(one.document.doc_id[1:])] for one in found], rel=1e-5
    )


def test_long_queries_weigh_terms_like_a_document(
    random_corpus: Corpus, random_folder: Path, second_opinion: bm25s.BM25
) -> None:
    query = "lamp " * 30 + "moth sky clay"
    terms = analyze(query)
    documents = [analyze(document.text) for document in random_corpus.documents]
    average = sum(map(len, documents)) / len(documents)
    expected = np.zeros(len(documents))
    for term, count in Counter(terms).items():
        holding = sum(term in document for document in documents)
        idf = math.log(1 + (len(documents) - holding + 0.5) / (holding + 0.5))
        weight = idf * count / (count + K1 * (1 - B + B * len(terms) / average))
        expected += weight * second_opinion.get_scores([term])
    retriever = BM25Retriever(random_folder, random_corpus, k1=K1, b=B, long_queries=True)
    found = {one.document.doc_id: one.score for one in retriever.retrieve(query, 200)}
    assert found == pytest.approx({f"d{row:03}": expected[row] for row in np.flatnonzero(expected)}, rel=1e-5)


def test_a_candidate_keeps_its_place_as_its_only_part(garden: BM25Retriever) -> None:
    first = garden.retrieve("why do moths circle a lamp", 3)[0]
    assert (first.document.doc_id, first.rank, first.kind) == ("moths", 1, "bm25")
    assert first.parts == {"bm25": StageScore(1, first.score)}


def test_ties_are_broken_by_doc_id(garden: BM25Retriever) -> None:
    twins = garden.retrieve("same words stand", 5)
    assert [one.document.doc_id for one in twins] == ["twin-a", "twin-b"]
    assert [one.rank for one in twins] == [1, 2]
    assert twins[0].score == twins[1].score
    assert [one.document.doc_id for one in garden.retrieve("same words stand", 1)] == ["twin-a"]


@pytest.mark.parametrize(
    ("query", "first"),
    [
        ("lamp +moths -circle", "moths"),  # signs are no operators
        ("title: bees^0", "bees"),  # nor are fields and boosts
        ('"moths" AND NOT (lamp', "moths"),  # nor is an open bracket
        ("mot* lamp~2 [a TO b] \\", "lamps"),  # nor wildcards, fuzziness, ranges, a last backslash
        ("C++ (why?) bees", "bees"),
        ("put an item into an asyncio queue", "queue"),  # parts of a dotted name are words
        ("asyncio.Queue.put", "queue"),  # and so is the whole
        ("bees \x00\ud800\U0001f41d", "bees"),  # what Java or Lucene could stumble over
        ("filler " * 10_000 + "moths", None),  # beyond what is read of a query
        ("moths " + " ".join(f"w{i}" for i in range(10_000)), "moths"),  # more terms than Lucene's usual limit
        ("the of and", None),  # nothing is left after analysis
        ("?! ... ()", None),
        ("", None),
    ],
)
def test_a_query_is_plain_words(query: str, first: str | None, garden: BM25Retriever) -> None:
    found = garden.retrieve(query, 5)
    assert (found[0].document.doc_id if found else None) == first


def test_many_threads_read_the_same_list(garden: BM25Retriever) -> None:
    expected = garden.retrieve("lamp insects water", 5)
    lists: list[object] = []

    def search() -> None:
        lists.extend(garden.retrieve("lamp insects water", 5) == expected for _ in range(5))

    threads = [threading.Thread(target=search) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert lists == [True] * 80


def test_searching_goes_on_while_another_index_is_built(
    garden: BM25Retriever, random_corpus: Corpus, tmp_path: Path
) -> None:
    expected = garden.retrieve("lamp insects water", 5)
    lists: list[bool] = []
    searching = threading.Thread(
        target=lambda: lists.extend(garden.retrieve("lamp insects water", 5) == expected for _ in range(30))
    )
    searching.start()
    built(random_corpus, tmp_path)
    searching.join()
    assert lists == [True] * 30


def test_a_closed_or_forgotten_retriever_lets_go_of_its_files(corpus: Corpus, tmp_path: Path) -> None:
    folder = built(corpus, tmp_path)
    retriever = BM25Retriever(folder, corpus, k1=K1, b=B)
    retriever.close()
    retriever.close()
    forgotten = BM25Retriever(folder, corpus, k1=K1, b=B)
    reader = forgotten._java.reader
    del forgotten
    gc.collect()
    analyze("the next call of Java closes what was forgotten")
    assert reader.getRefCount() == 0


def test_an_index_of_another_corpus_is_refused(corpus: Corpus, random_folder: Path) -> None:
    with pytest.raises(IndexDamagedError, match="has 150 documents; expected 7 of garden"):
        BM25Retriever(random_folder, corpus, k1=K1, b=B)


def test_an_empty_folder_is_no_index(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(IndexDamagedError, match="Lucene cannot read the index"):
        BM25Retriever(tmp_path, corpus, k1=K1, b=B)
