"""A ranking in the making: the steps it is shown in, its clock, and what becomes of a stage that fails."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Generic, Literal, TypeVar

from reasonrank.data import Candidate, DirectReason, Judgement, Ranking
from reasonrank.errors import Cancelled, ReasonRankError
from reasonrank.rerank import order_documents

log = logging.getLogger(__name__)

Stage = Literal["retrieve", "score", "explain", "compare", "done"]
Text = TypeVar("Text")
Value = TypeVar("Value")
UNEXPECTED = "This step failed unexpectedly; the server's log has the details."


@dataclass(frozen=True, slots=True)
class Writing:
    """Text that is being written right now: a document's reason, or a pair's comparison.

    Of a pair, ``doc_ids`` has the preferred document first; the text names the two ``{preferred}`` and ``{other}``.
    """

    doc_ids: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """What has been reached. ``ranking`` is complete as far as it goes; ``writing`` is the text in the making.

    ``stage`` is the stage that this step belongs to; ``retrieve`` comes with the first stage's order, and once more
    where the student wrote search queries meanwhile.
    """

    stage: Stage
    ranking: Ranking
    writing: Writing | None = None


def milliseconds(started: float) -> float:
    """Time since ``started`` (of ``time.perf_counter``), in milliseconds."""
    return round((time.perf_counter() - started) * 1000, 1)


class Returned(Generic[Text, Value]):
    """Iterates a generator and keeps what it returned."""

    value: Value

    def __init__(self, generator: Generator[Text, None, Value]) -> None:
        self._generator = generator

    def __iter__(self) -> Iterator[Text]:
        self.value = yield from self._generator


class Board:
    """The ranking as it stands during one search, with its clock."""

    def __init__(self, ranking: Ranking) -> None:
        self.ranking = ranking
        self._marked: set[str] = set()
        self._started = 0.0

    def step(self, stage: Stage, writing: Writing | None = None) -> Step:
        return Step(stage, self.ranking, writing)

    def show(self, **changes: object) -> None:
        self.ranking = replace(self.ranking, **changes)  # type: ignore[arg-type]

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Time a stage, and turn its failure into a sentence."""
        self._started = time.perf_counter()
        try:
            yield
        except (Cancelled, GeneratorExit):
            raise
        except ReasonRankError as error:
            self._problem(name, str(error))
        except Exception:
            log.exception("The stage %r failed", name)
            self._problem(name, UNEXPECTED)
        self.show(timings_ms={**self.ranking.timings_ms, name: milliseconds(self._started)})

    def restart(self) -> None:
        """Start the stage's clock again: what was loaded at first use is not the stage's own time."""
        self._started = time.perf_counter()

    def _problem(self, name: str, sentence: str) -> None:
        self.show(problems={**self.ranking.problems, name: sentence})

    def mark(self, name: str) -> None:
        self._marked.add(name)

    def reached(self, name: str) -> bool:
        return name in self._marked

    def total(self) -> None:
        total = round(sum(self.ranking.timings_ms.values()), 1)
        self.show(timings_ms={**self.ranking.timings_ms, "total": total})

    def reorder(
        self,
        candidates: Sequence[Candidate],
        judged: dict[str, Judgement],
        reasons: dict[str, DirectReason],
        order: str,
    ) -> None:
        order_by, documents = order_documents(candidates, judged, order)
        documents = tuple(replace(scored, reason=reasons.get(scored.doc_id)) for scored in documents)
        self.show(order_by=order_by, documents=documents)

    def add_reason(self, doc_id: str, reason: DirectReason) -> None:
        self.show(
            documents=tuple(
                replace(scored, reason=reason) if scored.doc_id == doc_id else scored
                for scored in self.ranking.documents
            )
        )
