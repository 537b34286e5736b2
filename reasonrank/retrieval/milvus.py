"""BM25, dense and hybrid retrieval in Milvus: the same code for a file, a server and a cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reasonrank.corpora.base import Corpus
from reasonrank.data import Candidate, StageScore
from reasonrank.encoder import Encoder, encoder_identity, load_encoder
from reasonrank.errors import InputError
from reasonrank.retrieval.base import Progress, Retriever
from reasonrank.retrieval.bm25 import MAX_QUERY_CHARS
from reasonrank.retrieval.build_lock import build_lock
from reasonrank.retrieval.candidates import first_stage
from reasonrank.retrieval.fusion import DEPTH
from reasonrank.retrieval.milvus_collection import (
    PREFIX,
    ROW,
    VECTOR,
    WORDS,
    Plan,
    build_collection,
    is_whole,
    storable,
)
from reasonrank.retrieval.milvus_server import ANSWER_S, checked_uri, connect, sentences
from reasonrank.settings import Settings

if TYPE_CHECKING:
    from pymilvus import MilvusClient

Found = list[tuple[int, float]]
"""Rows and their scores, best first."""
MOST = 16_384
"""Rows that Milvus returns at most."""


def open_milvus(
    name: str,
    corpus: Corpus,
    settings: Settings,
    progress: Progress,
    *,
    rebuild: bool = False,
    encoder: Encoder | None = None,
) -> Retriever:
    """A retriever over a corpus in the Milvus of ``settings.milvus_uri``.

    One collection serves the three of them. It is built now if it is not there or was left unfinished.

    Args:
        name: ``bm25``, ``dense`` or ``hybrid``.
        corpus: What is searched.
        settings: The URI, the encoder, the parameters.
        progress: Told how far a build is. What it raises stops the build; its rows stay and are gone on with.
        rebuild: Build even if the collection is there.
        encoder: Used instead of the one of ``settings``.

    Raises:
        InputError: The URI is none, or Milvus cannot do what the settings ask.
        MissingDependencyError: pymilvus, milvus-lite or the encoder is missing.
        ReasonRankError: Milvus does not answer, or refuses.
    """
    uri = checked_uri(settings.milvus_uri)

    def load() -> Encoder:
        return encoder or load_encoder(settings)

    plan = _plan(corpus, settings, encoder)
    client = connect(uri)
    with sentences(uri):
        if rebuild or not is_whole(client, plan.name):
            with build_lock(settings.cache / "milvus" / plan.name, progress):
                # Another process may have built it while this one waited.
                if rebuild or not is_whole(client, plan.name):
                    build_collection(client, plan, load(), progress)
        client.load_collection(plan.name)
        collection = _Collection(client, uri, plan.name, corpus, _index_type(client, plan.name))
    if name == "bm25":
        return MilvusBM25(collection)
    if name == "dense":
        return MilvusDense(collection, load())
    return MilvusHybrid(collection, load(), settings.rrf_k)


def is_in_milvus(corpus: Corpus, settings: Settings) -> bool:
    """Whether :func:`open_milvus` would find its collection whole.

    Raises:
        InputError: The URI is none, or Milvus cannot do what the settings ask.
        MissingDependencyError: pymilvus or milvus-lite is missing.
        ReasonRankError: Milvus does not answer, or refuses.
    """
    uri = checked_uri(settings.milvus_uri)
    plan = _plan(corpus, settings)
    client = connect(uri)
    with sentences(uri):
        return is_whole(client, plan.name)


def describe_milvus(uri: str) -> str:
    """What answers at a URI, and how many of its collections are ours.

    Raises:
        InputError: The URI is none.
        MissingDependencyError: pymilvus or milvus-lite is missing.
        ReasonRankError: Milvus does not answer, or refuses.
    """
    uri = checked_uri(uri)
    client = connect(uri)
    with sentences(uri):
        version = client.get_server_version()
        ours = [name for name in client.list_collections() if name.startswith(PREFIX)]
    return f"{uri} answers (version {version}); collections of ReasonRank there: {len(ours)}."


def _plan(corpus: Corpus, settings: Settings, encoder: Encoder | None = None) -> Plan:
    identity = encoder.identity if encoder else encoder_identity(settings.encoder)
    return Plan.of(corpus, identity or load_encoder(settings).identity, settings)


def _index_type(client: MilvusClient, name: str) -> str:
    return str((client.describe_index(name, VECTOR, timeout=ANSWER_S) or {}).get("index_type", ""))


@dataclass(frozen=True)
class _Collection:
    """A whole collection: the searches that are sent to it, and rows as documents again."""

    client: MilvusClient
    uri: str
    name: str
    corpus: Corpus
    index_type: str

    def words(self, query: str, depth: int) -> Found:
        """The best ``depth`` rows by BM25, in the server's order. Milvus Lite tells the scores below zero."""
        return [(row, abs(score)) for row, score in self._search(query, WORDS, {}, depth)]

    def vectors(self, vector: Any, depth: int) -> Found:
        """The best ``depth`` rows by the cosine to ``vector``, shape (dimensions,), in the server's order."""
        return self._search(vector, VECTOR, self._width(depth), depth)

    def fused(self, query: str, vector: Any, depth: int, rrf_k: int) -> Found:
        """All rows of both lists of ``depth``, by reciprocal rank fusion on the server."""
        from pymilvus import AnnSearchRequest, RRFRanker

        requests = [
            AnnSearchRequest([query], WORDS, {}, depth),
            AnnSearchRequest([vector], VECTOR, {"params": self._width(depth)}, depth),
        ]
        with sentences(self.uri):
            found = self.client.hybrid_search(
                self.name,
                requests,
                RRFRanker(rrf_k),
                limit=min(2 * depth, MOST),
                output_fields=[ROW],
                timeout=ANSWER_S,
            )
        return _rows(found[0])

    def _search(self, query: Any, field: str, parameters: dict[str, Any], depth: int) -> Found:
        with sentences(self.uri):
            found = self.client.search(
                self.name,
                data=[query],
                anns_field=field,
                limit=depth,
                search_params={"params": parameters},
                output_fields=[ROW],
                timeout=ANSWER_S,
            )
        return _rows(found[0])

    def _width(self, depth: int) -> dict[str, Any]:
        """How far an index that is not exact looks around."""
        names = {"HNSW": "ef", "DISKANN": "search_list"}
        return {names[self.index_type]: max(128, 2 * depth)} if self.index_type in names else {}

    def candidates(self, kind: str, found: Found) -> list[Candidate]:
        return first_stage(kind, [(self.corpus.documents[row], score) for row, score in found])


class _MilvusRetriever(Retriever):
    def __init__(self, collection: _Collection) -> None:
        self._collection = collection

    def _check(self, k: int) -> int:
        if k > MOST:
            raise InputError(f"k is {k:,}; Milvus returns at most {MOST:,} passages.")
        return min(k, len(self._collection.corpus))

    def close(self) -> None:
        self._collection.client.close()


class MilvusBM25(_MilvusRetriever):
    """Ranks by BM25 as the server computes it, by its analyzer of English."""

    name = kind = "bm25"

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        collection, wanted, text = self._collection, self._check(k), storable(query[:MAX_QUERY_CHARS])
        found = best(lambda depth: collection.words(text, depth), wanted, len(collection.corpus))
        return collection.candidates(self.kind, found)


class MilvusDense(_MilvusRetriever):
    """Ranks by the cosine of query and passage vectors; exact unless the collection's index says otherwise."""

    name = "dense"
    kind = "cosine"

    def __init__(self, collection: _Collection, encoder: Encoder) -> None:
        super().__init__(collection)
        self._encoder = encoder

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        collection, wanted = self._collection, self._check(k)
        [vector] = self._encoder.encode([query], as_query=True)  # (dimensions,)
        found = best(lambda depth: collection.vectors(vector, depth), wanted, len(collection.corpus))
        return collection.candidates(self.kind, found)


class MilvusHybrid(_MilvusRetriever):
    """Fuses both on the server, which tells the sums only: the two lists are asked for as well, for the parts."""

    name = "hybrid"
    kind = "rrf"

    def __init__(self, collection: _Collection, encoder: Encoder, rrf_k: int) -> None:
        super().__init__(collection)
        self._encoder, self._rrf_k = encoder, rrf_k

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        collection, text = self._collection, storable(query[:MAX_QUERY_CHARS])
        depth = min(self._check(max(k, DEPTH)), MOST)
        [vector] = self._encoder.encode([query], as_query=True)  # (dimensions,)
        fused = sorted(collection.fused(text, vector, depth, self._rrf_k), key=_best_first)[:k]
        lists = {"bm25": collection.words(text, depth), "cosine": collection.vectors(vector, depth)}
        places = {
            kind: {row: StageScore(rank, score) for rank, (row, score) in enumerate(found, start=1)}
            for kind, found in lists.items()
        }
        return [
            Candidate(
                collection.corpus.documents[row],
                rank,
                score,
                self.kind,
                {kind: there[row] for kind, there in places.items() if row in there},
            )
            for rank, (row, score) in enumerate(fused, start=1)
        ]


def best(find: Callable[[int], Found], k: int, total: int) -> Found:
    """The best ``k`` rows, ties by row, which is in order of doc_id; a tie at the end is searched to its end.

    Args:
        find: The best rows of a depth, ties in any order.
        k: How many are wanted.
        total: How many there are.
    """
    last = min(total, MOST)
    depth = k
    while True:
        depth = min(depth + 1, last)
        found = find(depth)
        if depth == last or len(found) < depth or found[k - 1][1] > found[-1][1]:
            return sorted(found, key=_best_first)[:k]
        depth *= 2


def _best_first(hit: tuple[int, float]) -> tuple[float, int]:
    return -hit[1], hit[0]


def _rows(hits: Any) -> Found:
    return [(int(hit.id), float(hit["distance"])) for hit in hits]
