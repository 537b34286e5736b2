"""A scripted pipeline on real values, so that the page can be tested before, and faster than, the real one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

from reasonrank.corpora.base import Corpus
from reasonrank.corpus import load_corpus
from reasonrank.data import (
    Candidate,
    Comparison,
    DirectReason,
    Document,
    Evidence,
    Judgement,
    Query,
    Ranking,
    ScoredDocument,
    SearchQueries,
    StageScore,
    Written,
)
from reasonrank.engines.base import Cancel, never_cancelled
from reasonrank.errors import Cancelled, EngineError, IndexDamagedError
from reasonrank.pipeline import Pipeline, Stage, Step, Writing
from reasonrank.query_writing import given_queries
from reasonrank.retrieval.base import Progress
from reasonrank.settings import Settings

MOTHS = Document(
    "moths",
    "A creature moving through air has trouble feeling which way is down. Many fliers keep the brightest half of "
    "the surroundings over the back. A small lamp breaks the rule: insects near one roll their backs toward it "
    "and circle. Under an open sky, by day or night, the rule keeps them level, since the sky is brighter than "
    "the ground. High-speed filming shows animals near a lamp banking and orbiting, pitching up and stalling, "
    "and, when they pass over it, rolling upside down and dropping. None of them was seen to steer into the "
    "light itself; the light was simply where they took the sky to be.",
    "The dorsal light response",
)
DOCUMENTS = (
    Document("moon", "Sun and moon are so far away that their bearing hardly alters. " * 2, "Steering by the moon"),
    Document("lamps", "Street lamps draw fewer insects when their light is warm.", "Warm street lamps"),
    Document("bats", "Bats hunt at street lamps, where insects gather.", "Bats at street lamps"),
    MOTHS,
    Document("heat", "A moth shivers to warm its flight muscles before it takes off.", "How a moth warms up"),
    Document("untitled-17", "A note without a title, about candles."),
    Document("rtl", "العثة تدور حول المصباح لأنها تظنه السماء.", "استجابة الضوء الظهرية"),
    Document("code", "def orbit(lamp):\n    while lamp.on:\n        yield roll(back=lamp)\n", "lamp.orbit(lamp)"),
    Document("long-word", "Donaudampfschifffahrtsgesellschaft" * 8, "W" * 180),
    Document("attack", 'Before <script>window.hacked = 1</script> & "quotes" ${value} {{value}} <img src=x onerror=1>',
             "<b onclick='window.hacked=1'>bold</b> {preferred} {0}"),
    Document("bidi", "Invoice \u202egnp.exe and \u2066isolated text", "Override \u202etitle"),
)  # fmt: skip
QUESTIONS = ("Why do moths circle a lamp at night?", "What do bats hunt?", "Is there nothing here?")
GRADES = {"moths": (0.02, 0.10, 0.88), "moon": (0.10, 0.55, 0.35), "lamps": (0.30, 0.40, 0.30)}
EVIDENCE = "A small lamp breaks the rule: insects near one roll their backs toward it and circle."


class ScriptedPipeline(Pipeline):
    """Real values on a script; words of the question call for failures.

    Args:
        delay: Seconds between steps.

    Attributes:
        prepared: Cleared, it holds back preparing and searches until it is set.
        cancelled: Questions whose work was stopped; ``finished``: those that came to their end.
        searched: Settings of each search; ``given``: the search queries that came with it.
    """

    def __init__(self, settings: Settings, delay: float = 0.03) -> None:
        super().__init__(settings)
        self.default_delay = delay
        self.prepared = threading.Event()
        self.forget()

    def forget(self) -> None:
        """As if nothing had been asked yet."""
        self.delay = self.default_delay
        self.prepared.set()
        self.cancelled: list[str] = []
        self.finished: list[str] = []
        self.searched: list[Settings] = []
        self.given: list[Sequence[str] | None] = []

    def corpus(self, settings: Settings | None = None) -> Corpus:
        settings = settings or self.settings
        if settings.corpus != self.settings.corpus:
            return load_corpus(settings.corpus, settings)
        queries = [Query(str(number), text) for number, text in enumerate(QUESTIONS)]
        return Corpus.of(settings.corpus, "Scripted", DOCUMENTS, queries=queries)

    def prepare(self, settings: Settings | None = None, progress: Progress | None = None) -> None:
        for hundredth in range(1, 100):
            if self.prepared.wait(0.02):
                return
            if progress is not None:
                progress("Building the index of Scripted", hundredth / 100)
        self.prepared.wait()

    def search(
        self,
        text: str,
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
        queries: Sequence[str] | None = None,
    ) -> Iterator[Step]:
        settings = settings or self.settings
        self.searched.append(settings)
        self.given.append(queries)
        self.prepared.wait()
        if "damaged" in text:
            raise IndexDamagedError("The index of Scripted is damaged; rebuild it with: reasonrank index --rebuild")
        if "crash" in text:
            raise RuntimeError("a secret path")
        try:
            for step in self._steps(text, settings, None if queries is None else given_queries(queries, text)):
                if cancel():
                    raise Cancelled("The question was replaced by a newer one.")
                yield step
                time.sleep(self.delay)
        except (Cancelled, GeneratorExit):
            self.cancelled.append(text)
            raise
        self.finished.append(text)

    def _steps(self, text: str, settings: Settings, queries: SearchQueries | None) -> Iterator[Step]:
        if settings.student == "none":
            documents = tuple(
                ScoredDocument(c, c.rank, c.score) for c in first_stage(self.corpus(settings).documents, settings.k)
            )
            yield Step("done", Ranking(Query("", text), "Scripted", settings.retriever, "", "", "rrf", documents))
            return
        candidates = [] if "nothing" in text else first_stage(self.corpus(settings).documents, settings.k)
        documents = tuple(ScoredDocument(c, c.rank, c.score) for c in candidates)
        ranking = Ranking(
            Query("", text), "Scripted", settings.retriever, "Scripted student", "script int8", "rrf", documents
        )
        ranking = _timed(ranking, "retrieve", 7.0)
        if settings.query_writing and queries is None:
            yield Step("retrieve", ranking)
            time.sleep(self.delay * 10)
            queries, ranking = written_queries(text), _timed(ranking, "queries", 640.0)
        if queries is not None:
            documents = tuple(found_with(scored, len(queries.texts)) for scored in documents)
            ranking = replace(ranking, queries=queries, documents=documents)
        yield Step("retrieve", ranking)
        if documents and "broken student" in text:
            ranking = replace(ranking, problems={"score": "The model 'x' could not be loaded; check the name."})
        elif documents:
            time.sleep(self.delay * 5)
            ranking = _timed(reordered(ranking), "score", 812.0)
            yield Step("score", ranking)
            for step in self._explained(ranking, settings, endless="slow" in text, broken="broken reasons" in text):
                ranking = step.ranking
                yield step
            for step in self._compared(ranking, settings):
                ranking = step.ranking
                yield step
        yield Step("done", _timed(ranking, "total", sum(ranking.timings_ms.values())))

    def _explained(self, ranking: Ranking, settings: Settings, *, endless: bool, broken: bool) -> Iterator[Step]:
        for scored in ranking.documents[: settings.explain]:
            reason = reason_for(scored)
            for count in range(1, 10_000 if endless else 4):
                yield Step("explain", ranking, Writing((scored.doc_id,), reason.text[: 20 * count]))
                time.sleep(self.delay)
            documents = tuple(replace(d, reason=reason) if d is scored else d for d in ranking.documents)
            ranking = replace(ranking, documents=documents)
            if broken:
                ranking = replace(ranking, problems={"explain": "The engine ran out of memory."})
                break
            yield Step("explain", ranking)
        yield Step("explain", _timed(ranking, "explain", 2310.0))

    def _compared(self, ranking: Ranking, settings: Settings) -> Iterator[Step]:
        for upper, lower in pairwise(ranking.documents[: settings.explain]):
            comparison = comparison_of(upper, lower)
            yield Step("compare", ranking, Writing((upper.doc_id, lower.doc_id), comparison.text[:30]))
            time.sleep(self.delay)
            ranking = replace(ranking, comparisons=(*ranking.comparisons, comparison))
            yield Step("compare", ranking)
        yield Step("compare", _timed(ranking, "compare", 1504.0))

    def judge(
        self,
        text: str,
        candidates: Sequence[Candidate],
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> dict[str, Judgement]:
        time.sleep(self.delay)
        return {candidate.document.doc_id: judgement_of(candidate.document) for candidate in candidates}

    def rerank(
        self,
        query: Query,
        candidates: Sequence[Candidate],
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> Iterator[Step]:
        documents = tuple(ScoredDocument(c, c.rank, c.score) for c in candidates)
        ranking = Ranking(query, "given", "given", "Scripted student", "script int8", "given", documents)
        yield Step("retrieve", ranking)
        ranking = reordered(ranking)
        yield Step("score", ranking)
        yield from self._explained(ranking, replace(self.settings, explain=1), endless=False, broken=False)

    def comparable(
        self, text: str, candidates: Sequence[Candidate], settings: Settings | None = None
    ) -> Sequence[Candidate]:
        return candidates

    def prefer(
        self,
        text: str,
        pairs: Sequence[tuple[Document, Document]],
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> list[tuple[float, float]]:
        """As :func:`preference_of` says."""
        time.sleep(self.delay)
        return [preference_of(first, second) for first, second in pairs]

    def compare(
        self,
        ranking: Ranking,
        first_id: str,
        second_id: str,
        settings: Settings | None = None,
        cancel: Cancel = never_cancelled,
    ) -> Iterator[Writing | Comparison]:
        if "attack" in (first_id, second_id):
            raise EngineError("The engine refused this pair.")
        upper, lower = sorted((d for d in ranking.documents if d.doc_id in (first_id, second_id)), key=lambda d: d.rank)
        comparison = comparison_of(upper, lower)
        for end in range(10, len(comparison.text), 10):
            yield Writing((upper.doc_id, lower.doc_id), comparison.text[:end])
            time.sleep(self.delay)
        yield comparison


def first_stage(documents: tuple[Document, ...], k: int) -> list[Candidate]:
    """Documents in the corpus's order as a hybrid retriever's candidates."""
    return [
        Candidate(
            document,
            rank,
            1 / (60 + rank),
            "rrf",
            {"bm25": StageScore(rank + 1, 20.0 - rank), "dense": StageScore(rank, 0.8 - rank / 100)},
        )
        for rank, document in enumerate(documents[:k], start=1)
    ]


def written_queries(text: str) -> SearchQueries:
    """Two queries, one of them with HTML in it; for an unreadable question none that can be read."""
    if "unreadable" in text:
        return SearchQueries("unparsable", (), "<b>a;", "A query has no word in it.")
    return SearchQueries("ok", ("insects <b>lamp</b>", "dorsal light response"), "insects <b>lamp</b>; dorsal …")


def found_with(scored: ScoredDocument, queries: int) -> ScoredDocument:
    """The best document is found by the first query alone, every other one by the question and by what comes last."""
    place = StageScore(scored.rank, 9.0 - scored.rank)
    numbers = (1,) if scored.doc_id == "moths" else (0, queries)
    places = dict.fromkeys(numbers, place) if queries else {}
    return replace(scored, candidate=replace(scored.candidate, found_by=places))


def judgement_of(document: Document) -> Judgement:
    """By the document's id; the best one hangs on its evidence, wherever a changed text has it or not."""
    doc_id = document.doc_id.split(" without ")[0]
    grades = GRADES.get(doc_id, (0.9, 0.07, 0.03))
    if doc_id == "moths" and EVIDENCE not in document.text:
        grades = (0.55, 0.25, 0.20)
    return Judgement(grades, 0.31 if document.doc_id == "lamps" else 0.97, cut=document.doc_id == "moon")


def preference_of(first: Document, second: Document) -> tuple[float, float]:
    """The first one, but bidi over attack: with attack over bats and bats over bidi that is a cycle.

    The best document hangs on its evidence here too, and what is set against it gains without its last sentence.
    """
    if (first.doc_id, second.doc_id) == ("attack", "bidi"):
        return (0.2, 0.3)
    if first.doc_id.startswith("moths") and EVIDENCE not in first.text:
        return (0.4, 0.3)
    if second.doc_id.startswith("moths") and EVIDENCE not in second.text:
        return (0.99, 0.97)
    if second.doc_id == "moon without 2":
        return (0.8, 0.64)
    tried = " without " in first.doc_id + second.doc_id
    return (0.96, 0.9) if tried else (0.9, 0.7)


def reordered(ranking: Ranking) -> Ranking:
    scored = [replace(d, judgement=judgement_of(d.document)) for d in ranking.documents]
    scored.sort(key=lambda d: (-_grade(d), d.doc_id))
    documents = tuple(replace(d, rank=rank, order_score=_grade(d)) for rank, d in enumerate(scored, start=1))
    return replace(ranking, order_by="expected_grade", documents=documents)


def _grade(scored: ScoredDocument) -> float:
    assert scored.judgement is not None
    return scored.judgement.expected_grade


def reason_for(scored: ScoredDocument, written: Written = "after_score") -> DirectReason:
    """A good reason with evidence for the best document, and each way of going wrong for those below."""
    label = scored.judgement.label if scored.judgement else None
    if scored.doc_id == "moths":
        start = MOTHS.text.index(EVIDENCE)
        evidence = Evidence(EVIDENCE, start, start + len(EVIDENCE), 0.83, True)
        text = "The passage says that insects near a lamp roll their backs toward it, and so circle it."
        return DirectReason("ok", text, written, label, evidence)
    by_rank = {
        2: DirectReason("truncated", "The passage explains that the moon is so far away that its", written, label),
        3: DirectReason("repeated", "It is about lamps. It is about lamps. It is about lamps.", written, label),
        4: DirectReason("unparsable", "???", written, label),
        5: DirectReason("failed", "", written, label),
    }
    return by_rank.get(scored.rank, DirectReason("ok", "The passage is about something else.", written, label))


def comparison_of(upper: ScoredDocument, lower: ScoredDocument) -> Comparison:
    """Agreeing for most pairs, flipped for the second, contradicting for the third."""
    text = "{preferred} says what the insects do near the lamp, while {other} only tells where they are seen."
    if upper.rank == 3:
        return Comparison(lower.doc_id, upper.doc_id, text, 0.71, (0.8, 0.62), False, False, "ok")
    if upper.rank == 2:
        return Comparison(upper.doc_id, lower.doc_id, text, 0.53, (0.7, 0.36), True, True, "truncated")
    return Comparison(upper.doc_id, lower.doc_id, text, 0.93, (0.96, 0.9), False, True, "ok")


def _timed(ranking: Ranking, stage: Stage | str, spent: float) -> Ranking:
    return replace(ranking, timings_ms={**ranking.timings_ms, stage: spent})
