"""Questions with the answers and pages they are known for, from JSON lines; MedQuAD's own form too."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reasonrank.corpora.passages import numbered, split_passages
from reasonrank.data import Document
from reasonrank.errors import InputError
from reasonrank.formats import open_text
from reasonrank.prompts import one_line

ID_NAMES = ("pair_id", "query_id", "doc_id", "id")
MAX_CHARS = 100_000
EXPECTED = (
    'a "question", and an "answer", "answers" (texts), "positives" (doc_ids of the corpus) or several of them; '
    '"pair_id", "title", "queries" and "focus" may be there'
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and what it is known to be answered by.

    Args:
        pair_id: Names the question, and its answers as documents.
        question: What was asked, in full.
        answers: Texts that answer it, the best first.
        title: Of the answers as documents, for example the disease that they are about.
        positives: Pages that answer it, as doc_ids or addresses of a corpus.
        queries: Short queries that are known for the question, for example a forum question's title.
    """

    pair_id: str
    question: str
    answers: tuple[str, ...] = ()
    title: str = ""
    positives: tuple[str, ...] = ()
    queries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PairSet:
    """Questions without duplicates, the passages of their answers, and which passages each is known for.

    Args:
        pairs: One for each different question.
        passages: The answers cut into passages, each text once.
        known: doc_ids by pair_id: passages of its answers, and its pages.
        duplicates: How many passages were left out because their text was there.
        merged: How many questions were joined to the same question before them.
    """

    pairs: tuple[Pair, ...]
    passages: tuple[Document, ...]
    known: Mapping[str, tuple[str, ...]]
    duplicates: int
    merged: int


def read_pairs(path: Path) -> Iterator[Pair]:
    """The pairs of a file, one a line.

    Raises:
        InputError: A line is not as expected; the message has its number.
    """
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            where = f"{path.name}, line {number}"
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where}: not valid JSON. Mend or remove the line.") from error
            if not isinstance(value, dict):
                raise InputError(f"{where}: expected an object with {EXPECTED}.")
            yield _pair(value, number, where)


def pair_set(pairs: Iterable[Pair], max_words: int) -> PairSet:
    """Join equal questions, cut answers into passages of at most ``max_words`` words, and drop equal passages.

    Raises:
        InputError: Two different questions have one pair_id, or there is no question.
    """
    by_question: dict[str, Pair] = {}
    seen: dict[str, str] = {}
    by_text: dict[str, str] = {}
    passages: list[Document] = []
    known: dict[str, list[str]] = {}
    duplicates = merged = 0
    for pair in pairs:
        question = _same(pair.question)
        if seen.setdefault(pair.pair_id, question) != question:
            raise InputError(f"pair_id {pair.pair_id!r} stands for two questions; give each its own.")
        first = by_question.setdefault(question, pair)
        if first is not pair:
            merged += 1
            queries = tuple(dict.fromkeys((*first.queries, *pair.queries)))
            by_question[question] = replace(first, queries=queries)
        ids = known.setdefault(first.pair_id, list(first.positives))
        ids += [page for page in pair.positives if page not in ids]
        for document in _answer_passages(pair, max_words):
            doc_id = by_text.setdefault(_same(document.text), document.doc_id)
            if doc_id == document.doc_id:
                passages.append(document)
            else:
                duplicates += 1
            if doc_id not in ids:
                ids.append(doc_id)
    if not by_question:
        raise InputError(f"The file holds no question; expected {EXPECTED}.")
    return PairSet(
        tuple(by_question.values()),
        tuple(passages),
        {pair_id: tuple(ids) for pair_id, ids in known.items()},
        duplicates,
        merged,
    )


def _answer_passages(pair: Pair, max_words: int) -> Iterator[Document]:
    for number, answer in enumerate(pair.answers, start=1):
        name = pair.pair_id if number == 1 else f"{pair.pair_id}~{number}"
        for doc_id, text in numbered(name, split_passages(answer, max_words)):
            yield Document(doc_id, text, pair.title)


def _same(text: str) -> str:
    return one_line(text).casefold()


def _pair(value: Mapping[str, Any], number: int, where: str) -> Pair:
    name = next((value[key] for key in ID_NAMES if value.get(key) not in (None, "")), f"pair-{number}")
    if isinstance(name, int) and not isinstance(name, bool):
        name = str(name)
    if not isinstance(name, str) or not name.isprintable() or name.split() != [name]:
        raise InputError(f"{where}: the id is {str(name)[:40]!r}; expected a name without white space.")
    question = _text(value.get("question"), "question", where)
    answer = value.get("answer")
    answers = _texts(value.get("answers"), "answers", where)
    if answer is not None and answer != "":
        answers = (_text(answer, "answer", where), *answers)
    positives = _texts(value.get("positives"), "positives", where)
    if not answers and not positives:
        raise InputError(f"{where}: a question without answer; expected {EXPECTED}.")
    title = value.get("title") or value.get("focus") or ""
    if not isinstance(title, str):
        raise InputError(f"{where}: expected text under 'title'.")
    return Pair(
        name, question, answers, one_line(title)[:300], positives, _texts(value.get("queries"), "queries", where)
    )


def _texts(value: Any, what: str, where: str) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InputError(f"{where}: expected an array of texts under {what!r}.")
    return tuple(_text(one, what, where) for one in value)


def _text(value: Any, what: str, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_CHARS:
        raise InputError(f"{where}: expected text of at most {MAX_CHARS:,} characters under {what!r}.")
    return value.strip()
