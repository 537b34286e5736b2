"""The collection reads the same through ir_datasets as through our own loader."""

from __future__ import annotations

from pathlib import Path

import ir_datasets
import pytest

from reasonrank.corpora.base import Corpus
from reasonrank.corpora.collection import load_collection
from reasonrank.data import Document, Query
from reasonrank.errors import InputError
from reasonrank.prompts import passage_text
from train.collection_export import DATASET_ID, export_collection, ir_dataset, main


def test_ir_datasets_reads_what_we_read(tmp_path: Path) -> None:
    corpus = load_collection()
    dataset = ir_dataset(export_collection(tmp_path / "made"))
    assert {doc.doc_id: doc.text for doc in dataset.docs_iter()} == {
        doc.doc_id: passage_text(doc.text, doc.title) for doc in corpus.documents
    }
    assert [(query.query_id, query.text) for query in dataset.queries_iter()] == [
        (query.query_id, query.text) for query in corpus.queries
    ]
    assert dataset.qrels_dict() == corpus.qrels
    doc_id = corpus.documents[7].doc_id
    assert dataset.docs_store().get(doc_id).doc_id == doc_id
    assert {doc.doc_id for doc in ir_datasets.load(DATASET_ID).docs_iter()} == {d.doc_id for d in corpus.documents}


def test_tabs_and_line_ends_in_texts_do_not_make_fields(tmp_path: Path) -> None:
    corpus = Corpus.of(
        "odd",
        "odd",
        [Document("d1", "one\ttwo\nthree", "A\ttitle")],
        queries=[Query("q1", "what\tis\nit")],
        qrels={"q1": {"d1": 2}},
    )
    export_collection(tmp_path, corpus)
    assert (tmp_path / "docs.tsv").read_text() == "d1\tA title. one two three\n"
    assert (tmp_path / "queries.tsv").read_text() == "q1\twhat is it\n"
    assert (tmp_path / "qrels").read_text() == "q1 0 d1 2\n"


def test_what_cannot_be_done_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"docs\.tsv is not there"):
        ir_dataset(tmp_path)
    with pytest.raises(InputError, match="no judged questions"):
        export_collection(tmp_path, Corpus.of("bare", "bare", [Document("d", "text")]))
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file" / "below")]) == 2
    assert "cannot be written" in capsys.readouterr().err
