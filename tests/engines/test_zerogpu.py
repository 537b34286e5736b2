"""The engine on a borrowed GPU; a stand-in of ``spaces`` runs each call in a forked process, as ZeroGPU does."""

from __future__ import annotations

import importlib
import multiprocessing
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from scripted import ScriptedEngine

from reasonrank.engines import load, zerogpu
from reasonrank.engines.base import Completion
from reasonrank.errors import Cancelled, EngineError
from reasonrank.prompts import LABELS, grade_prompt, reason_prompt
from reasonrank.settings import Settings

PROMPT = grade_prompt("q", "a good text")


def in_a_fork(duration: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Arguments and results cross by pickling; a generator's values come as a list, its return value is lost."""
    assert 0 < duration <= 60

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def run(queue: Any, arguments: tuple[Any, ...]) -> None:
            try:
                value = function(*arguments)
                queue.put((list(value) if isinstance(value, Iterator) else value, None))
            except Exception as error:
                queue.put((None, str(error)))

        def call(*arguments: Any) -> Any:
            context = multiprocessing.get_context("fork")
            queue = context.SimpleQueue()
            process = context.Process(target=run, args=(queue, arguments))
            process.start()
            value, error = queue.get()
            process.join()
            if error is not None:
                raise RuntimeError(error)
            return value

        return call

    return decorate


@pytest.fixture
def borrowed(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", SimpleNamespace(GPU=in_a_fork))  # type: ignore[arg-type]
    yield importlib.reload(zerogpu)
    monkeypatch.undo()
    importlib.reload(zerogpu)


def drained(stream: Any) -> tuple[list[str], Completion]:
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value


def test_calls_cross_to_the_forked_process_and_back(borrowed: ModuleType) -> None:
    own = ScriptedEngine()
    engine = borrowed.BorrowedGpuEngine(own)
    assert engine.choose([PROMPT], LABELS) == ScriptedEngine().choose([PROMPT], LABELS)
    prompt = reason_prompt("q", "a good text")
    assert drained(engine.stream(prompt, max_tokens=9)) == drained(ScriptedEngine().stream(prompt, max_tokens=9))
    assert engine.generate([prompt], max_tokens=9) == ScriptedEngine().generate([prompt], max_tokens=9)
    assert own.prompts == []  # nothing ran in this process
    assert (engine.name, engine.window) == ("scripted, borrowed", own.window)


def test_a_failure_there_is_a_sentence_here(borrowed: ModuleType) -> None:
    engine = borrowed.BorrowedGpuEngine(ScriptedEngine(fail_on="choose"))
    with pytest.raises(EngineError, match=r"did not answer .The script fails to choose.*ask again"):
        engine.choose([PROMPT], LABELS)


def test_a_cancelled_call_borrows_nothing(borrowed: ModuleType) -> None:
    with pytest.raises(Cancelled):
        borrowed.BorrowedGpuEngine(ScriptedEngine()).choose([PROMPT], LABELS, lambda: True)


def test_two_engines_do_not_mix(borrowed: ModuleType) -> None:
    one = borrowed.BorrowedGpuEngine(ScriptedEngine())
    two = borrowed.BorrowedGpuEngine(ScriptedEngine(choose=lambda _, choices: (1.0,) + (0.0,) * (len(choices) - 1)))
    one.close()
    three = borrowed.BorrowedGpuEngine(ScriptedEngine())
    assert two.choose([PROMPT], LABELS)[0].probabilities == (1.0, 0.0, 0.0)
    assert three.choose([PROMPT], LABELS)[0].probabilities == (0.1, 0.2, 0.7)


def test_elsewhere_nothing_is_decorated_and_a_space_scores_on_its_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    def function() -> None: ...

    assert zerogpu.on_borrowed_gpu(5)(function) is function
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    assert load.engine_choice(Settings(engine="auto", device="auto")) == "ctranslate2"
