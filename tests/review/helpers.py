"""People, a clock, and a ranking to review that a scripted student made."""

from __future__ import annotations

from reasonrank.data import Candidate, Document, Query, Ranking
from reasonrank.review.items import ranking_items
from reasonrank.review.lead import Lead
from reasonrank.review.service import Review
from reasonrank.review.values import Identity, ReviewSet
from reasonrank.settings import Settings
from tests.test_pipeline import ScriptedPipeline

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
