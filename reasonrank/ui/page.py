"""The whole page: a header, its tabs, a footer; and what Gradio's launch must be told for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from reasonrank.corpus import corpus_names
from reasonrank.pipeline import Pipeline
from reasonrank.settings import Settings
from reasonrank.ui.about import about_page
from reasonrank.ui.evaluation import Evaluations
from reasonrank.ui.evaluation_tab import EvaluationTab, build_evaluation_tab
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.own import UPLOAD_MB
from reasonrank.ui.review_desk import Reviews
from reasonrank.ui.review_tab import build_review_tab
from reasonrank.ui.search_tab import build_search_tab

TITLE = "ReasonRank"
HEADER = (
    '<header class="rr-top"><h1>ReasonRank</h1><p>Search that explains itself: a small language model reorders '
    "what was found, and says why.</p></header>"
)
STEPS = (
    '<section class="rr-steps" aria-label="How it works"><ol>'
    "<li><h2>Found</h2><p>Words (BM25) and meaning (dense vectors) bring up candidates within milliseconds.</p></li>"
    "<li><h2>Scored</h2><p>A small language model grades each one: 0&nbsp;not, 1&nbsp;partly, 2&nbsp;fully relevant. "
    "The list is put in that order.</p></li>"
    "<li><h2>Explained</h2><p>For the documents at the top it says why, and why each stands above the next. "
    "Where it is unsure, the page says so.</p></li></ol></section>"
)
"""What a stranger is told before the first question."""
FOOTER = (
    '<footer class="rr-bottom"><p>Scores and reasons are written by a small language model. They can be wrong.</p>'
    "</footer>"
)
QUEUE_SIZE = 64
"""Events that may wait. Spaces would otherwise let one wait, and turn the second visitor away."""
MAX_UPLOAD = f"{UPLOAD_MB}mb"
KEEP_UPLOADS = (3600, 86400)
"""Once an hour, uploads older than a day are deleted."""

_FOLDER = Path(__file__).parent
STYLES = ("page.css", "controls.css", "cards.css", "tools.css", "review.css")
"""Scoped to Gradio's container, so that they win over its own rules for buttons and blocks."""
SCRIPTS = (
    "scheme.js",
    "patch.js",
    "form.js",
    "tools.js",
    "queries.js",
    "share.js",
    "guide.js",
    "script.js",
    "review.js",
)


def build_page(pipeline: Pipeline, settings: Settings, *, prepare: bool = True) -> gr.Blocks:
    """The page over a pipeline.

    Args:
        pipeline: Searches.
        settings: What the controls start from.
        prepare: Begin at once, in the background, to build the index and load the student.
    """
    names = tuple(entry.name for entry in corpus_names())
    reviews = Reviews(settings)
    handlers = Handlers(pipeline, settings, (*names, settings.corpus))
    evaluation = EvaluationTab(Evaluations(pipeline, settings), has_student=settings.student != "none", k=settings.k)
    with gr.Blocks(title=TITLE, analytics_enabled=False, fill_width=True, delete_cache=KEEP_UPLOADS) as page:
        gr.HTML(HEADER, apply_default_css=False)
        with gr.Tabs(elem_id="rr-tabs"):
            with gr.Tab("Search", id="search"):
                build_search_tab(page, handlers, settings, reviews)
                gr.HTML(STEPS, apply_default_css=False, elem_id="rr-steps")
            with gr.Tab("Review", id="review"):
                build_review_tab(reviews, settings)
            with gr.Tab("Evaluation", id="evaluation"):
                build_evaluation_tab(page, evaluation)
            with gr.Tab("About", id="about"):
                gr.HTML(about_page(), apply_default_css=False, elem_id="rr-about")
        gr.HTML(FOOTER, apply_default_css=False)

        def leave(request: gr.Request) -> None:
            handlers.leave(request.session_hash)

        page.unload(leave)
    page.queue(max_size=QUEUE_SIZE)
    if prepare:
        handlers.preparations.start(settings)
    return page


def launch_options() -> dict[str, Any]:
    """What ``Blocks.launch`` has to be given for this page to look and work as it should."""
    styles = [_read("style.css"), ".gradio-container {", *map(_read, STYLES), "}"]
    scripts = [_read(name) for name in SCRIPTS]
    return {
        "theme": theme(),
        # In the head, not as css: Gradio would load it only after the page is on screen.
        "head": "\n".join(["<style>", *styles, "</style>", "<script>", *scripts, "</script>"]),
        "favicon_path": str(_FOLDER / "favicon.svg"),
        "footer_links": [],
        "run_history": False,
        "show_error": False,
        "max_file_size": MAX_UPLOAD,
        "ssr_mode": False,
    }


def theme() -> gr.themes.Base:
    """Gradio's plainest theme with a font that comes with Gradio.

    Only Regular and Bold of it hold the Latin alphabet; the SemiBold file of Gradio 6.31 holds a small part of it.
    """
    fallbacks = ["Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"]
    return gr.themes.Base(
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), *map(gr.themes.Font, fallbacks)],
        font_mono=[gr.themes.LocalFont("IBM Plex Mono", weights=(400,)), gr.themes.Font("monospace")],
    )


def _read(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
