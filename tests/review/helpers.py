"""People, a clock, and a ranking to review that a scripted student made."""

from __future__ import annotations

import itertools
from typing import Any

from reasonrank.data import Candidate, Document, Query, Ranking
from reasonrank.review.items import ranking_items
from reasonrank.review.lead import Lead
from reasonrank.review.service import Review
from reasonrank.review.values import Identity, ReviewSet, Task
from reasonrank.settings import Settings
from tests.test_pipeline import ScriptedPipeline

_numbers = itertools.count()
ADA, BO, CY = (Identity(name) for name in ("Ada", "Bo", "Cy"))
LEAD = Identity("Lea", "lead")


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


def scripted_ranking(query_id: str = "q1", text: str = "why", explain: int = 2) -> Ranking:
    """Three documents: z (2) with a reason, y (1) with a reason, x (0) without; and a comparison of z and y."""
    texts = {"x": "A poor text.", "y": "A fair text.", "z": "A good text."}
    candidates = [
        Candidate(Document(doc_id, words), rank, 10.0 - rank, "bm25")
        for rank, (doc_id, words) in enumerate(texts.items(), start=1)
    ]
    steps = list(ScriptedPipeline(Settings(explain=explain)).rerank(Query(query_id, text), candidates))
    return steps[-1].ranking


def make_set(review: Review, *, k: int = 2, blind: bool = True, lists: int = 1, name: str = "first") -> ReviewSet:
    """A set of ``4 * lists`` items: two reasons, a document and a pair of every list."""
    lead = Lead(review, LEAD)
    made = lead.create_set(
        name,
        student="script",
        engine="scripted",
        prompt_version="1",
        annotators_per_item=k,
        blind_first=blind,
        lease_seconds=60,
    )
    for number in range(1, lists + 1):
        lead.add_items(made.set_id, ranking_items(scripted_ranking(f"q{number}", f"why {number}"), made.set_id))
    return made


FULL = {"correct": 2, "supported": 1, "complete": 0, "grade": 2}


def new_id() -> str:
    return f"event-{next(_numbers):06d}"


def complete(review: Review, who: Identity, task: Task, seconds: float | None = None, **changes: Any) -> Task:
    """Judge a task whatever its kind: the blind half first where it is asked for."""
    kind = task.item.kind
    value: dict[str, Any] = {
        "document": {"grade": 0},
        "reason": dict(FULL),
        "pair": {"preferred": "left", "reason_right": 2},
    }[kind] | changes
    if not task.revealed and kind != "document":
        half = {"grade": value["grade"]} if kind == "reason" else {"preferred": value["preferred"]}
        review.grade(who, task.item.item_id, half, event_id=new_id())
    return review.judge(who, task.item.item_id, value, event_id=new_id(), seconds=seconds)


def take(review: Review, who: Identity, set_id: str) -> Task:
    task = review.next_task(who, set_id)
    assert task is not None
    return task
