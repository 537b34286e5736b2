"""The Search tab: its parts as Gradio components, and the events that call the handlers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import gradio as gr

from reasonrank.corpus import corpus_names
from reasonrank.errors import InputError
from reasonrank.settings import Settings
from reasonrank.ui.decides import Decider
from reasonrank.ui.duel import Duels
from reasonrank.ui.form import Choices, examples, notice, search_form
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.lab import Lab
from reasonrank.ui.queries import sent_queries
from reasonrank.ui.render import EMPTY, progress_bar
from reasonrank.ui.review_desk import Reviews
from reasonrank.ui.review_tab import connect_sending
from reasonrank.ui.votes import JsonLinesVotes

CONCURRENT_SEARCHES = 16
"""Searches that may be under way at once. The page must not hang unanswered while others search: the pipeline
itself decides what waits for what, and each search says on the page how far it is."""

FILE_TYPES = [".jsonl", ".json", ".csv", ".tsv", ".txt", ".md", ".gz", ".qrels"]

# Templates are fixed: scripts fill them from `props.value`, so that Gradio replaces nothing that is on the page.
# The names of events stand in the scripts in quotes because Gradio looks for them there.
FORM_TEMPLATE = '<div class="rr-form-host"></div>'
FORM_SCRIPT = "window.reasonrank.attachForm(element, props, watch, trigger, ['search', 'choose', 'paste'])"
LIST_TEMPLATE = '<div class="rr-sr" role="status" aria-live="polite"></div><div class="rr-list"></div>'
RESULTS_SCRIPT = (
    "window.reasonrank.attachList(element, props, watch, trigger, "
    "['compare', 'stop', 'matrix', 'whatif', 'without', 'duel', 'keep', 'review', 'requery', 'decide'])"
)
FILES_TEMPLATE = '<div class="rr-file-host" hidden></div>'
FILES_SCRIPT = "window.reasonrank.attachFiles(element, props, watch)"
NO_FILE = {"name": "", "mime": "", "text": "", "number": 0}
PANEL_SCRIPT = (
    "window.reasonrank.attachList(element, props, watch, trigger, "
    "['close', 'judge', 'occlude', 'fight', 'vote', 'send', 'decide'])"
)
EXAMPLES_SCRIPT = "window.reasonrank.attachExamples(element)"

QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
FREE: dict[str, Any] = {**QUIET, "trigger_mode": "multiple", "concurrency_limit": CONCURRENT_SEARCHES}


def build_search_tab(page: gr.Blocks, handlers: Handlers, settings: Settings, reviews: Reviews) -> None:
    """Lay out the tab within ``page``, which is open, and connect it."""
    corpora = corpus_choices(settings)
    value = {"form": search_form(settings, corpora), "corpora": corpora, "chosen": settings.corpus}
    with gr.Column(elem_id="rr-top-part"):
        form = _html(value, "rr-form", FORM_TEMPLATE, FORM_SCRIPT)
        upload = gr.UploadButton(
            "Choose a file", file_count="multiple", file_types=FILE_TYPES, elem_id="rr-upload", visible="hidden"
        )
        sentence = gr.HTML(elem_id="rr-notice", apply_default_css=False)
        preparing = gr.HTML(elem_id="rr-preparing", apply_default_css=False)
        example_list = gr.HTML(elem_id="rr-examples", apply_default_css=False, js_on_load=EXAMPLES_SCRIPT)
    results = _html(EMPTY, "rr-results", LIST_TEMPLATE, RESULTS_SCRIPT)
    panel = _html(EMPTY, "rr-sheet", LIST_TEMPLATE, PANEL_SCRIPT)
    _connect_search(handlers, form, results, sentence)
    _connect_panel(handlers, results, panel)
    files = _html(NO_FILE, "rr-files", FILES_TEMPLATE, FILES_SCRIPT)
    _connect_keeping(handlers, results, files, sentence)
    lab = Lab(handlers.pipeline, handlers.visitors)
    _connect_lab(lab, results, panel)
    _connect_duels(Duels(lab, JsonLinesVotes(settings.cache / "votes.jsonl")), results, panel)
    connect_sending(reviews, handlers.visitors, results, panel)
    _connect_corpora(handlers, form, upload, example_list, sentence)
    _connect_preparing(page, handlers, settings, preparing)


def _html(value: Any, name: str, template: str, script: str) -> gr.HTML:
    return gr.HTML(
        value,
        html_template=template,
        js_on_load=script,
        apply_default_css=False,
        elem_id=name,
    )


def corpus_choices(settings: Settings, uploads: list[str] | None = None) -> list[tuple[str, str]]:
    """Corpora by name and title: the named ones, the setting's own if it is a file, the visitor's files."""
    choices = [(entry.name, entry.title) for entry in corpus_names()]
    if settings.corpus not in dict(choices):
        choices.insert(0, (settings.corpus, Path(settings.corpus).name))
    return choices + [(name, name) for name in uploads or []]


def _connect_search(handlers: Handlers, form: gr.HTML, results: gr.HTML, sentence: gr.HTML) -> None:
    def search(request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, str]]:
        try:
            choices = Choices.of(event._data)
        except InputError as error:
            yield gr.skip(), notice(str(error))
            return
        for value, text in handlers.ask(request.session_hash, choices):
            yield gr.skip() if value is None else value, notice(text)

    # No Gradio `cancels`: a listener with them would wait behind the very event that it is to cancel, and would
    # leave the pipeline at work. The handlers end the older run, and its events end with it.
    form.search(search, None, [results, sentence], concurrency_id="search", **FREE)

    def requery(request: gr.Request, event: gr.EventData) -> Iterator[tuple[Any, str]]:
        for value, text in handlers.ask_again(request.session_hash, sent_queries(event._data)):
            yield gr.skip() if value is None else value, notice(text)

    results.requery(requery, None, [results, sentence], concurrency_id="search", **FREE)

    def stop(request: gr.Request) -> None:
        handlers.stop(request.session_hash)

    results.stop(stop, None, None, queue=False, **QUIET)


def _connect_panel(handlers: Handlers, results: gr.HTML, panel: gr.HTML) -> None:
    def compare(request: gr.Request, event: gr.EventData) -> Iterator[Any]:
        first, second = str(event._data.get("first")), str(event._data.get("second"))
        yield from handlers.compare(request.session_hash, first, second)

    results.compare(compare, None, panel, concurrency_id="compare", **FREE)

    def close(request: gr.Request) -> None:
        handlers.stop_comparison(request.session_hash)

    panel.close(close, None, None, queue=False, **QUIET)


def _connect_keeping(handlers: Handlers, results: gr.HTML, files: gr.HTML, sentence: gr.HTML) -> None:
    def keep(request: gr.Request, event: gr.EventData) -> tuple[Any, str]:
        try:
            made = handlers.keep(request.session_hash, str(event._data.get("format")))
        except InputError as error:
            return gr.skip(), notice(str(error))
        return asdict(made) | {"number": time.monotonic_ns()}, ""

    results.keep(keep, None, [files, sentence], concurrency_id="keep", **FREE)


def _connect_lab(lab: Lab, results: gr.HTML, panel: gr.HTML) -> None:
    def matrix(request: gr.Request) -> Iterator[Any]:
        yield from lab.matrix(request.session_hash)

    def without(request: gr.Request, event: gr.EventData) -> Iterator[Any]:
        yield from lab.without(request.session_hash, str(event._data.get("left")))

    def whatif(request: gr.Request, event: gr.EventData) -> Any:
        return lab.open_whatif(request.session_hash, str(event._data.get("doc")))

    def judge(request: gr.Request, event: gr.EventData) -> Iterator[Any]:
        yield from lab.judge(request.session_hash, event._data)

    def occlude(request: gr.Request, event: gr.EventData) -> Iterator[Any]:
        yield from lab.occlude(request.session_hash, event._data)

    decider = Decider(lab)

    def decide(request: gr.Request, event: gr.EventData) -> Iterator[Any]:
        yield from decider.decide(request.session_hash, event._data)

    for listen, work in (
        (results.matrix, matrix),
        (results.without, without),
        (results.whatif, whatif),
        (panel.judge, judge),
        (panel.occlude, occlude),
        (results.decide, decide),
        (panel.decide, decide),
    ):
        listen(work, None, panel, concurrency_id="compare", **FREE)


def _connect_duels(duels: Duels, results: gr.HTML, panel: gr.HTML) -> None:
    def open_duel(request: gr.Request) -> Any:
        return duels.open(request.session_hash)

    def fight(request: gr.Request, event: gr.EventData) -> Iterator[Any]:
        yield from duels.fight(request.session_hash, event._data)

    def vote(request: gr.Request, event: gr.EventData) -> Any:
        return duels.vote(request.session_hash, str(event._data.get("choice")))

    for listen, work in ((results.duel, open_duel), (panel.fight, fight), (panel.vote, vote)):
        listen(work, None, panel, concurrency_id="compare", **FREE)


def _connect_corpora(
    handlers: Handlers, form: gr.HTML, upload: gr.UploadButton, example_list: gr.HTML, sentence: gr.HTML
) -> None:
    def took(request: gr.Request, name: str | None, text: str) -> tuple[Any, str, Any]:
        if name is None:
            return gr.skip(), notice(text), gr.skip()
        corpora = corpus_choices(handlers.settings, handlers.uploads(request.session_hash))
        seen = handlers.preview(request.session_hash, name)
        questions, _ = handlers.examples(request.session_hash, name)
        return {"form": "", "corpora": corpora, "chosen": name}, notice(text, bad=False) + seen, examples(questions)

    def take(request: gr.Request, paths: list[str]) -> tuple[Any, str, Any]:
        return took(request, *handlers.upload(request.session_hash, paths))

    def paste(request: gr.Request, event: gr.EventData) -> tuple[Any, str, Any]:
        return took(request, *handlers.paste(request.session_hash, str(event._data.get("text"))))

    def choose(request: gr.Request, event: gr.EventData) -> tuple[str, str]:
        questions, text = handlers.examples(request.session_hash, str(event._data.get("corpus")))
        return examples(questions), notice(text)

    upload.upload(take, upload, [form, sentence, example_list], concurrency_id="corpus", **FREE)
    form.paste(paste, None, [form, sentence, example_list], concurrency_id="corpus", **FREE)
    form.choose(choose, None, [example_list, sentence], concurrency_id="corpus", **FREE)


def _connect_preparing(page: gr.Blocks, handlers: Handlers, settings: Settings, preparing: gr.HTML) -> None:
    timer = gr.Timer(1.0, active=False)

    def look() -> tuple[str, gr.Timer]:
        state = handlers.preparations.state(settings)
        if state.done:
            return notice(state.problem), gr.Timer(active=False)
        return f'<div class="rr-notice">{progress_bar(state.what, state.share)}</div>', gr.Timer(active=True)

    gr.on([page.load, timer.tick], look, None, [preparing, timer], queue=False, **QUIET)
