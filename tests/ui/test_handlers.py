"""Asking, stopping, comparing and uploading without a browser: who waits for what, and what ends what."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from reading import text_of
from standin import ScriptedPipeline

from reasonrank.settings import Settings
from reasonrank.ui.form import Choices
from reasonrank.ui.handlers import EXAMPLES, Handlers
from reasonrank.ui.runs import MAX_VISITORS, UPDATES_PER_SECOND, Run, Visitors, paced


@pytest.fixture
def handlers(scripted: ScriptedPipeline) -> Handlers:
    return Handlers(scripted, scripted.settings, ["collection"])


def choices(question: str = "Why do moths circle a lamp?", **changes) -> Choices:
    chosen = Choices(question, "collection", "hybrid", 20, "student", "score_then_reason", 5)
    return replace(chosen, **changes)


def page_text(value) -> str:
    return " ".join(text_of(html) for html in value["parts"].values())


def eventually(condition, seconds: float = 5.0) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return bool(condition())


# -- asking ----------------------------------------------------------------------------------------------------


def test_the_first_stage_is_shown_before_the_scores(handlers):
    values = [value for value, _ in handlers.ask("a", choices())]
    heads = [text_of(value["parts"]["head"]) for value in values]
    first_list = next(n for n, head in enumerate(heads) if "Found 7 ms" in head)
    scored = next(n for n, head in enumerate(heads) if "Scored 812 ms" in head)
    assert first_list < scored, "the first stage's list is never skipped"
    assert "Ordered by Fused (RRF) score" in heads[first_list]
    assert "Ordered by the student's expected grade" in heads[scored]
    assert not values[-1]["busy"] and all(value["busy"] for value in values[:-1])
    assert "Together 4,633 ms" in heads[-1]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (choices(""), "The question is empty; type a few words."),
        (choices(" \n "), "The question is empty; type a few words."),
        (choices("word " * 10_000), "The question has 49,999 characters; at most 4,000 are read. Shorten it."),
        (choices(corpus="/etc/passwd"), "This corpus is not on offer any more"),
        (choices(corpus="../collection"), "This corpus is not on offer any more"),
        (choices(k=100_000), "This number is not on offer"),
        (choices(explain=10_000), "This number is not on offer"),
        (choices(retriever="magic"), "retriever is 'magic'; it must be one of bm25, dense, hybrid."),
    ],
)
def test_a_question_that_cannot_be_asked_changes_nothing_but_the_sentence(handlers, scripted, asked, sentence):
    running = handlers.ask("a", choices("slow"))
    next(running)
    [(value, text)] = handlers.ask("a", asked)
    assert value is None and text.startswith(sentence)
    assert not handlers.visitors.get("a").search.cancelled(), "the question before goes on"
    running.close()


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("nothing", "Nothing in Scripted matches this question."),
        ("damaged", "The index of Scripted is damaged; rebuild it with: reasonrank index --rebuild"),
        ("crash", "Something went wrong on the server; its log has the details. You can ask again."),
        ("broken student", "Scoring failed. The model 'x' could not be loaded; check the name."),
        ("broken reasons", "Explaining failed. The engine ran out of memory."),
    ],
)
def test_every_failure_has_its_sentence(handlers, question, sentence):
    value = [value for value, _ in handlers.ask("a", choices(question))][-1]
    assert sentence in page_text(value)
    assert "secret" not in page_text(value)
    assert not value["busy"]


def test_the_choices_reach_the_pipeline(handlers, scripted):
    asked = choices(retriever="dense", k=10, order="fused", mode="reason_then_score", explain=3)
    list(handlers.ask("a", asked))
    expected = replace(scripted.settings, retriever="dense", k=10, order="fused", mode="reason_then_score", explain=3)
    assert scripted.searched == [expected]


# -- the newest question wins ----------------------------------------------------------------------------------


def test_a_new_question_ends_the_old_one_in_the_pipeline_too(handlers, scripted):
    old: list = []
    thread = threading.Thread(target=lambda: old.extend(handlers.ask("a", choices("a slow one"))))
    thread.start()
    assert eventually(lambda: any("Scored 812 ms" in page_text(value) for value, _ in old))
    new = list(handlers.ask("a", choices()))
    thread.join(timeout=2)
    assert not thread.is_alive(), "the old question's events end"
    assert eventually(lambda: scripted.cancelled == ["a slow one"]), "and its work stops"
    assert scripted.finished == ["Why do moths circle a lamp?"]
    assert max(value["run"] for value, _ in old) < min(value["run"] for value, _ in new)


def test_visitors_do_not_disturb_each_other(handlers, scripted):
    other = handlers.ask("b", choices("a slow one"))
    next(other), next(other)
    list(handlers.ask("a", choices()))
    assert not handlers.visitors.get("b").search.cancelled()
    other.close()
    assert eventually(lambda: scripted.cancelled == ["a slow one"]), "an abandoned generator stops its work"


def test_stopping_keeps_what_was_reached(handlers, scripted):
    value = None
    for value, _ in handlers.ask("a", choices("a slow one")):
        if "Scored 812 ms" in page_text(value):
            handlers.stop("a")
    assert "Stopped. What was reached stands." in page_text(value)
    assert "Explained stopped" in page_text(value) and "1.86 of 2" in page_text(value)
    assert eventually(lambda: scripted.cancelled == ["a slow one"])


def test_closing_the_page_stops_its_work(handlers, scripted):
    running = handlers.ask("a", choices("a slow one"))
    next(running), next(running)
    handlers.visitors.leave("a")
    assert eventually(lambda: scripted.cancelled == ["a slow one"])


def test_the_oldest_visitor_is_forgotten_first():
    visitors = Visitors()
    run = visitors.begin_search(visitors.get("first"))
    for number in range(MAX_VISITORS):
        visitors.get(str(number))
    assert run.cancelled()


# -- pace ------------------------------------------------------------------------------------------------------


def test_updates_come_at_a_calm_pace_and_the_last_one_always():
    run = Run(1)
    begin = time.monotonic()

    def work(cancel):
        for number in range(200):
            time.sleep(0.005)
            yield number

    shown = [value for value in paced(run, work, lambda new, old: True) if value is not None]
    spent = time.monotonic() - begin
    assert shown[-1] == 199
    assert len(shown) <= spent * UPDATES_PER_SECOND + 2


def test_values_that_supersede_nothing_are_all_shown():
    shown = list(paced(Run(1), lambda cancel: iter("abc"), lambda new, old: False))
    assert [value for value in shown if value] == ["a", "b", "c"]


def test_waiting_is_heard_and_cancelling_does_not_wait_for_the_worker():
    run, stuck = Run(1), threading.Event()

    def work(cancel):
        stuck.wait(10)
        yield "late"

    beats = paced(run, work, lambda new, old: False)
    assert next(beats) is None
    run.cancel()
    begin = time.monotonic()
    assert list(beats) == []
    assert time.monotonic() - begin < 1
    stuck.set()


def test_what_the_work_raises_reaches_the_reader():
    def work(cancel):
        yield 1
        raise ValueError("broken")

    values = paced(Run(1), work, lambda new, old: False)
    assert next(values) == 1
    with pytest.raises(ValueError, match="broken"):
        list(values)


# -- preparing -------------------------------------------------------------------------------------------------


def test_a_corpus_still_indexing_says_so(handlers, scripted):
    scripted.prepared.clear()
    texts = []
    for value, _ in handlers.ask("a", choices()):
        texts.append(page_text(value))
        if "Building the index of Scripted" in texts[-1]:
            scripted.prepared.set()
    assert any("Building the index of Scripted" in text and "%" in text for text in texts)
    assert "Together" in texts[-1]
    assert eventually(lambda: handlers.preparations.state(scripted.settings).done)


def test_preparing_that_fails_keeps_its_sentence(tmp_path):
    class Broken(ScriptedPipeline):
        def prepare(self, settings=None, progress=None):
            raise RuntimeError("a secret path")

    pipeline = Broken(Settings(cache=tmp_path))
    preparations = Handlers(pipeline, pipeline.settings, []).preparations
    preparations.start(pipeline.settings)
    state = preparations.wait(pipeline.settings, 5)
    assert state.done and state.problem == "Preparing failed unexpectedly; the server's log has the details."


# -- comparing -------------------------------------------------------------------------------------------------


def test_any_two_documents_are_compared(handlers):
    list(handlers.ask("a", choices(explain=3)))
    values = list(handlers.compare("a", "moths", "heat"))
    assert "Comparing 1 The dorsal light response" in page_text(values[0])
    last = page_text(values[-1])
    assert "1 The dorsal light response over" in last and "clearly, 93%" in last
    assert values[0]["busy"] and not values[-1]["busy"]


def test_neighbours_that_were_compared_are_not_compared_again(handlers):
    list(handlers.ask("a", choices()))
    [value] = handlers.compare("a", "moon", "moths")
    assert "1 The dorsal light response over 2 Steering by the moon" in page_text(value)


@pytest.mark.parametrize("ids", [("moths", "moths"), ("moths", "unknown"), ("", "")])
def test_what_cannot_be_compared_has_a_sentence(handlers, ids):
    list(handlers.ask("a", choices()))
    [value] = handlers.compare("a", *ids)
    assert "Choose two different documents of the list to compare." in page_text(value)


def test_a_comparison_before_any_question_has_a_sentence(handlers):
    [value] = handlers.compare("new", "moths", "heat")
    assert "Choose two different documents" in page_text(value)


def test_a_comparison_that_fails_has_a_sentence(handlers):
    list(handlers.ask("a", choices()))
    value = list(handlers.compare("a", "moths", "attack"))[-1]
    assert "The engine refused this pair." in page_text(value)


def test_a_new_question_ends_the_comparison(handlers):
    list(handlers.ask("a", choices()))
    running = handlers.compare("a", "moths", "heat")
    next(running)
    run = handlers.visitors.get("a").comparison
    list(handlers.ask("a", choices()))
    assert run.cancelled() and list(running) == []


# -- corpora ---------------------------------------------------------------------------------------------------


def test_an_upload_becomes_a_corpus_of_its_visitor(handlers, scripted, tmp_path):
    file = tmp_path / "notes.csv"
    file.write_text("doc_id,title,text\nn1,One,A first note.\nn2,Two,A second note.\n", encoding="utf-8")
    name, text = handlers.upload("a", [str(file)])
    assert (name, text) == ("Your file: notes.csv", "notes.csv has 2 documents. Ask your question.")
    assert handlers.uploads("a") == [name] and handlers.uploads("b") == []
    value = [value for value, _ in handlers.ask("a", choices(corpus=name))][-1]
    assert "A first note." in page_text(value)
    [(_, sentence)] = handlers.ask("b", choices(corpus=name))
    assert "not on offer" in sentence, "another visitor cannot read it"


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("broken.jsonl", '{"doc_id": "a", "text": "One."}\n{"doc_id": "b"\n', "line 2"),
        ("empty.txt", "", "empty.txt"),
        ("wrong.csv", "a,b\n1,2\n", "wrong.csv"),
    ],
)
def test_a_broken_upload_says_where(handlers, tmp_path, name, content, sentence):
    file = tmp_path / name
    file.write_text(content, encoding="utf-8")
    chosen, text = handlers.upload("a", [str(file)])
    assert chosen is None and sentence in text
    assert handlers.uploads("a") == []


def test_examples_come_from_the_corpus(handlers):
    questions, text = handlers.examples("a", "collection")
    assert (len(questions), text) == (3, "") and len(questions) <= EXAMPLES
    assert handlers.examples("a", "/etc/passwd")[0] == []
