"""Set-ups measured over all judged questions: in the background, kept on disk, taken up where they stopped."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from reasonrank.corpora.base import Corpus
from reasonrank.data import Query, Ranking
from reasonrank.engines.base import Cancel, never_cancelled
from reasonrank.engines.load import student_info
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.formats import Qrels
from reasonrank.measures import Interval, interval, paired_p_value, per_query
from reasonrank.pipeline import Pipeline
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.settings import Settings

log = logging.getLogger(__name__)

JUDGES = {"none": "no student", "student": "the student’s grade", "fused": "student and encoder together"}
"""What a set-up's list is ordered by."""
UNEXPECTED = "The evaluation failed unexpectedly; the server’s log has the details."
NOT_IN_RESULT = ("cache", "threads", "batch_tokens", "max_query_chars", "explain")
"""Settings that cannot change an order of documents."""


@dataclass(frozen=True, slots=True)
class SetUp:
    """What is evaluated: a retriever, and what puts its list in order."""

    retriever: str
    judge: str

    @classmethod
    def of(cls, sent: Mapping[str, Any], side: str) -> SetUp:
        """One side of the form's values as the browser sent them.

        Raises:
            InputError: A value is missing or not on offer.
        """
        retriever, judge = str(sent.get(f"{side}_retriever")), str(sent.get(f"{side}_judge"))
        if retriever not in ("bm25", "dense", "hybrid") or judge not in JUDGES:
            raise InputError("This set-up is not on offer; reload the page and choose again.")
        return cls(retriever, judge)

    def settings(self, base: Settings) -> Settings:
        """The settings that search this way, without reasons."""
        changed = replace(base, retriever=self.retriever, explain=0)
        if self.judge == "none":
            return replace(changed, student="none")
        return replace(changed, order=self.judge)


@dataclass(frozen=True, slots=True)
class Line:
    """What one question came out as: doc_ids best first, and the label probabilities of those that were judged."""

    query_id: str
    doc_ids: tuple[str, ...]
    probabilities: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Evaluated:
    """How far one set-up is: ``lines`` of ``wanted`` questions, and the sentence of what failed."""

    lines: tuple[Line, ...]
    wanted: int
    running: bool = False
    problem: str = ""

    @property
    def complete(self) -> bool:
        return len(self.lines) == self.wanted


class Evaluations:
    """Evaluations over the corpus that the app was set up with, one at a time.

    Args:
        pipeline: Searches.
        base: What a set-up starts from: corpus, number of documents, student, judging mode.
    """

    def __init__(self, pipeline: Pipeline, base: Settings) -> None:
        self._pipeline = pipeline
        self._base = base
        self._states: dict[SetUp, Evaluated] = {}
        self._paths: dict[SetUp, Path] = {}
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    @property
    def corpus_name(self) -> str:
        """What the app was set up with."""
        return self._base.corpus

    def queries(self) -> list[Query]:
        """The judged questions."""
        return judged_queries(self._pipeline.corpus(self._base))

    def qrels(self) -> Qrels:
        """Their judgements."""
        corpus = self._pipeline.corpus(self._base)
        return {query.query_id: dict(corpus.qrels[query.query_id]) for query in judged_queries(corpus)}

    def start(self, setup: SetUp, cancel: Cancel = never_cancelled) -> None:
        """Begin in the background, unless it is under way or complete; what was kept is taken up."""
        with self._lock:
            state = self._states.get(setup)
            if state is not None and (state.running or state.complete):
                return
            self._states[setup] = Evaluated((), len(self.queries()), running=True)
        threading.Thread(target=self._run, args=(setup, cancel), daemon=True, name="evaluation").start()

    def state(self, setup: SetUp) -> Evaluated:
        """How far it is; what was kept on disk counts, whoever made it."""
        with self._lock:
            state = self._states.get(setup)
        return state or Evaluated(self._kept(setup), len(self.queries()))

    def _run(self, setup: SetUp, cancel: Cancel) -> None:
        problem = ""
        lines = self._kept(setup)
        try:
            with self._turn:
                settings = setup.settings(self._base)
                done = {line.query_id for line in lines}
                path = self._path(setup)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a", encoding="utf-8") as file:
                    for query in self.queries():
                        if query.query_id in done:
                            continue
                        if cancel():
                            break
                        line = self._one(query, settings, cancel)
                        file.write(json.dumps(asdict(line)) + "\n")
                        file.flush()
                        lines = (*lines, line)
                        self._set(setup, Evaluated(lines, len(self.queries()), running=True))
        except ReasonRankError as error:
            problem = str(error)
        except Exception:
            log.exception("An evaluation failed")
            problem = UNEXPECTED
        self._set(setup, Evaluated(lines, len(self.queries()), problem=problem))

    def _one(self, query: Query, settings: Settings, cancel: Cancel) -> Line:
        ranking: Ranking | None = None
        for step in self._pipeline.search(query.text, settings, cancel):
            ranking = step.ranking
        assert ranking is not None
        if ranking.problems:
            # Half an evaluation in the first stage's order would look like a measured one.
            raise ReasonRankError(next(iter(ranking.problems.values())))
        return Line(
            query.query_id,
            tuple(scored.doc_id for scored in ranking.documents),
            {s.doc_id: s.judgement.label_probabilities for s in ranking.documents if s.judgement},
        )

    def _set(self, setup: SetUp, state: Evaluated) -> None:
        with self._lock:
            self._states[setup] = state

    def _path(self, setup: SetUp) -> Path:
        """Where its lines are kept; the name changes with anything that could change them."""
        if setup not in self._paths:
            self._paths[setup] = self._new_path(setup)
        return self._paths[setup]

    def _new_path(self, setup: SetUp) -> Path:
        settings = setup.settings(self._base)
        said = {name: str(value) for name, value in asdict(settings).items() if name not in NOT_IN_RESULT}
        corpus = self._pipeline.corpus(self._base)
        about = [said, corpus.fingerprint, [query.text for query in self.queries()], PROMPT_VERSION]
        if setup.judge != "none":
            about.append(asdict(student_info(settings)))
            about.append(_adapter_of(settings))
        digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]
        return self._base.cache / "evaluations" / f"{setup.retriever}-{setup.judge}-{digest}.jsonl"

    def _kept(self, setup: SetUp) -> tuple[Line, ...]:
        try:
            texts = self._path(setup).read_text(encoding="utf-8").splitlines()
        except OSError:
            return ()
        wanted = {query.query_id for query in self.queries()}
        lines = {line.query_id: line for line in filter(None, map(_line_of, texts)) if line.query_id in wanted}
        return tuple(lines.values())


def judged_queries(corpus: Corpus) -> list[Query]:
    """A corpus's questions that have judgements."""
    return [query for query in corpus.queries if corpus.qrels.get(query.query_id)]


def _adapter_of(settings: Settings) -> str:
    from reasonrank.engines.weights import resolve
    from reasonrank.models import adapter_hash

    adapter = resolve(settings).adapter
    return adapter_hash(adapter.path) if adapter else ""


def _line_of(text: str) -> Line | None:
    """A kept line; None where the process ended while it was written."""
    try:
        value = json.loads(text)
        probabilities = {d: (float(p[0]), float(p[1]), float(p[2])) for d, p in value["probabilities"].items()}
        return Line(str(value["query_id"]), tuple(map(str, value["doc_ids"])), probabilities)
    except (ValueError, KeyError, TypeError, IndexError):
        return None


@dataclass(frozen=True, slots=True)
class Figures:
    """A complete set-up's measures over all judged questions."""

    means: Mapping[str, Interval]
    by_query: Mapping[str, Mapping[str, float]]


def figures(evaluated: Evaluated, qrels: Qrels) -> Figures:
    """Each measure's mean with its 95% bootstrap interval, and its values by question."""
    values = per_query({line.query_id: list(line.doc_ids) for line in evaluated.lines}, qrels)
    return Figures({name: interval(list(of.values())) for name, of in values.items()}, values)


def p_values(one: Figures, other: Figures) -> dict[str, float]:
    """For each measure the two-sided p of a paired permutation test over the questions."""
    return {name: paired_p_value(values, other.by_query[name]) for name, values in one.by_query.items()}


def reliability(evaluated: Evaluated, qrels: Qrels, bins: int = 10) -> list[tuple[float, float, int]]:
    """Of judged documents, by tenths of the probability of grade 1 or 2: its mean, the share that has it, how many."""
    groups: dict[int, list[tuple[float, bool]]] = {}
    for line in evaluated.lines:
        for doc_id, (p0, _, _) in line.probabilities.items():
            grade = qrels.get(line.query_id, {}).get(doc_id)
            if grade is not None:
                share = 1 - p0
                groups.setdefault(min(bins - 1, int(share * bins)), []).append((share, grade > 0))
    return [
        (sum(p for p, _ in some) / len(some), sum(hit for _, hit in some) / len(some), len(some))
        for _, some in sorted(groups.items())
    ]
