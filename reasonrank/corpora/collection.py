"""The sample collection: passages, questions and judgements written for this project."""

from __future__ import annotations

import json
from pathlib import Path

from reasonrank.assets import assets_path
from reasonrank.corpora.base import Corpus
from reasonrank.corpora.files import load_file
from reasonrank.data import Query
from reasonrank.errors import InputError
from reasonrank.formats import open_text, read_qrels

NAME = "collection"
TITLE = "Sample collection: twelve fields, questions that take a step of thought"


def load_collection(folder: Path | None = None) -> Corpus:
    """The collection in ``folder``, which holds ``corpus.jsonl``, ``queries.jsonl`` and ``qrels.test``.

    Raises:
        InputError: A file is missing or not as expected.
    """
    folder = folder or assets_path() / "collection"
    if not (folder / "corpus.jsonl").is_file():
        raise InputError(
            f"The sample collection is not in {folder}; expected corpus.jsonl there. Install reasonrank again, "
            "or name another corpus."
        )
    corpus = load_file(folder / "corpus.jsonl")
    queries, qrels = folder / "queries.jsonl", folder / "qrels.test"
    return Corpus.of(
        NAME,
        TITLE,
        corpus.documents,
        queries=_queries(queries) if queries.is_file() else (),
        qrels=read_qrels(qrels) if qrels.is_file() else None,
    )


def _queries(path: Path) -> list[Query]:
    queries: list[Query] = []
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                record = json.loads(line)
                queries.append(Query(str(record["query_id"]), str(record["query"])))
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(f'{path.name}, line {number}: expected "query_id" and "query".') from error
    return queries
