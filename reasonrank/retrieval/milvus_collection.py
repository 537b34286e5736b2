"""One Milvus collection of a corpus: its name, its fields, and a build that can be gone on with after a kill.

The rows lie in a collection ``NAME_a`` or ``NAME_b``. When all are there and indexed, the alias ``NAME`` is pointed at
them, at once; only the alias is ever searched. A rebuild fills the other collection while the first one is searched.
Whatever interrupts a build leaves its collection without the alias, and the next build goes on in it.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reasonrank import __version__
from reasonrank.corpora.base import Corpus
from reasonrank.encoder import Encoder, EncoderIdentity
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.prompts import passage_text
from reasonrank.retrieval.base import Progress
from reasonrank.retrieval.bm25 import indexed_text
from reasonrank.retrieval.manifest import Stamp
from reasonrank.retrieval.milvus_server import ANSWER_S
from reasonrank.settings import Settings

if TYPE_CHECKING:
    from pymilvus import MilvusClient

PREFIX = "reasonrank_"
ROW, TEXT, WORDS, VECTOR = "row", "text", "words", "vector"
"""The fields: place in order of doc_id, what BM25 reads, what it makes of it, the passage's vector of length 1."""
TEXT_BYTES = 65_535
"""Milvus's limit on a text; a longer one is cut for BM25. The passages themselves stay with the corpus."""
WINDOW, STEP = 4096, 256
"""Rows put in order of length together, and rows sent at once."""
INDEX_TYPES = {"exact": "FLAT", "hnsw": "HNSW", "diskann": "DISKANN", "auto": "AUTOINDEX"}
_INDEX_PARAMETERS: dict[str, dict[str, Any]] = {"HNSW": {"M": 16, "efConstruction": 200}}
_STOP_WORDS = (
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this "
    "to was will with"
)
ANALYZER = {
    "tokenizer": "standard",
    "filter": [
        "lowercase",
        {"type": "stop", "stop_words": _STOP_WORDS.split()},
        {"type": "stemmer", "language": "english"},
    ],
}
"""As near to the analyzer of the Lucene index as Milvus has it. Milvus Lite passes over the stemmer."""
_NAME = re.compile(r"reasonrank_[a-z0-9_]{1,32}_[0-9a-f]{16}")
_POLL_S = 1.0


@dataclass(frozen=True)
class Plan:
    """What a collection is made of.

    Args:
        corpus: Its passages.
        identity: Name and fingerprint of the encoder.
        k1: BM25's saturation of a term's frequency.
        b: BM25's weight of a passage's length.
        index: One of :data:`INDEX_TYPES`; no part of the name, since it may be changed on the server.
        shards: How many parts of the collection take rows in.
    """

    corpus: Corpus
    identity: EncoderIdentity
    k1: float
    b: float
    index: str
    shards: int

    @classmethod
    def of(cls, corpus: Corpus, identity: EncoderIdentity, settings: Settings) -> Plan:
        """The plan that ``settings`` describe.

        Raises:
            InputError: Milvus cannot do what they ask.
        """
        if settings.long_queries:
            raise InputError("Milvus cannot weight the words of long questions; take back long_queries or milvus_uri.")
        if not (settings.bm25_k1 > 0 and 0 <= settings.bm25_b <= 1):
            raise InputError(
                f"bm25_k1 is {settings.bm25_k1} and bm25_b is {settings.bm25_b}; Milvus takes a bm25_k1 above 0 and a "
                "bm25_b from 0 to 1."
            )
        return cls(corpus, identity, settings.bm25_k1, settings.bm25_b, settings.milvus_index, settings.milvus_shards)

    @property
    def name(self) -> str:
        """The alias: readable, and another one when anything changes that rows or scores depend on."""
        parameters = {
            "encoder": self.identity.name,
            "encoder_fingerprint": self.identity.fingerprint,
            "analyzer": json.dumps(ANALYZER, sort_keys=True),
            "k1": repr(self.k1),
            "b": repr(self.b),
        }
        corpus = self.corpus
        stamp = Stamp("milvus", corpus.name, corpus.fingerprint, len(corpus), parameters, __version__)
        short = hashlib.sha256(json.dumps(asdict(stamp), sort_keys=True).encode()).hexdigest()[:16]
        readable = re.sub(r"[^a-z0-9]+", "_", corpus.name.lower()).strip("_")[:32] or "corpus"
        name = f"{PREFIX}{readable}_{short}"
        if not _NAME.fullmatch(name):
            raise ReasonRankError(f"{name!r} cannot name a Milvus collection.")
        return name


def is_whole(client: MilvusClient, name: str) -> bool:
    """Whether the build of ``name`` was finished."""
    return bool(client.has_collection(name, timeout=ANSWER_S))


def build_collection(client: MilvusClient, plan: Plan, encoder: Encoder, progress: Progress) -> None:
    """Fill a collection and point the alias at it; the rows of an interrupted build are not encoded again.

    Raises:
        ReasonRankError: Milvus has another number of rows in the end.
    """
    before = _current(client, plan.name)
    target = plan.name + ("_b" if before == plan.name + "_a" else "_a")
    is_new = not client.has_collection(target, timeout=ANSWER_S)
    if is_new:
        _create(client, plan, target, encoder.dimensions)
    else:
        client.load_collection(target)
    _fill(client, plan.corpus, target, encoder, progress, is_new)
    progress("Milvus writes its files", 0.0)
    client.flush(target)
    _wait_for_indexes(client, target, progress)
    _check_rows(client, plan.corpus, target)
    if before is None:
        client.create_alias(target, plan.name)
    else:
        client.alter_alias(target, plan.name)
        client.drop_collection(before)
    progress("Milvus writes its files", 1.0)


def _current(client: MilvusClient, name: str) -> str | None:
    """The collection that the alias points at."""
    return str(client.describe_alias(name)["collection_name"]) if is_whole(client, name) else None


def _create(client: MilvusClient, plan: Plan, target: str, dimensions: int) -> None:
    from pymilvus import DataType, Function, FunctionType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field(ROW, DataType.INT64, is_primary=True)
    schema.add_field(TEXT, DataType.VARCHAR, max_length=TEXT_BYTES, enable_analyzer=True, analyzer_params=ANALYZER)
    schema.add_field(WORDS, DataType.SPARSE_FLOAT_VECTOR)
    schema.add_field(VECTOR, DataType.FLOAT_VECTOR, dim=dimensions)
    bm25 = Function(name="bm25", function_type=FunctionType.BM25, input_field_names=[TEXT], output_field_names=[WORDS])
    schema.add_function(bm25)
    indexes = client.prepare_index_params()
    kind = INDEX_TYPES[plan.index]
    _add_index(indexes, WORDS, "SPARSE_INVERTED_INDEX", "BM25", {"bm25_k1": plan.k1, "bm25_b": plan.b})
    # Vectors have length 1, so the inner product is the cosine.
    _add_index(indexes, VECTOR, kind, "IP", _INDEX_PARAMETERS.get(kind, {}))
    client.create_collection(target, schema=schema, num_shards=plan.shards)
    client.create_index(target, indexes, sync=False)  # there is nothing in it to wait for
    client.load_collection(target)


def _add_index(indexes: Any, field: str, kind: str, metric: str, parameters: dict[str, Any]) -> None:
    """Add an index that is named after its field, which Milvus Lite does whatever it is told.

    The parameters go under one key, as older clients sent them and servers still read them: Milvus Lite 3.2 does not
    see those that the client spreads out.
    """
    nested = {"params": parameters} if parameters else {}
    indexes.add_index(field, index_name=field, index_type=kind, metric_type=metric, params=nested)


def _fill(
    client: MilvusClient, corpus: Corpus, target: str, encoder: Encoder, progress: Progress, is_new: bool
) -> None:
    """Send what is missing, a batch at a time; the same row sent twice is one row."""
    total = len(corpus)
    for start in range(0, total, WINDOW):
        # Texts of like length share a batch with little padding.
        rows = sorted(range(start, min(start + WINDOW, total)), key=lambda row: -len(corpus.documents[row].text))
        for step in range(0, len(rows), STEP):
            progress("Encoding passages for Milvus", (start + step) / total)
            batch = rows[step : step + STEP]
            missing = batch if is_new else _missing(client, target, batch)
            if missing:
                _send(client, corpus, target, encoder, missing)


def _missing(client: MilvusClient, target: str, rows: Sequence[int]) -> list[int]:
    found = client.query(target, ids=list(rows), output_fields=[ROW], consistency_level="Strong", timeout=ANSWER_S)
    there = {int(one[ROW]) for one in found}
    return [row for row in rows if row not in there]


def _send(client: MilvusClient, corpus: Corpus, target: str, encoder: Encoder, rows: Sequence[int]) -> None:
    documents = [corpus.documents[row] for row in rows]
    vectors = encoder.encode([passage_text(document.text, document.title) for document in documents])
    records = [
        {ROW: row, TEXT: storable(indexed_text(document)), VECTOR: vector}
        for row, document, vector in zip(rows, documents, vectors, strict=True)
    ]
    client.upsert(target, records, timeout=ANSWER_S)


def storable(text: str) -> str:
    """Text that Milvus takes: at most :data:`TEXT_BYTES` long, half surrogate pairs as question marks."""
    encoded = text.encode("utf-8", "replace")
    return encoded[:TEXT_BYTES].decode("utf-8", "ignore") if len(encoded) > TEXT_BYTES else encoded.decode("utf-8")


def _wait_for_indexes(client: MilvusClient, target: str, progress: Progress) -> None:
    """Until the server has indexed every row; Milvus Lite has done it at once."""
    for field in (WORDS, VECTOR):
        while True:
            state = client.describe_index(target, field, timeout=ANSWER_S) or {}
            waiting, total = int(state.get("pending_index_rows") or 0), int(state.get("total_rows") or 0)
            if waiting == 0 or state.get("state") == "Finished":
                break
            progress(f"Milvus indexes the field {field}", 1 - min(1.0, waiting / max(1, total)))
            time.sleep(_POLL_S)


def _check_rows(client: MilvusClient, corpus: Corpus, target: str) -> None:
    """See that every row is there, once; a collection in which they are not is dropped."""
    counted = client.query(target, filter="", output_fields=["count(*)"], consistency_level="Strong", timeout=ANSWER_S)
    rows = int(counted[0]["count(*)"])
    if rows != len(corpus):
        client.drop_collection(target)
        raise ReasonRankError(
            f"Milvus counts {rows:,} rows of {corpus.name}; expected {len(corpus):,}. They were dropped: build again."
        )
