"""Indexes and the student made ready in the background, and how far that is, for the page to show."""

from __future__ import annotations

import logging
import threading
from collections.abc import Hashable
from dataclasses import dataclass

from reasonrank.errors import ReasonRankError
from reasonrank.pipeline import Pipeline
from reasonrank.settings import Settings

log = logging.getLogger(__name__)

HEAD_START = 0.3
"""Seconds that preparing gets before the search that needs it: whoever begins building an index first is the one
that reports how far it is, and the other waits."""


@dataclass(frozen=True, slots=True)
class Preparing:
    """How far it is: what is being done, how much of it in [0, 1], or the sentence of what failed."""

    what: str = ""
    share: float = 0.0
    done: bool = False
    problem: str = ""


STARTING = "Getting ready"


class Preparations:
    """Runs :meth:`Pipeline.prepare` once at a time for the same corpus, retriever and student."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._pipeline = pipeline
        self._states: dict[Hashable, Preparing] = {}
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)

    def start(self, settings: Settings) -> None:
        """Begin in the background, unless that is already under way."""
        name = _name(settings)
        with self._lock:
            state = self._states.get(name)
            if state is not None and not state.done:
                return
            self._states[name] = Preparing(STARTING)
        threading.Thread(target=self._prepare, args=(name, settings), daemon=True, name="prepare").start()

    def state(self, settings: Settings) -> Preparing:
        """How far it is; done where nothing was begun."""
        with self._lock:
            return self._states.get(_name(settings), Preparing(done=True))

    def wait(self, settings: Settings, seconds: float) -> Preparing:
        """The state when it is done or has something to tell, or after ``seconds``."""
        name = _name(settings)

        def told() -> bool:
            state = self._states.get(name)
            return state is None or state.done or state.what != STARTING

        with self._changed:
            self._changed.wait_for(told, seconds)
            return self._states.get(name, Preparing(done=True))

    def _prepare(self, name: Hashable, settings: Settings) -> None:
        def progress(what: str, share: float) -> None:
            self._set(name, Preparing(what, share))

        try:
            self._pipeline.prepare(settings, progress)
        except ReasonRankError as error:
            self._set(name, Preparing(done=True, problem=str(error)))
        except Exception:
            log.exception("Preparing failed")
            problem = "Preparing failed unexpectedly; the server's log has the details."
            self._set(name, Preparing(done=True, problem=problem))
        else:
            with self._changed:
                del self._states[name]
                self._changed.notify_all()

    def _set(self, name: Hashable, state: Preparing) -> None:
        with self._changed:
            self._states[name] = state
            self._changed.notify_all()


def _name(settings: Settings) -> Hashable:
    return (
        settings.corpus,
        settings.retriever,
        settings.encoder,
        settings.long_queries,
        settings.student,
        settings.base,
        settings.engine,
    )
