"""Search queries on the page, without a browser: shown as text, edited within bounds, and carried along."""

from __future__ import annotations

import ast
import json
import shlex
from dataclasses import replace
from urllib.parse import parse_qs

import pytest
from reading import assert_harmless, read, text_of
from standin import ScriptedPipeline
from test_handlers import choices, page_text

from reasonrank.cli import _parser
from reasonrank.data import SearchQueries
from reasonrank.errors import InputError
from reasonrank.query_writing import MAX_CHARS
from reasonrank.settings import Settings
from reasonrank.ui.form import Choices
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.queries import queries_part, sent_queries
from reasonrank.ui.report import report_html
from reasonrank.ui.share import as_csv, share_query, snippets

NASTY = """it's <b>"quoted"</b> $(x) & -z"""


@pytest.fixture
def handlers(scripted: ScriptedPipeline) -> Handlers:
    return Handlers(scripted, scripted.settings, ["collection"])


def last_of(values):
    return [value for value, _ in values if value is not None][-1]


def test_written_queries_are_shown_with_what_each_found(handlers):
    value = last_of(handlers.ask("a", choices(query_writing=True)))
    [name] = [part for part in value["order"] if part.startswith("queries-")]
    html = value["parts"][name]
    assert_harmless(html)
    inputs = [attributes["value"] for tag, attributes in read(html).tags if tag == "input"]
    assert inputs == ["insects <b>lamp</b>", "dorsal light response", "", "", "", ""]
    assert text_of(html).startswith(
        "Search queries The student wrote these; each was searched beside the question. "
        "Query 1 found 1 of these 11 documents, 1 of them alone Remove Query 2 found 10 of these 11 documents Remove"
    )
    text = page_text(value)
    assert "Found by query 1 (9th)" in text and "Found by the question (1st), query 2 (1st)" in text
    assert "Queries written 640 ms" in text


def test_the_list_of_the_question_alone_is_shown_first(handlers):
    values = [value for value, _ in handlers.ask("a", choices(query_writing=True))]
    heads = [text_of(value["parts"]["head"]) for value in values]
    early = next(n for n, head in enumerate(heads) if "Queries written at work" in head)
    assert sum(part.startswith("card-") for part in values[early]["order"]) == 11
    assert values[early]["announce"].endswith("The student is writing search queries.")
    assert not any(part.startswith("queries-") for part in values[early]["order"])


def test_what_cannot_be_read_is_shown_as_such(handlers):
    value = last_of(handlers.ask("a", choices("an unreadable one", query_writing=True)))
    html = next(value["parts"][part] for part in value["order"] if part.startswith("queries-"))
    assert_harmless(html)
    text = text_of(html)
    assert "Not a usable text." in text and "A query has no word in it. The question was searched alone." in text
    assert "<b>a;" in text


def test_edited_queries_are_searched_and_the_student_is_not_asked(handlers, scripted):
    list(handlers.ask("a", choices(query_writing=True)))
    value = last_of(handlers.ask_again("a", ["lamps", "moths at night"]))
    assert scripted.given == [None, ("lamps", "moths at night")]
    assert [settings.query_writing for settings in scripted.searched] == [True, False]
    assert "as you gave them; the student was not asked" in page_text(value)
    link = parse_qs(value["link"])
    assert (link["also"], link["query_writing"]) == (["lamps", "moths at night"], ["no"])
    assert "The question was searched alone." in page_text(last_of(handlers.ask_again("a", [])))


@pytest.mark.parametrize(
    ("queries", "sentence"),
    [
        (["???"], "The search queries cannot be used: a query has no word in it."),
        (["x" * (MAX_CHARS + 1)], "The search queries cannot be used: a query has more than 16 words or 160"),
        (["a"] * 7, "The search queries cannot be used: there are 7 queries"),
    ],
)
def test_queries_that_cannot_be_searched_leave_the_list(handlers, queries, sentence):
    list(handlers.ask("a", choices(query_writing=True)))
    kept = handlers.visitors.get("a").ranking
    [(value, told)] = handlers.ask_again("a", queries)
    assert value is None and told.startswith(sentence)
    assert handlers.visitors.get("a").ranking is kept


def test_queries_need_a_question(handlers):
    assert list(handlers.ask_again("b", ["x"])) == [(None, "Ask a question first; search queries go with one.")]


def test_what_the_browser_sends_may_be_anything():
    assert sent_queries({"query-1": " ", "query-2": 7, "query-3": "b", "query-9": "z", "x": "y"}) == ("b",)
    form = {"question": "q", "corpus": "c", "retriever": "bm25", "k": "10", "explain": 3}
    form |= {"order": "student", "mode": "score_then_reason"}
    assert Choices.of(form | {"queries": ["a"]}).queries == ("a",)
    assert Choices.of(form | {"query_writing": "yes"}).query_writing is True
    for wrong, told in (("a", "incomplete"), ([1], "incomplete"), (["a"] * 7, "7 search queries; at most 6")):
        with pytest.raises(InputError, match=told):
            Choices.of(form | {"queries": wrong})


def test_a_link_says_whether_queries_are_written_or_which():
    written = parse_qs(share_query(choices("q", query_writing=True)))
    assert written["query_writing"] == ["yes"] and "also" not in written
    edited = parse_qs(share_query(choices("q", query_writing=True, queries=(NASTY, "b"))))
    assert (edited["query_writing"], edited["also"]) == (["no"], [NASTY, "b"])


def test_code_carries_the_queries_as_text(tmp_path):
    settings = Settings(cache=tmp_path)
    shell, python, curl = (text for _, _, text in snippets("q?", settings, [NASTY, "-b"]))
    options = _parser().parse_args(shlex.split(shell)[1:])
    assert (options.also, options.query_writing, options.text) == ([NASTY, "-b"], None, "q?")
    keywords = {word.arg: word.value for node in ast.walk(ast.parse(python)) for word in getattr(node, "keywords", [])}
    assert ast.literal_eval(keywords["queries"]) == [NASTY, "-b"]
    assert json.loads(shlex.split(curl)[-1])["queries"] == [NASTY, "-b"]
    shell, python, curl = (text for _, _, text in snippets("q?", replace(settings, query_writing=True)))
    assert _parser().parse_args(shlex.split(shell)[1:]).query_writing is True
    assert "query_writing=True" in python and json.loads(shlex.split(curl)[-1])["query_writing"] is True


def test_report_and_table_carry_the_queries(scripted):
    *_, last = scripted.search("Why?", replace(scripted.settings, query_writing=True))
    html = report_html(last.ranking)
    assert "insects &lt;b&gt;lamp&lt;/b&gt;" in html and "found 1 of these 11 documents, 1 of them alone" in html
    assert "<form" not in html
    rows = [line.split(",") for line in as_csv(last.ranking).splitlines()]
    column = rows[0].index("found_by_queries")
    assert rows[1][column] == "1"


def test_a_long_text_that_cannot_be_read_is_bounded(scripted):
    *_, last = scripted.search("Why?")
    queries = SearchQueries("repeated", (), "lamp " * 5000)
    [html] = queries_part(replace(last.ranking, queries=queries)).values()
    assert len(text_of(html)) < 1000 and "Repeats itself." in text_of(html)
