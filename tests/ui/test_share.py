"""Links, code, and files of a list: what they hold, and that what they hold cannot become anything else."""

from __future__ import annotations

import ast
import csv
import io
import json
import shlex
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import parse_qs

import pytest
from standin import ScriptedPipeline
from test_handlers import choices

from reasonrank.data import Document, Ranking
from reasonrank.errors import InputError
from reasonrank.settings import Settings
from reasonrank.ui.form import Choices
from reasonrank.ui.report import report_html
from reasonrank.ui.share import as_csv, download, share_query, share_view, snippets

NASTY = """it's "quoted" $(rm -rf /) `x` \\ </pre> ${a} & %s\n=1"""


@pytest.fixture
def ranking(scripted: ScriptedPipeline) -> Ranking:
    *_, last = scripted.search("Why do moths circle a lamp?")
    return last.ranking


def test_a_link_says_all_that_was_chosen():
    asked = choices(NASTY, retriever="bm25", k=10, order="fused", explain=3)
    sent = {name: values[0] for name, values in parse_qs(share_query(asked)).items()}
    question = sent.pop("q")
    assert Choices.of({"question": question, **sent}) == replace(asked, question=NASTY)


def test_code_holds_any_question_as_text(tmp_path):
    settings = Settings(cache=tmp_path, retriever="bm25", k=10)
    shell, python, curl = (text for _, _, text in snippets(NASTY, settings))
    assert shlex.split(shell)[-2:] == ["--", NASTY]
    strings = [node.value for node in ast.walk(ast.parse(python)) if isinstance(node, ast.Constant)]
    assert NASTY in strings and "bm25" in strings and 10 in strings
    body = json.loads(shlex.split(curl)[-1])
    assert (body["query"], body["retriever"], body["k"]) == (NASTY, "bm25", 10)


def test_the_python_of_the_page_names_settings_that_exist(tmp_path):
    settings = Settings(cache=tmp_path, order="fused")
    _, (_, _, python), _ = snippets("Why?", settings)
    call = next(node for node in ast.walk(ast.parse(python)) if getattr(node, "attr", "") == "load")
    assert call is not None
    arguments = {
        k.arg: ast.literal_eval(k.value) for n in ast.walk(ast.parse(python)) for k in getattr(n, "keywords", [])
    }
    assert replace(Settings.load({}, cache=tmp_path, **arguments)) == settings


def test_a_list_of_ones_own_file_has_no_link(tmp_path):
    view = share_view("Why?", Settings(cache=tmp_path, corpus="/somewhere/private.csv"), "")
    assert "private" not in view and "no link" in view


def test_json_is_the_command_lines(ranking):
    made = download(ranking, "json")
    value = json.loads(made.text)
    assert made.name == "reasonrank-why-do-moths-circle-a-lamp.json"
    assert [d["doc_id"] for d in value["documents"]][:3] == ["moths", "moon", "lamps"]
    assert value["documents"][0]["reason"]["evidence"]["verified"]


def test_a_run_has_scores_that_strictly_fall(ranking):
    lines = [line.split() for line in download(ranking, "run").text.splitlines()]
    assert [line[2] for line in lines] == [scored.doc_id for scored in ranking.documents]
    scores = [float(line[4]) for line in lines]
    assert all(above > below for above, below in pairwise(scores))


def test_no_cell_is_a_formula(ranking):
    top = ranking.documents[0]
    document = Document("=cmd|'/c calc'!A0", '+1 and more, "quoted"\nsecond line', "@SUM(A1)")
    changed = replace(top, candidate=replace(top.candidate, document=document))
    rows = list(csv.DictReader(io.StringIO(as_csv(replace(ranking, documents=(changed, *ranking.documents[1:]))))))
    assert len(rows) == len(ranking.documents)
    assert (rows[0]["doc_id"], rows[0]["title"]) == ("'=cmd|'/c calc'!A0", "'@SUM(A1)")
    assert rows[0]["text"] == '\'+1 and more, "quoted"\nsecond line'
    assert float(rows[0]["expected_grade"]) == pytest.approx(1.86)


def test_an_unknown_format_has_a_sentence(ranking):
    with pytest.raises(InputError, match="no such file format"):
        download(ranking, "exe")


def test_the_report_stands_alone(ranking):
    html = report_html(ranking, datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
    found: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.append((tag, dict(attrs)))

    Tags().feed(html)
    assert not {tag for tag, _ in found} & {"script", "img", "iframe", "link", "object"}
    assert not [a for _, attributes in found for a in attributes if a.startswith("on") or a == "src"]
    assert all(attributes["href"].startswith("#doc-") for tag, attributes in found if tag == "a")
    assert "url(" not in html and "@import" not in html
    assert "2026-11-21 09:30 UTC" in html and "1.86" in html
    assert "insects near a lamp roll their backs" in html and "Contradicts the order" in html
    ids = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(ids) == len(set(ids))
