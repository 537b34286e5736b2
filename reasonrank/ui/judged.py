"""A question whose answers are known: grades on the cards, nDCG@10 per stage, and scores against grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reasonrank.corpora.base import Corpus
from reasonrank.data import Ranking
from reasonrank.measures import per_query
from reasonrank.ui.cards import GRADE_NAMES, grade_mark
from reasonrank.ui.markup import esc, label_of, one_line, plural
from reasonrank.ui.slope import Side, slope_chart

MEASURE = "nDCG@10"
PLOT_WIDTH, PLOT_HEIGHT, ROW = 420, 150, 40


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one question.

    Args:
        query_id: Of the question in its corpus.
        grades: By doc_id, of the documents that were judged.
        titles: Of those documents.
    """

    query_id: str
    grades: Mapping[str, int]
    titles: Mapping[str, str]


def known_of(corpus: Corpus, question: str) -> Known | None:
    """The judgements of a question, if the corpus has this very question and judgements of it."""
    wanted = one_line(question).casefold()
    for query in corpus.queries:
        grades = corpus.qrels.get(query.query_id)
        if grades and one_line(query.text).casefold() == wanted:
            titles = {d: label_of(corpus.by_id[d]) for d in grades if d in corpus.by_id}
            return Known(query.query_id, grades, titles)
    return None


def ndcg(orders: Mapping[str, Sequence[str]], known: Known) -> dict[str, float]:
    """nDCG@10 of each named order of doc_ids, over all judgements of the question."""
    qrels = {name: dict(known.grades) for name in orders}
    return per_query({name: list(order) for name, order in orders.items()}, qrels)[MEASURE]


def judged_view(ranking: Ranking, known: Known) -> str:
    """The view's content, for a finished list."""
    documents = ranking.documents
    first = [scored.doc_id for scored in sorted(documents, key=lambda scored: scored.candidate.rank)]
    final = [scored.doc_id for scored in documents]
    orders = {"The first stage": first, "This list": final} if first != final else {"This list": final}
    orders["The best order of these documents"] = sorted(final, key=lambda d: -known.grades.get(d, 0))
    values = ndcg(orders, known)
    rows = "".join(f'<tr><th scope="row">{name}</th><td>{value:.3f}</td></tr>' for name, value in values.items())
    marks = {doc_id: grade_mark(grade) for doc_id, grade in known.grades.items()}
    titles = {scored.doc_id: label_of(scored.document) for scored in documents}
    chart = slope_chart(Side("First stage", first), Side("This list", final), titles, marks=marks)
    return (
        "<p>This question comes with its corpus, and so do judgements of its documents: 2 answers it fully, 1 partly, "
        "0 not.</p>"
        f'<table class="rr-figures"><thead><tr><th scope="col">{MEASURE}</th><th scope="col">of 1</th></tr></thead>'
        f"<tbody>{rows}</tbody></table>{_missing(final, known)}{_plot(ranking, known)}{chart}"
    )


def _missing(final: Sequence[str], known: Known) -> str:
    relevant = [doc_id for doc_id, grade in known.grades.items() if grade > 0]
    missing = [doc_id for doc_id in relevant if doc_id not in final]
    found = f"{len(relevant) - len(missing)} of {plural(len(relevant), 'relevant document')} are in this list."
    if not missing:
        return f"<p>{found}</p>"
    named = "".join(f"<li>{grade_mark(known.grades[d])} <bdi>{esc(known.titles.get(d, d))}</bdi></li>" for d in missing)
    return f'<p>{found} Not found by the first stage:</p><ul class="rr-lines">{named}</ul>'


def _plot(ranking: Ranking, known: Known) -> str:
    """Scores against grades: a dot a document, a row a grade."""
    points = [
        (scored.judgement.expected_grade, known.grades[scored.doc_id], scored.rank)
        for scored in ranking.documents
        if scored.judgement and scored.doc_id in known.grades
    ]
    if not points:
        return ""
    left, right = 96, PLOT_WIDTH - 14
    rows = "".join(
        f'<line x1="{left}" x2="{right}" y1="{_y(grade)}" y2="{_y(grade)}"></line>'
        f'<text x="{left - 10}" y="{_y(grade) + 4}" text-anchor="end">{grade} {GRADE_NAMES[grade]}</text>'
        for grade in range(3)
    )
    ticks = "".join(
        f'<text x="{left + (right - left) * tick / 2:g}" y="{PLOT_HEIGHT - 8}" text-anchor="middle">{tick}</text>'
        for tick in range(3)
    )
    dots = "".join(
        f'<circle cx="{left + (right - left) * score / 2:.1f}" cy="{_y(min(2, max(0, grade)))}" r="6">'
        f"<title>rank {rank}, score {score:.2f}, judged {grade}</title></circle>"
        for score, grade, rank in points
    )
    means = "; ".join(
        f"judged {grade}: mean score {sum(scores) / len(scores):.2f} of {plural(len(scores), 'document')}"
        for grade in (2, 1, 0)
        if (scores := [score for score, judged, _ in points if judged == grade])
    )
    return (
        '<figure class="rr-plot"><figcaption>Scores (across) against judged grades (rows)</figcaption>'
        f'<svg viewBox="0 0 {PLOT_WIDTH} {PLOT_HEIGHT}" role="img" aria-label="{esc(means)}">{rows}{ticks}{dots}</svg>'
        f"<p>{esc(means[:1].upper() + means[1:])}.</p></figure>"
    )


def _y(grade: int) -> int:
    return 20 + (2 - grade) * ROW
