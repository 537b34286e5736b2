"""Dense retrieval: vectors of a corpus in a FAISS index on disk, and its exact search by cosine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from reasonrank.corpora.base import Corpus
from reasonrank.data import Candidate
from reasonrank.encoder import Encoder
from reasonrank.errors import IndexDamagedError, MissingDependencyError
from reasonrank.prompts import passage_text
from reasonrank.retrieval.base import Progress, Retriever
from reasonrank.retrieval.candidates import first_stage

FILE = "vectors.faiss"
STEP = 256
"""Documents encoded between two reports of progress."""


def build_dense_index(corpus: Corpus, encoder: Encoder, folder: Path, progress: Progress) -> None:
    """Encode a corpus and write its vectors into ``folder``, rows in order of doc_id.

    Raises:
        MissingDependencyError: FAISS is missing.
    """
    import numpy as np

    faiss = _faiss()
    texts = [passage_text(document.text, document.title) for document in corpus.documents]
    vectors = np.empty((len(texts), encoder.dimensions), dtype=np.float32)
    # Texts of like length share a batch with little padding. The longest go first: the rest goes faster than told.
    order = sorted(range(len(texts)), key=lambda row: -len(texts[row]))
    for start in range(0, len(order), STEP):
        progress("Encoding passages", start / len(order))
        rows = order[start : start + STEP]
        vectors[rows] = encoder.encode([texts[row] for row in rows])
    index = faiss.IndexFlatIP(encoder.dimensions)
    index.add(vectors)
    faiss.write_index(index, str(folder / FILE))
    progress("Encoding passages", 1.0)


class DenseRetriever(Retriever):
    """Ranks by the cosine of query and passage vectors; exact, every passage is looked at.

    Args:
        folder: An index of :func:`build_dense_index`.
        corpus: The corpus it was built from.
        encoder: The encoder it was built with.

    Raises:
        IndexDamagedError: FAISS cannot read the index, or it is of another size.
        MissingDependencyError: FAISS is missing.
    """

    name = "dense"
    kind = "cosine"

    def __init__(self, folder: Path, corpus: Corpus, encoder: Encoder) -> None:
        faiss = _faiss()
        try:
            self._index = faiss.read_index(str(folder / FILE))
        except RuntimeError as error:
            raise IndexDamagedError(f"FAISS cannot read the index in {folder}.") from error
        got, expected = (self._index.ntotal, self._index.d), (len(corpus), encoder.dimensions)
        if got != expected:
            raise IndexDamagedError(f"The index in {folder} has {got} rows and columns; expected {expected}.")
        self._corpus, self._encoder = corpus, encoder

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        vector = self._encoder.encode([query], as_query=True)  # (1, dimensions)
        wanted = min(k, len(self._corpus))
        rows = self._search(vector, wanted)[:wanted]
        return first_stage(self.kind, [(self._corpus.documents[row], score) for row, score in rows])

    def _search(self, vector: Any, k: int) -> list[tuple[int, float]]:
        """Rows and cosines, ties by row: rows are in order of doc_id, and a tie at the end is searched to its end."""
        depth = k
        while True:
            depth = min(depth + 1, len(self._corpus))
            scores, rows = self._index.search(vector, depth)  # both (1, depth)
            if depth == len(self._corpus) or scores[0, k - 1] > scores[0, depth - 1]:
                found = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
                return sorted(found, key=lambda hit: (-hit[1], hit[0]))
            depth *= 2


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingDependencyError("FAISS", "pip install 'reasonrank[app]'") from error
    return faiss
