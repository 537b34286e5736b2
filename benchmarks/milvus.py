"""Milvus Lite beside the retrievers in files, on the same passages and questions: how far their lists agree.

    python -m benchmarks.milvus --medquad FILE [--passages 3000] [--questions 100]

FILE has JSON lines with doc_id, question and answer, .gz or not. The vectors of the FAISS index are used for both, so
that nothing is encoded twice. To tell why the BM25 lists differ, the passages and questions are also given to Milvus as
Lucene's analyzer leaves them (in lower case, without stop words, stemmed): then only the formula is left to differ.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.medquad import Question, corpus_of, read
from reasonrank.corpora.base import Corpus
from reasonrank.data import Candidate, Document
from reasonrank.encoder import Encoder, EncoderIdentity, load_encoder
from reasonrank.prompts import passage_text
from reasonrank.retrieval.base import Retriever
from reasonrank.retrieval.bm25 import analyze, indexed_text
from reasonrank.retrieval.dense import FILE, DenseRetriever
from reasonrank.retrieval.manifest import read_manifest
from reasonrank.retrieval.store import open_retriever
from reasonrank.settings import Settings

K = 10
TIE = 1e-5
"""Cosines nearer than this are one score: both sum 384 products in float32, in another order."""


class StoredVectors(Encoder):
    """Gives the vectors of a FAISS index for its passages; questions are encoded, once each."""

    def __init__(self, encoder: Encoder, corpus: Corpus, folder: Path) -> None:
        import faiss

        self.identity, self.dimensions = encoder.identity, encoder.dimensions
        self._encoder = encoder
        vectors = faiss.read_index(str(folder / FILE)).reconstruct_n(0, len(corpus))  # (passages, dimensions)
        texts = [passage_text(document.text, document.title) for document in corpus.documents]
        self._known: dict[str, Any] = dict(zip(texts, vectors, strict=True))

    def _encode(self, texts: list[str], as_query: bool) -> Any:
        for text in texts:
            if text not in self._known:
                self._known[text] = self._encoder.encode([text], as_query=True)[0]
        return [self._known[text] for text in texts]


class NoVectors(Encoder):
    """One vector for everything, where only words are asked for."""

    identity = EncoderIdentity("none", "none")
    dimensions = 2

    def _encode(self, texts: list[str], as_query: bool) -> Any:
        return [[1.0, 0.0]] * len(texts)


def overlap(first: Sequence[Candidate], second: Sequence[Candidate]) -> float:
    """Share of the second list's documents that the first has too."""
    ours, theirs = ({one.document.doc_id for one in found} for found in (first, second))
    return len(ours & theirs) / max(1, len(theirs))


def same_up_to_ties(first: Sequence[Candidate], second: Sequence[Candidate]) -> bool:
    """Whether at every rank both have the same document, or another one of the same score."""
    return len(first) == len(second) and all(
        abs(one.score - other.score) < TIE for one, other in zip(first, second, strict=True)
    )


def found_answers(lists: Sequence[Sequence[Candidate]], questions: Sequence[Question]) -> float:
    """Share of the questions with a passage of their own answer in the list."""
    hits = [
        any(one.document.doc_id in question.answers for one in found)
        for found, question in zip(lists, questions, strict=True)
    ]
    return sum(hits) / len(hits)


def searched(
    retriever: Retriever, questions: Sequence[Question], as_query: Callable[[str], str] = str
) -> list[list[Candidate]]:
    return [retriever.retrieve(as_query(question.text), K) for question in questions]


def analyzed(corpus: Corpus) -> Corpus:
    """The corpus with each passage as Lucene's analyzer leaves it."""
    return corpus_of(
        [Document(one.doc_id, " ".join(analyze(indexed_text(one))) or ".") for one in corpus.documents], "analyzed"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medquad", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=3000)
    parser.add_argument("--questions", type=int, default=100)
    flags = parser.parse_args(arguments)
    documents, everything = read(flags.medquad, flags.passages)
    corpus = corpus_of(documents)
    questions = everything[:: max(1, len(everything) // flags.questions)][: flags.questions]
    say(f"{len(corpus):,} passages, {len(questions)} questions, the first {K} of each list")

    settings = Settings()
    files = {name: open_retriever(name, corpus, settings) for name in ("bm25", "dense", "hybrid")}
    encoder = load_encoder(settings)
    with tempfile.TemporaryDirectory() as temporary:
        stored = StoredVectors(encoder, corpus, folder_of(files["dense"], settings))
        there = replace(settings, milvus_uri=str(Path(temporary) / "milvus.db"))
        start = time.perf_counter()
        milvus = {name: open_retriever(name, corpus, there, encoder=stored) for name in files}
        say(f"Milvus Lite took {time.perf_counter() - start:.0f} s to take the passages in, their vectors at hand")
        ours = {name: searched(one, questions) for name, one in files.items()}
        theirs = {name: searched(one, questions) for name, one in milvus.items()}
        for name in files:
            compare(name, ours[name], theirs[name], questions)
        same = sum(map(same_up_to_ties, ours["dense"], theirs["dense"]))
        say(f"dense: the same ten up to ties for {same} of {len(questions)} questions")

        stems = open_retriever("bm25", analyzed(corpus), there, encoder=NoVectors())
        stemmed = searched(stems, questions, lambda text: " ".join(analyze(text)))
        compare("bm25 on Lucene's terms", ours["bm25"], stemmed, questions)
        others = open_retriever("bm25", corpus, replace(settings, bm25_k1=1.2, bm25_b=0.75))
        compare("Lucene with k1 1.2, b 0.75", ours["bm25"], searched(others, questions), questions)


def compare(
    name: str,
    ours: Sequence[Sequence[Candidate]],
    theirs: Sequence[Sequence[Candidate]],
    questions: Sequence[Question],
) -> None:
    shares = [overlap(one, other) for one, other in zip(theirs, ours, strict=True)]
    firsts = sum(
        one[0].document.doc_id == other[0].document.doc_id
        for one, other in zip(ours, theirs, strict=True)
        if one and other
    )
    say(
        f"{name}: overlap {statistics.mean(shares):.3f} (least {min(shares):.1f}), the same first for {firsts}; own "
        f"answer in the ten: files {found_answers(ours, questions):.2f}, there {found_answers(theirs, questions):.2f}"
    )


def folder_of(dense: Retriever, settings: Settings) -> Path:
    """The folder of the FAISS index that was just opened."""
    assert isinstance(dense, DenseRetriever)
    for parent in (settings.cache / "indexes").glob("medquad-dense-*"):
        manifest = read_manifest(parent) if parent.is_dir() else None
        if manifest is not None:
            return parent / manifest.folder
    raise SystemExit("The FAISS index is not where it was written.")


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
