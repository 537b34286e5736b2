"""A scripted engine that can be held back, so that a test decides when the student goes on."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from pathlib import Path

from reasonrank.corpora.base import Corpus
from reasonrank.data import Candidate, Document
from reasonrank.engines.base import Cancel, Choice, Completion, never_cancelled
from reasonrank.errors import Cancelled
from reasonrank.pipeline import Pipeline
from reasonrank.retrieval.base import Progress
from reasonrank.serve.settings import ServeSettings
from reasonrank.settings import Settings
from reasonrank.student import Student
from tests.scripted import ScriptedEngine, WordEncoder

GARDEN = (
    Document("moths", "A good text of moths that circle a lamp.", "Moths"),
    Document("bees", "A fair text of bees.", "Bees"),
    Document("soil", "A poor text of soil and a lamp.", "Soil"),
    Document("attack", "A text with <script>alert(1)</script> and a lamp.", "<img src=x onerror=alert(1)>"),
)


class HeldEngine(ScriptedEngine):
    """Waits where it is held: before it scores, or between two words that it writes."""

    def __init__(self) -> None:
        super().__init__()
        self.scoring = threading.Event()
        self.writing = threading.Event()
        self.reached = threading.Event()
        self.cancelled = 0
        self.let_go()

    def let_go(self) -> None:
        self.scoring.set()
        self.writing.set()

    def hold(self, *, scoring: bool = False, writing: bool = False) -> None:
        """Wait from now on, until :meth:`let_go`; ``reached`` tells that somebody does."""
        self.reached.clear()
        if scoring:
            self.scoring.clear()
        if writing:
            self.writing.clear()

    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        while not self.scoring.wait(0.01):
            self.reached.set()
            if cancel():
                self.cancelled += 1
                raise Cancelled("cancelled")
        return super().choose(prompts, choices, cancel)

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        pieces = super().stream(prompt, max_tokens=max_tokens)
        try:
            while True:
                yield next(pieces)
                while not self.writing.wait(0.01):
                    self.reached.set()
                    yield ""
        except StopIteration as end:
            return end.value
        finally:
            pieces.close()


class GardenPipeline(Pipeline):
    """The real pipeline over a small corpus, with a scripted engine."""

    def __init__(self, settings: Settings, engine: ScriptedEngine | None = None) -> None:
        super().__init__(settings)
        self.engine = engine or HeldEngine()
        self._garden = Corpus.of("garden", "Garden", GARDEN)

    def corpus(self, settings: Settings | None = None) -> Corpus:
        name = (settings or self.settings).corpus
        return self._garden if name == "garden" else super().corpus(settings)

    def _student(self, settings: Settings, progress: Progress | None = None) -> Student:
        return Student(self.engine, settings, WordEncoder())

    def comparable(
        self, text: str, candidates: Sequence[Candidate], settings: Settings | None = None
    ) -> Sequence[Candidate]:
        return candidates  # the encoder, loaded on the way, would look like a leak of hundreds of megabytes


def garden_settings(cache: Path, **changes: object) -> ServeSettings:
    values: dict[str, object] = {
        "cache": cache,
        "corpus": "garden",
        "corpora": "garden",
        "retriever": "bm25",
        "order": "student",
        "student": "base",
        "explain": 2,
        "page": False,
        "mcp": False,
    }
    return ServeSettings(**{**values, **changes})  # type: ignore[arg-type]
