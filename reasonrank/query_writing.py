"""A long question to short search queries, written by the student and read strictly, and what all of them find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reasonrank.data import Candidate, Document, SearchQueries, StageScore
from reasonrank.engines.base import Cancel, Completion, Engine, never_cancelled
from reasonrank.errors import InputError, ReplyError
from reasonrank.parsing import is_repeated
from reasonrank.prompts import QUERY_SEPARATOR, chat_safe, one_line, queries_prompt
from reasonrank.retrieval.base import Retriever
from reasonrank.retrieval.fusion import DEPTH, reciprocal_rank_fusion

MAX_QUERIES = 6
MAX_WORDS = 16
MAX_CHARS = 160
MAX_TOKENS = 96
"""Of one completion that holds all queries."""


def write_queries(engine: Engine, question: str, cancel: Cancel = never_cancelled) -> SearchQueries:
    """Let the student write search queries for a question.

    Raises:
        Cancelled: ``cancel`` answered True.
        EngineError: The engine failed.
    """
    return parse_queries(engine.generate([queries_prompt(question)], max_tokens=MAX_TOKENS, cancel=cancel)[0], question)


def parse_queries(completion: Completion, question: str) -> SearchQueries:
    """The queries of a completion, all or none.

    ``truncated``: the length cut the line off; ``repeated``: it says the same again and again; ``unparsable``: a
    query is not one (:func:`checked_queries`). ``text`` has what was written in any case.
    """
    text = " ".join(completion.text.split())
    if not completion.finished:
        return SearchQueries("truncated", (), text)
    if is_repeated(text):
        return SearchQueries("repeated", (), text)
    try:
        return SearchQueries("ok", checked_queries(text.split(QUERY_SEPARATOR), question), text)
    except ReplyError as error:
        return SearchQueries("unparsable", (), text, str(error))


def given_queries(texts: Sequence[str], question: str) -> SearchQueries:
    """Queries that came with a question, under the rules of written ones; empty ones are left out.

    It may be that none is left: then the question is searched alone. No model reads them, so that they may hold what
    reads as a control token.

    Raises:
        InputError: There are too many, or one is not a search query.
    """
    asked = [text for text in texts if text.strip()]
    if not asked:
        return SearchQueries("ok", given=True)
    try:
        return SearchQueries("ok", checked_queries(asked, question, written=False), given=True)
    except ReplyError as error:
        raise InputError(f"The search queries cannot be used: {str(error)[0].lower()}{str(error)[1:]}") from error


def checked_queries(texts: Sequence[str], question: str, *, written: bool = True) -> tuple[str, ...]:
    """Search queries on one line each, without those that say the question or an earlier query again.

    Raises:
        ReplyError: There are more than six, one has no word, more than 16 of them or more than 160 characters, one
            that a model wrote holds what reads as a control token, or nothing new is left.
    """
    if len(texts) > MAX_QUERIES:
        raise ReplyError("unparsable", f"There are {len(texts)} queries; expected at most {MAX_QUERIES}.")
    seen = {_same(question)}
    queries: list[str] = []
    for text in map(one_line, texts):
        if not any(letter.isalnum() for letter in text):
            raise ReplyError("unparsable", "A query has no word in it.")
        if len(text.split()) > MAX_WORDS or len(text) > MAX_CHARS:
            raise ReplyError("unparsable", f"A query has more than {MAX_WORDS} words or {MAX_CHARS} characters.")
        if written and chat_safe(text) != text:
            raise ReplyError("unparsable", "A query holds what reads as a control token.")
        if _same(text) not in seen:
            seen.add(_same(text))
            queries.append(text)
    if not queries:
        raise ReplyError("unparsable", "The queries only say the question again.")
    return tuple(queries)


def retrieve_for_all(retriever: Retriever, texts: Sequence[str], k: int, rrf_k: int) -> list[Candidate]:
    """Candidates of several queries as one list, by reciprocal rank fusion.

    Each candidate's ``found_by`` has its place with every query that found it, by the query's number in ``texts``
    from 0; its ``parts`` are those of the first query that found it.
    """
    found = [retriever.retrieve(text, max(k, DEPTH)) for text in texts]
    return fuse_queries(found, k, rrf_k)


def fuse_queries(found: Sequence[Sequence[Candidate]], k: int, rrf_k: int) -> list[Candidate]:
    """The lists of several queries as one; see :func:`retrieve_for_all`."""
    first: dict[str, Candidate] = {}
    places: dict[str, dict[int, StageScore]] = {}
    for number, candidates in enumerate(found):
        for candidate in candidates:
            doc_id = candidate.document.doc_id
            first.setdefault(doc_id, candidate)
            places.setdefault(doc_id, {})[number] = StageScore(candidate.rank, candidate.score)
    rankings: Mapping[str, list[str]] = {
        str(number): [one.document.doc_id for one in candidates] for number, candidates in enumerate(found)
    }
    return [
        replace(first[doc_id], rank=rank, score=score, kind="rrf", found_by=places[doc_id])
        for rank, (doc_id, score) in enumerate(reciprocal_rank_fusion(rankings, rrf_k)[:k], start=1)
    ]


def documents_by_query(candidates: Sequence[Candidate], number: int) -> list[Document]:
    """The documents of a fused list that query ``number`` found, best first by that query."""
    own = [one for one in candidates if number in one.found_by]
    return [one.document for one in sorted(own, key=lambda one: one.found_by[number].rank)]


def _same(text: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in one_line(text).casefold()).split())
