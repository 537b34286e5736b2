"""The About tab: how it works, what the student learned from, how good it is, and where it fails."""

from __future__ import annotations

HOW = (
    "<section><h2>How it works</h2><ol>"
    "<li><b>Found.</b> BM25 finds by words, dense vectors find by meaning; their lists are fused.</li>"
    "<li><b>Scored.</b> A small language model reads each passage with the question and answers with a grade: "
    "0 not, 1 partly, 2 fully relevant. The score is the expected grade under its probabilities.</li>"
    "<li><b>Explained.</b> For the documents at the top the model goes on and says why. The sentence of the text that "
    "supports the reason best is marked; where none does, the page says so.</li>"
    "<li><b>Compared.</b> Two documents are shown to the model in both orders, since which comes first can sway it. "
    "The two answers are averaged; a comparison that contradicts the list is shown as a contradiction.</li>"
    "</ol></section>"
)


def about_page() -> str:
    """The tab's content as HTML."""
    return f'<div class="rr-prose">{HOW}</div>'
