"""The About tab: how it works, what the student learned from, how good it is, and where it fails."""

from __future__ import annotations

from dataclasses import dataclass

from reasonrank.ui.markup import esc

HOW = (
    "<section><h2>How it works</h2><ol>"
    "<li><b>Found.</b> BM25 finds by words, dense vectors find by meaning; their lists are fused.</li>"
    "<li><b>Scored.</b> A small language model reads each passage with the question and answers with a grade: "
    "0 not, 1 partly, 2 fully relevant. The score is the expected grade under its probabilities.</li>"
    "<li><b>Ordered.</b> By three things together: this score, how near an encoder puts question and passage, and, a "
    "little, where the passage was found. The form offers the score alone.</li>"
    "<li><b>Explained.</b> For the documents at the top the model goes on and says why. The sentence of the text that "
    "supports the reason best is marked; where none does, the page says so.</li>"
    "<li><b>Compared.</b> Two documents are shown to the model in both orders, since which comes first can sway it. "
    "The two answers are averaged; a comparison that contradicts the list is shown as a contradiction.</li>"
    "</ol></section>"
)
LEARNED = (
    "<section><h2>What the student learned from</h2><p>The student that comes with ReasonRank is SmolLM2 with 135 "
    "million parameters and a small trained addition (LoRA). It learned from lists of web and health passages that a "
    "large language model had judged and explained, from lists written for this project, and from the order that two "
    "text encoders together give. It saw English only, and passages of 80 words. Because of the terms of MS MARCO, "
    "whose passages are among them, it may be used for non-commercial research only. Questions and grades of the "
    "sample collection were also written by language models.</p></section>"
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row of the measured table: what was put in order how, and its nDCG@10."""

    name: str
    ndcg: float


MEASURED_ON = "2026-11-21"
FIGURES = (
    Figure("BM25 alone", 0.499),
    Figure("The encoder alone", 0.579),
    Figure("The student’s grade alone", 0.566),
    Figure("As this page orders: student, encoder and BM25 together", 0.601),
)
"""TREC Deep Learning 2019, first 20 questions, BM25's top 30, the student in int8; the README says how.
That the list is ordered by all three together by default was decided by this."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure that was seen: the question, what came out, and what it teaches."""

    question: str
    outcome: str
    lesson: str


FAILURES = (
    Failure(
        "Every summer evening the same thing on my porch: insects circling the bulb as if tied to it, some even "
        "flipping over onto their backs above it. They surely are not cold, so what are they doing?",
        "None of the ten candidates of the hybrid retriever was relevant: it did not find the two passages that "
        "answer. The student still gave “Which porch bulb draws the fewest insects” 1.12 of 2, with the reason “A bulb "
        "with a few insects in it, a lamp or switch, is the only one that counts; the others are not there.”",
        "A reranker cannot bring back what was not found, and a fluent reason is no proof. The comparison of the two "
        "documents below it said 58% and changed its mind with the order of presentation: such marks are worth "
        "reading.",
    ),
    Failure(
        "Put everything in the pot together: cubed lamb, potatoes, tinned tomatoes. After two hours of simmering the "
        "lamb falls apart but the potatoes, the same kind I mash, are still firm. Were they just old?",
        "The answer, that something sour keeps vegetables firm, was not found; a passage that helps in part was found "
        "seventh and came sixth, with 0.52 of 2. Second stood “Waxy and floury potatoes” with 1.35 and the reason "
        "“Floury potatoes, which are the same kind in both, are the only ones that fall apart, while the lamb is left "
        "untouched.” The page marked a sentence as supporting that.",
        "A sentence that shares the words of a reason can be marked as its support even where the reason makes no "
        "sense.",
    ),
    Failure(
        "My barber has the same chair, the same scissors and takes the same half hour as his father did. Why does a "
        "haircut cost three times as much, even after inflation?",
        "The passage that answers, on what a string quartet costs, was fourth in the first stage’s list and stayed "
        "there: the student gave it 0.42 of 2, and put three passages on haircuts, chairs and barbers (1.37, 1.12 and "
        "1.11) above it that do not answer.",
        "The student goes by what a passage is about. It misses an answer that takes a step of thought from another "
        "field.",
    ),
)
"""Real output of the shipped student on the sample collection, seen on :data:`MEASURED_ON`."""


def about_page() -> str:
    """The tab's content as HTML."""
    return f'<div class="rr-prose">{HOW}{LEARNED}{_measured()}{_failures()}</div>'


def _measured() -> str:
    rows = "".join(f'<tr><th scope="row">{esc(f.name)}</th><td>{f.ndcg:.3f}</td></tr>' for f in FIGURES)
    return (
        "<section><h2>How good it is</h2><p>Put in order: BM25’s first 30 passages for the first 20 questions of TREC "
        f"Deep Learning 2019, measured on {MEASURED_ON}. 1 would be the best order there is.</p>"
        '<table class="rr-figures"><thead><tr><th scope="col">Order by</th><th scope="col">nDCG@10</th></tr></thead>'
        f"<tbody>{rows}</tbody></table><p>A larger list has not been measured yet. "
        "The Evaluation tab measures it on the corpus of this page.</p></section>"
    )


def _failures() -> str:
    told = "".join(
        f'<blockquote class="rr-said" dir="auto">{esc(failure.question)}</blockquote>'
        f"<p>{esc(failure.outcome)}</p><p>{esc(failure.lesson)}</p>"
        for failure in FAILURES
    )
    return f"<section><h2>Where it fails</h2>{told}</section>"
