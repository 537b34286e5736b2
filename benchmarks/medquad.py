"""MedQuAD as a corpus for measuring: answers cut into passages, and questions with the passages of their answer."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from pathlib import Path

from reasonrank.corpora.base import Corpus
from reasonrank.corpora.passages import numbered, split_passages
from reasonrank.data import Document


@dataclass(frozen=True)
class Question:
    """A question, and the doc_ids of the passages that its answer was cut into."""

    text: str
    answers: frozenset[str]


def read(path: Path, most: int | None = None) -> tuple[list[Document], list[Question]]:
    """Passages and questions of a file of JSON lines with ``doc_id``, ``question`` and ``answer``, .gz or not.

    An answer that was there before is left out, with its question.

    Args:
        path: The file.
        most: Stop after so many passages.
    """
    documents: list[Document] = []
    questions: list[Question] = []
    seen: set[str] = set()
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            if record["answer"] in seen:
                continue
            seen.add(record["answer"])
            passages = [Document(*one) for one in numbered(record["doc_id"], split_passages(record["answer"]))]
            documents += passages
            questions.append(Question(record["question"], frozenset(one.doc_id for one in passages)))
            if most is not None and len(documents) >= most:
                return documents[:most], questions
    return documents, questions


def corpus_of(documents: list[Document], name: str = "medquad") -> Corpus:
    return Corpus.of(name, "MedQuAD", documents)
