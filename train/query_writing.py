"""Examples of the student's second task, a long question to short search queries: ``python -m train.query_writing``.

InteRank's student also writes search queries (arXiv 2504.03947). Examples come from what is at hand:

1. Questions with queries that a teacher wrote, or that a forum gave them as titles (``.queries.jsonl`` of
   ``train.synthesize``).
2. Judged lists: a long query and the shorter queries for which the same document is fully relevant, among them,
   with ``--pairs``, the question that the document was written to answer.

    python -m train.query_writing --queries F ... --judged F ... --pairs F --out examples.jsonl

:func:`query_sequence` turns an example into a token sequence of :mod:`train.examples` that has no choice to make and
one text to learn, so it goes among a list's ``extras`` without a change of the trainer.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reasonrank.encoding import encode
from reasonrank.errors import InputError, ReasonRankError, ReplyError
from reasonrank.formats import open_text
from reasonrank.prompts import QUERY_SEPARATOR, STOP, one_line, queries_prompt
from reasonrank.query_writing import MAX_QUERIES, checked_queries
from train.pairs import Pair, read_pairs
from train.record_lines import write_json_lines
from train.records import TeacherRecord, read_records

if TYPE_CHECKING:
    from train.examples import TokenSequence

LONG_WORDS = 12
"""A question of fewer words is a search query already."""
SHORTER = 0.75
"""A query is shorter than a question when it has at most this part of its words."""
_BOTH_NUMBERS = re.compile(r" \((?:are|is)\)")


@dataclass(frozen=True, slots=True)
class QueryExample:
    """A long question and the short queries that should be written for it, the best first."""

    query_id: str
    question: str
    queries: tuple[str, ...]

    def line(self) -> dict[str, Any]:
        """The example as a JSON object."""
        return {"query_id": self.query_id, "question": self.question, "queries": list(self.queries)}


def read_examples(path: str | Path) -> list[QueryExample]:
    """The examples of a file, one JSON object a line.

    Raises:
        InputError: A line is not as expected; the message has its number.
    """
    examples = []
    with open_text(Path(path)) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                examples.append(_example(json.loads(line)))
            except (ValueError, RecursionError, KeyError, TypeError, ReplyError) as error:
                raise InputError(
                    f"{Path(path).name}, line {number}: not an example ({error}); expected query_id, question and "
                    "queries, an array of short texts. Mend or remove the line."
                ) from error
    return examples


def usable_examples(examples: Iterable[QueryExample], most: int = MAX_QUERIES) -> Iterator[QueryExample]:
    """Examples that can be trained: long questions, and those of their queries that are shorter and can be parsed.

    Each is cut to ``most`` queries. A query with the separator in it is left out, since it would be read as two.
    """
    for example in examples:
        words = len(one_line(example.question).split())
        if words < LONG_WORDS:
            continue
        kept = [one_line(query) for query in example.queries if len(query.split()) <= SHORTER * words]
        good = [query for query in kept if QUERY_SEPARATOR not in query and _is_query(query, example.question)]
        queries = checked_queries(good[:most], example.question) if good else ()
        if queries:
            yield QueryExample(example.query_id, example.question, queries)


def judged_examples(records: Sequence[TeacherRecord], pairs: Iterable[Pair] = ()) -> Iterator[QueryExample]:
    """From judged lists: each query with the others for which one of its fully relevant documents is so too.

    A pair's question, and the title of what it is about, are queries for the passages of its answer; these are the
    documents named ``pair_id``, ``pair_id-2`` or ``pair_id#2``. The shortest queries come first.
    """
    queries_of: dict[str, list[str]] = {}
    for pair in pairs:
        queries_of.setdefault(pair.pair_id, []).extend(
            text for text in (_plain(pair.question), pair.title, *pair.queries) if text
        )
    by_document: dict[str, list[str]] = {}
    for record in records:
        for doc_id in _fully_relevant(record):
            by_document.setdefault(doc_id, []).append(record.query.text)
    for record in records:
        found = [query for doc_id in _fully_relevant(record) for query in by_document[doc_id]]
        found += [query for doc_id in _fully_relevant(record) for query in queries_of.get(_pair_id(doc_id), [])]
        others = dict.fromkeys(one_line(query) for query in found if query != record.query.text)
        if others:
            queries = sorted(others, key=lambda query: len(query.split()))
            yield QueryExample(record.query.query_id, record.query.text, tuple(queries))


def completion_text(queries: Sequence[str]) -> str:
    """What the student should write after :func:`reasonrank.prompts.queries_prompt`, up to the line's end.

    >>> completion_text(["moths light", "phototaxis insects"])
    ' moths light; phototaxis insects'
    """
    return " " + f"{QUERY_SEPARATOR} ".join(queries)


def query_sequence(tokenizer: Any, example: QueryExample, max_question_words: int = 200) -> TokenSequence:
    """The example as tokens: the prompt as the engine reads it, then the queries and the line's end, to be learned.

    ``choice_id`` is None and ``choice_at`` is the sequence's end: there is no choice to learn, as in a reason-first
    sequence without a label.
    """
    from train.examples import TokenSequence

    question = " ".join(one_line(example.question).split(" ")[:max_question_words])
    prompt = encode(tokenizer, queries_prompt(question))
    written = encode(tokenizer, completion_text(example.queries)) + encode(tokenizer, STOP)
    ids = (*prompt, *written)
    return TokenSequence(ids, "late_grade", len(ids), None, ((len(prompt), len(ids)),))


def _plain(question: str) -> str:
    """A question as one types it: MedQuAD's "What is (are) Rickets ?" is "What is Rickets"."""
    return _BOTH_NUMBERS.sub("", question).rstrip(" ?")


def _fully_relevant(record: TeacherRecord) -> list[str]:
    return [doc_id for doc_id, label in record.labels.items() if label == 2]


def _pair_id(doc_id: str) -> str:
    name, mark, number = doc_id.replace("#", "-").rpartition("-")
    return name if mark and number.isdigit() else doc_id


def _is_query(text: str, question: str) -> bool:
    try:
        checked_queries([text], question)
    except ReplyError:
        return False
    return True


def _example(value: Mapping[str, Any]) -> QueryExample:
    query_id, question, queries = value["query_id"], value["question"], value["queries"]
    if not isinstance(queries, list) or not all(isinstance(text, str) for text in (query_id, question, *queries)):
        raise TypeError("a field is no text")
    return QueryExample(query_id, question, tuple(queries))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line: counts as JSON on standard output; errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m train.query_writing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--queries", type=Path, nargs="*", default=[], help="questions with their queries")
    parser.add_argument("--judged", type=Path, nargs="*", default=[], help="teacher records with labels")
    parser.add_argument("--pairs", type=Path, default=None, help="the pairs that the judged passages were cut from")
    parser.add_argument("--out", type=Path, required=True, help="the examples, a .jsonl file")
    options = parser.parse_args(arguments)
    try:
        if not options.queries and not options.judged:
            raise InputError("Give --queries or --judged files to make examples from.")
        records = [record for path in options.judged for record in read_records(path)]
        pairs = list(read_pairs(options.pairs)) if options.pairs else []
        found = [example for path in options.queries for example in read_examples(path)]
        found += judged_examples(records, pairs)
        examples = list(usable_examples(found))
        if not examples:
            raise InputError(
                f"None of {len(found)} questions has {LONG_WORDS} words or more and a shorter query; give other files."
            )
        write_json_lines(options.out, (example.line() for example in examples))
    except ReasonRankError as error:
        sys.stderr.write(f"train.query_writing: {error}\n")
        return 2
    counts = {"read": len(found), "examples": len(examples), "queries": sum(len(one.queries) for one in examples)}
    sys.stdout.write(json.dumps(counts) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
