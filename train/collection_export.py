"""The sample collection in the files that ir_datasets reads: ``python -m train.collection_export --out FOLDER``.

Three files, for other tools as much as for ir_datasets: ``docs.tsv`` (doc_id, title and text on one line),
``queries.tsv`` (query_id, query) and ``qrels`` (TREC). In Python, :func:`ir_dataset` opens them as a dataset with
the interface of every other one, and registers it as ``reasonrank-collection``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reasonrank.corpora.base import Corpus
from reasonrank.corpora.collection import load_collection
from reasonrank.errors import InputError, MissingDependencyError, ReasonRankError
from reasonrank.prompts import one_line, passage_text

DATASET_ID = "reasonrank-collection"
DOCS, QUERIES, QRELS = "docs.tsv", "queries.tsv", "qrels"


def export_collection(folder: Path, corpus: Corpus | None = None) -> Path:
    """Write ``docs.tsv``, ``queries.tsv`` and ``qrels`` into ``folder``, which is made.

    Args:
        folder: Where to.
        corpus: A corpus with questions and judgements; the sample collection by default.

    Raises:
        InputError: The corpus has no judgements, or the folder cannot be written.
    """
    corpus = corpus or load_collection()
    if not corpus.queries or not corpus.qrels:
        raise InputError(f"The corpus {corpus.name} has no judged questions, so it makes no dataset.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write(folder / DOCS, ((doc.doc_id, passage_text(doc.text, doc.title)) for doc in corpus.documents))
        _write(folder / QUERIES, ((query.query_id, one_line(query.text)) for query in corpus.queries))
        (folder / QRELS).write_text("".join(_qrels_lines(corpus.qrels)), encoding="utf-8")
    except OSError as error:
        raise InputError(f"{folder} cannot be written: {error}. Choose another folder.") from error
    return folder


def ir_dataset(folder: Path) -> Any:
    """The exported files as a dataset of ir_datasets (``docs_iter``, ``docs_store``, ``queries_iter``, ``qrels_iter``).

    It is registered as :data:`DATASET_ID`, so ``ir_datasets.load`` and tools built on it find it by name in this
    process.

    Raises:
        InputError: A file is missing.
        MissingDependencyError: ir_datasets is not installed.
    """
    try:
        import ir_datasets
    except ImportError as error:
        raise MissingDependencyError("ir_datasets", "pip install 'reasonrank[datasets]'") from error
    paths = [folder / name for name in (DOCS, QUERIES, QRELS)]
    for path in paths:
        if not path.is_file():
            raise InputError(f"{path} is not there; write it with python -m train.collection_export --out {folder}.")
    docs, queries, qrels = (str(path) for path in paths)
    dataset = ir_datasets.create_dataset(docs_tsv=docs, queries_tsv=queries, qrels_trec=qrels)
    if DATASET_ID not in ir_datasets.registry:
        ir_datasets.registry.register(DATASET_ID, dataset)
    return dataset


def _write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    path.write_text("".join(f"{key}\t{text}\n" for key, text in rows), encoding="utf-8")


def _qrels_lines(qrels: Mapping[str, Mapping[str, int]]) -> Iterable[str]:
    for query_id, grades in sorted(qrels.items()):
        for doc_id, grade in sorted(grades.items()):
            yield f"{query_id} 0 {doc_id} {grade}\n"


def main(arguments: list[str] | None = None) -> int:
    """The command line; errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(prog="python -m train.collection_export", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    try:
        folder = export_collection(parser.parse_args(arguments).out)
    except ReasonRankError as error:
        print(f"train.collection_export: {error}", file=sys.stderr)  # noqa: T201 -- the edge
        return 2
    print(folder)  # noqa: T201 -- the result
    return 0


if __name__ == "__main__":
    sys.exit(main())
