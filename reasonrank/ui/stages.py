"""What is at work and how far it is: the chips, the stages with their milliseconds, and what is read aloud."""

from __future__ import annotations

from typing import Literal

from reasonrank.data import Ranking
from reasonrank.pipeline import Stage
from reasonrank.settings import Settings
from reasonrank.ui.cards import kind_name
from reasonrank.ui.markup import esc, milliseconds, plural

PageStage = Stage | Literal["queries"]
"""The page tells of the writing of search queries as of a stage; the pipeline's steps belong to the finding."""
STAGES: tuple[PageStage, ...] = ("retrieve", "score", "explain", "compare")

STAGE_NAMES = {
    "retrieve": "Found",
    "queries": "Queries written",
    "score": "Scored",
    "explain": "Explained",
    "compare": "Compared",
}
"""A stage by its result, as it stands in the line of stages."""

WHAT_STANDS = {
    "score": ("Scoring failed", "The list stays in the first stage's order."),
    "explain": ("Explaining failed", "The order and the scores stand."),
    "compare": ("Comparing failed", "The order, the scores and the reasons stand."),
}
"""What a failed stage is called, and what of the page still holds."""

RETRIEVER_NAMES = {"bm25": "BM25", "dense": "Dense", "hybrid": "Hybrid", "given": "Given list"}
State = Literal["running", "done", "stopped", "failed"]
NOT_YET: dict[State, str] = {
    "running": "to come",
    "done": "not reached",
    "stopped": "stopped",
    "failed": "not reached",
}
"""What is said of a stage that has not been, by how the search stands."""

MODE_NAMES = {"score_then_reason": "score, then reason", "reason_then_score": "reason, then score"}


def expected_stages(settings: Settings) -> tuple[PageStage, ...]:
    """The stages that these settings ask for, in order."""
    if settings.student == "none":
        return ("retrieve",)
    found: tuple[PageStage, ...] = ("retrieve", "queries") if settings.query_writing else ("retrieve",)
    if settings.explain < 1 and settings.mode == "score_then_reason":
        return (*found, "score")
    return (*found, *STAGES[1:]) if settings.explain > 1 else (*found, "score", "explain")


def active_stage(ranking: Ranking | None, settings: Settings) -> PageStage | None:
    """The first stage that has neither finished nor failed."""
    if ranking is None:
        return "retrieve"
    for stage in expected_stages(settings):
        ended = ranking.queries is not None if stage == "queries" else stage in ranking.problems
        if stage not in ranking.timings_ms and not ended:
            return stage
    return None


def stage_line(ranking: Ranking | None, settings: Settings, state: State) -> str:
    """The stages as a list: done with its milliseconds, at work, failed, or why it did not come to it."""
    if ranking is None and state != "running":
        return ""
    active = active_stage(ranking, settings) if state == "running" else None
    parts = "".join(_stage(stage, ranking, active, state) for stage in expected_stages(settings))
    total = ranking.timings_ms.get("total") if ranking else None
    if total is not None:
        parts += _line("total", "Together", milliseconds(total), "done")
    return f'<ol class="rr-stages" aria-label="Stages">{parts}</ol>'


def _stage(stage: PageStage, ranking: Ranking | None, active: PageStage | None, state: State) -> str:
    spent = ranking.timings_ms.get(stage) if ranking else None
    unwritten = stage == "queries" and ranking and ranking.queries and ranking.queries.status == "failed"
    if ranking and (stage in ranking.problems or unwritten):
        return _line(stage, STAGE_NAMES[stage], "failed", "failed")
    if spent is not None:
        return _line(stage, STAGE_NAMES[stage], milliseconds(spent), "done")
    if stage == active:
        return _line(stage, STAGE_NAMES[stage], "at work", "active")
    return _line(stage, STAGE_NAMES[stage], NOT_YET[state], "waiting")


def _line(stage: str, name: str, value: str, state: str) -> str:
    return f'<li class="rr-stage rr-stage-{state}" data-stage="{stage}"><span>{name}</span> <b>{value}</b></li>'


def order_name(order_by: str) -> str:
    """What the list is ordered by, in words."""
    names = {
        "expected_grade": "the student's expected grade",
        "fused": "student, similarity and first stage together",
        "none": "nothing",
    }
    return names.get(order_by) or f"{kind_name(order_by)} score"


def chips(ranking: Ranking, settings: Settings, trained: bool | None) -> str:
    """What is at work, as a list of name and value.

    Args:
        ranking: Names the corpus, retriever, student and engine.
        settings: The judging mode.
        trained: Whether the student was trained for this; None where nobody knows.
    """
    values = [
        ("Corpus", esc(ranking.corpus)),
        ("Retriever", esc(RETRIEVER_NAMES.get(ranking.retriever, ranking.retriever))),
    ]
    if settings.student == "none":
        values.append(("Student", "none"))
    else:
        untrained = ' <em class="rr-base">not trained for this: expect poor scores</em>' if trained is False else ""
        values += [
            ("Student", esc(ranking.student) + untrained),
            ("Engine", esc(ranking.engine)),
            ("Judging", MODE_NAMES[settings.mode]),
        ]
    values.append(("Ordered by", esc(order_name(ranking.order_by))))
    inner = "".join(f"<div><dt>{name}</dt> <dd>{value}</dd></div>" for name, value in values)
    return f'<dl class="rr-chips">{inner}</dl>'


def problems(ranking: Ranking) -> str:
    """A sentence for each stage that failed, and what still stands."""
    return "".join(
        f'<p class="rr-flag rr-flag-bad rr-problem"><strong>{name}.</strong> {esc(ranking.problems[stage])} '
        f"{stands}</p>"
        for stage, (name, stands) in WHAT_STANDS.items()
        if stage in ranking.problems
    )


def announcement(ranking: Ranking | None, settings: Settings, *, running: bool) -> str:
    """One sentence for a screen reader; it changes only when a stage ends."""
    if ranking is None:
        return "Searching."
    count = plural(len(ranking.documents), "document")
    active = active_stage(ranking, settings)
    if running and active == "queries":
        return f"{count} found by the question alone. The student is writing search queries."
    if not ranking.documents:
        return "Nothing was found."
    if not running or active is None:
        return f"Finished: {count}, ordered by {order_name(ranking.order_by)}."
    if active == "score":
        return f"{count} found, in the first stage's order. The student is scoring."
    if active == "explain":
        return f"{count} scored and reordered. Reasons follow."
    if active == "compare":
        written = "Reasons could not be written." if "explain" in ranking.problems else "Reasons are written."
        return f"{written} Comparisons follow."
    return f"{count} found."
