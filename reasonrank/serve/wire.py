"""The shapes of requests and responses of the HTTP interface, as its OpenAPI document shows them.

Fields that are not ours are read over: clients of other services send some of their own.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from reasonrank.data import JudgingMode, Status, Written
from reasonrank.query_writing import MAX_QUERIES


def _whole(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise PydanticCustomError("half_character", "Half a surrogate pair is no text; send whole characters")
    return text


Text = Annotated[str, AfterValidator(_whole)]
"""Text that can be written as UTF-8; JSON can carry other."""
Count = Annotated[int, Field(ge=1)]
MAX_FIELDS = 8
"""Names in ``rank_fields``."""


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class _Response(BaseModel):
    model_config = ConfigDict(protected_namespaces=())


# -- requests --------------------------------------------------------------------------------------------------


class DocumentIn(_Request):
    """A document as an object; a plain string is one with a text only."""

    text: Text
    title: Text | None = None


class RerankRequest(_Request):
    """The dialect that Jina, Cohere and vLLM share; everything after ``return_documents`` is ours."""

    query: Text = Field(description="the question")
    documents: list[Text | DocumentIn] = Field(min_length=1, description="what to put in order")
    model: str | None = Field(default=None, description="not used: the server has one student")
    top_n: Count | None = Field(default=None, description="return only so many from the top")
    return_documents: bool | None = Field(default=None, description="give each document's text back with its result")
    max_tokens_per_doc: Count | None = Field(default=None, description="read at most so many tokens of a document")
    rank_fields: list[Literal["title", "text"]] | None = Field(
        default=None, max_length=MAX_FIELDS, description="which fields of a document count; both without it"
    )
    return_reasons: bool = Field(default=False, description="say why, for those at the top")
    explain: int | None = Field(default=None, ge=0, description="reasons for so many from the top, with return_reasons")
    stream: bool = Field(default=False, description="answer with server-sent events, results first")


class SearchRequest(_Request):
    """A question to a corpus. What is left out is as the server was set up."""

    query: Text = Field(description="the question")
    corpus: str | None = Field(default=None, description="a corpus's name; never a file")
    retriever: Literal["bm25", "dense", "hybrid"] | None = None
    k: Count | None = Field(default=None, description="how many documents to return")
    explain: int | None = Field(default=None, ge=0, description="reasons for so many from the top")
    order: Literal["student", "fused"] | None = Field(default=None, description="what the list is sorted by")
    mode: JudgingMode | None = Field(default=None, description="which is written first, score or reason")
    query_writing: bool | None = Field(default=None, description="let the student write search queries first")
    queries: list[Text] | None = Field(
        default=None,
        max_length=MAX_QUERIES,
        description="search queries to search beside the question, in place of any that the student would write",
    )
    rerank: bool = Field(default=True, description="false: the first stage's list alone")
    stream: bool = Field(default=False, description="answer with server-sent events, the list first")


# -- responses -------------------------------------------------------------------------------------------------


class Problem(_Response):
    """What went wrong, in one sentence."""

    message: str


class EvidenceOut(_Response):
    """A sentence of the document: code points into its text, half open."""

    text: str
    start: int
    end: int
    support: float
    verified: bool
    supported: bool


class ReasonOut(_Response):
    """Why this document. ``status`` says what became of the text; only ``ok`` is a usable reason."""

    status: Status
    text: str
    written: Written | None
    evidence: EvidenceOut | None
    label: int | None = None
    detail: str | None = None


class ByOrder(_Response):
    """A preference's probability, with the preferred one shown first and shown second."""

    preferred_first: float
    preferred_second: float


class _ComparisonOut(_Response):
    text: str
    probability: float
    by_order: ByOrder
    flipped: bool
    agrees_with_order: bool
    status: Status


class ComparisonOut(_ComparisonOut):
    """Why this one above that one; the text names documents by their ids, in brackets."""

    preferred_id: str
    other_id: str


class IndexComparison(_ComparisonOut):
    """The same between documents of a request, by their index there."""

    preferred_index: int
    other_index: int


class DocumentOut(_Response):
    """A document as it was sent."""

    text: str
    title: str | None = None


class RerankResult(_Response):
    """One document's place. ``relevance_score`` is the expected grade divided by 2."""

    index: int
    relevance_score: float = Field(ge=0, le=1)
    document: DocumentOut | None = None
    label_probabilities: list[float] | None = None
    label_mass: float | None = None
    reason: ReasonOut | None = None


class ApiVersion(_Response):
    version: str


class Meta(_Response):
    api_version: ApiVersion


class RerankResponse(_Response):
    """Results, the best first."""

    id: str
    model: str
    results: list[RerankResult]
    relevance_scale: str = Field(description="what relevance_score is")
    meta: Meta
    comparisons: list[IndexComparison] | None = None
    problems: dict[str, str] | None = Field(default=None, description="a sentence for each stage that failed")


class Part(_Response):
    rank: int
    score: float


class FoundBy(_Response):
    """A document's place with one of several queries; query 0 is the question itself."""

    query: int
    rank: int
    score: float


class Retrieval(_Response):
    """Where the first stage had the document, on the scale that ``kind`` names."""

    rank: int
    score: float
    kind: str
    parts: dict[str, Part]
    found_by: list[FoundBy] | None = Field(default=None, description="its place with each query, if there were several")
    similarity: float | None = Field(default=None, description="cosine by the encoder, where the order reads it")


class FoundDocument(_Response):
    """A document of the list; ``score`` is its expected grade, in [0, 2], null where no student judged."""

    doc_id: str
    title: str
    text: str
    cut: bool
    rank: int
    order_score: float
    score: float | None
    label_probabilities: list[float] | None
    label_mass: float | None
    retrieval: Retrieval
    reason: ReasonOut


class Timings(_Response):
    retrieve: float | None
    score: float | None
    explain: float | None
    compare: float | None
    total: float | None


class QueriesOut(_Response):
    """Search queries, written by the student or given; where ``status`` is not ok, the question was searched alone."""

    status: Status
    texts: list[str]
    text: str
    given: bool | None = None
    detail: str | None = None
    ms: float | None = None


class SearchResponse(_Response):
    """The same object that ``reasonrank search --json`` prints."""

    query: str
    query_id: str | None = None
    corpus: str
    retriever: str
    student: str
    engine: str
    order_by: str
    documents: list[FoundDocument]
    comparisons: list[ComparisonOut]
    timings_ms: Timings
    queries: QueriesOut | None = None
    problems: dict[str, str] | None = None


class State(_Response):
    """Whether the server runs, or is ready to answer."""

    status: str
    detail: str | None = None
