"""A visitor's own corpus: what is taken, what is refused with which line, and that nothing of it stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from reading import assert_harmless, text_of
from standin import ScriptedPipeline
from test_handlers import choices, page_text

from reasonrank.data import Query
from reasonrank.errors import InputError
from reasonrank.settings import Settings
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.own import preview, read_questions, take_files, take_pasted

PASSAGES = "doc_id,title,text\nn1,<b>One</b>,Lamps draw moths.\nn2,Two,Bats hunt.\n"
QUERIES = '{"query_id": "q1", "query": "What draws moths?"}\n'


@pytest.fixture
def handlers(scripted: ScriptedPipeline) -> Handlers:
    return Handlers(scripted, scripted.settings, ["collection"])


def written(folder: Path, **files: str) -> list[Path]:
    paths = []
    for name, content in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(content, encoding="utf-8")
        paths.append(path)
    return paths


def test_judgements_come_along(handlers, tmp_path):
    paths = written(tmp_path, notes__csv=PASSAGES, queries__jsonl=QUERIES, notes__qrels="q1 0 n1 2\nq1 0 n2 0\n")
    name, text = handlers.upload("a", [str(path) for path in paths])
    assert (name, text) == ("Your file: notes.csv", "notes.csv has 2 documents. Ask your question.")
    assert handlers.examples("a", name) == ([Query("q1", "What draws moths?")], "")
    value = [value for value, _ in handlers.ask("a", choices("what draws moths?", corpus=name))][-1]
    assert "In the judgements judged 2, fully relevant" in page_text(value)
    assert "view-judged" in value["parts"] and value["link"] == "", "and no link tells of a private file"


def test_pasted_text_is_searched_and_gone_with_the_visit(handlers, scripted):
    name, text = handlers.paste("a", "Lamps draw moths.\n\nBats hunt.")
    assert (name, text) == ("Your pasted text", "Your pasted text has 2 documents. Ask your question.")
    path = handlers.visitors.get("a").uploads[name].path
    assert path.is_file()
    value = [value for value, _ in handlers.ask("a", choices(corpus=name))][-1]
    assert "Lamps draw moths." in page_text(value)
    handlers.leave("a")
    assert not path.exists() and not path.parent.exists()
    assert handlers.uploads("a") == []


def test_a_visitors_texts_never_reach_a_shared_server(scripted, tmp_path):
    shared = replace(scripted.settings, milvus_uri="http://milvus:19530")
    handlers = Handlers(scripted, shared, ["collection"])
    name, _ = handlers.paste("a", "Lamps draw moths.")
    visitor = handlers.visitors.get("a")
    assert handlers.settings_of(visitor, choices(corpus=name)).milvus_uri == ""
    assert handlers.settings_of(visitor, choices(corpus="collection")).milvus_uri == shared.milvus_uri


def test_the_preview_is_text(tmp_path):
    own = take_files(written(tmp_path, notes__csv=PASSAGES), Settings(cache=tmp_path))
    html = preview(own.corpus)
    assert_harmless(html)
    assert text_of(html) == "2 documents. The first ones: <b>One</b> Lamps draw moths. Two Bats hunt."


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a__csv": PASSAGES, "b__csv": PASSAGES}, "Got a.csv, b.csv; expected one file of passages"),
        ({"a__csv": PASSAGES, "a__qrels": "q1 0 n1 2\n"}, "expected one file of passages"),
        ({"a__csv": PASSAGES, "queries__tsv": "q1\tWhy?\n", "a__qrels": "q1 0\n"}, "a.qrels, line 1: expected"),
        ({"a__csv": PASSAGES, "queries__tsv": "q1 Why?\n", "a__qrels": "q1 0 n1 2\n"}, "queries.tsv, line 1: expected"),
        ({"a__csv": PASSAGES, "queries__tsv": "q9\tWhy?\n", "a__qrels": "q1 0 n1 2\n"}, "judges none of the questions"),
        ({"a__csv": PASSAGES, "queries__tsv": "q1\tWhy?\n", "a__qrels": "q1 0 x 2\n"}, "judges none of the passages"),
    ],
)
def test_what_does_not_fit_together_has_a_sentence(tmp_path, files, sentence):
    with pytest.raises(InputError, match=sentence):
        take_files(written(tmp_path, **files), Settings(cache=tmp_path))


@pytest.mark.parametrize(("text", "sentence"), [(" \n", "There is no text yet"), ("x" * 200_001, "200,001 characters")])
def test_what_cannot_be_pasted_has_a_sentence(tmp_path, text, sentence):
    with pytest.raises(InputError, match=sentence):
        take_pasted(text, Settings(cache=tmp_path))


def test_questions_of_either_kind(tmp_path):
    [objects, tabs] = written(tmp_path, queries__jsonl=QUERIES, topics__tsv="q1\tWhat draws moths?\n\n")
    assert read_questions(objects) == read_questions(tabs) == [Query("q1", "What draws moths?")]
