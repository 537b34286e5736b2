"""A GPU that a Space on ZeroGPU borrows for each call: the transformers engine run inside such calls.

There the process itself has no GPU. What needs one runs in a function that the package ``spaces`` decorates, in a
process forked for it, so that arguments and results are plain values and the model is loaded before the first call.
Only the transformers engine is run like this; Java, CTranslate2 and the encoder stay outside.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from reasonrank.engines.base import Cancel, Choice, Completion, Engine, never_cancelled
from reasonrank.errors import Cancelled, EngineError

CHOOSE_SECONDS = 15
"""Longest time a list's scores are expected to take; a visitor's quota is asked for so much."""
WRITE_SECONDS = 20

Function = TypeVar("Function", bound=Callable[..., Any])

_served: dict[int, Engine] = {}
"""Engines by number: forked processes find them here."""
_numbers = itertools.count()


def is_zero_gpu() -> bool:
    """Whether this is a Space on ZeroGPU."""
    return os.environ.get("SPACES_ZERO_GPU", "").lower() in ("1", "t", "true")


def prepare_zero_gpu() -> None:
    """On ZeroGPU, import ``spaces``, which must come before torch; elsewhere nothing."""
    if is_zero_gpu():
        import spaces  # noqa: F401


def on_borrowed_gpu(seconds: int) -> Callable[[Function], Function]:
    """A decorator that borrows a GPU for a call on ZeroGPU, and does nothing elsewhere."""
    if not is_zero_gpu():
        return lambda function: function
    import spaces

    borrow: Callable[[Function], Function] = spaces.GPU(duration=seconds)
    return borrow


@on_borrowed_gpu(CHOOSE_SECONDS)
def _choose(number: int, prompts: list[str], choices: list[str]) -> list[Choice]:
    return _served[number].choose(prompts, choices)


@on_borrowed_gpu(WRITE_SECONDS)
def _stream(number: int, prompt: str, max_tokens: int, temperature: float, seed: int) -> Iterator[str | Completion]:
    """Pieces of text, then the completion: a generator's return value does not cross processes."""
    completion = yield from _served[number].stream(prompt, max_tokens=max_tokens, temperature=temperature, seed=seed)
    yield completion


@on_borrowed_gpu(WRITE_SECONDS)
def _generate(number: int, prompts: list[str], max_tokens: int, temperature: float, seed: int) -> list[Completion]:
    return _served[number].generate(prompts, max_tokens=max_tokens, temperature=temperature, seed=seed)


class BorrowedGpuEngine(Engine):
    """Another engine whose every call borrows a GPU. A call cannot be cancelled half-way, only between pieces of text.

    Args:
        engine: Of transformers, its model already moved to ``cuda``, as ZeroGPU wants it.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine, self._number = engine, next(_numbers)
        _served[self._number] = engine
        self.name, self.model_name, self.window = f"{engine.name}, borrowed", engine.model_name, engine.window

    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        if cancel():
            raise Cancelled("Scoring was stopped.")
        with _sentences():
            return _choose(self._number, list(prompts), list(choices))

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        with _sentences():
            for piece in _stream(self._number, prompt, max_tokens, temperature, seed):
                if isinstance(piece, Completion):
                    return piece
                yield piece
        raise EngineError("The borrowed GPU ended before the text did; ask again.")

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        cancel: Cancel = never_cancelled,
    ) -> list[Completion]:
        if cancel():
            raise Cancelled("Writing was stopped.")
        with _sentences():
            return _generate(self._number, list(prompts), max_tokens, temperature, seed)

    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        return self._engine.cut(text, max_tokens)

    def close(self) -> None:
        _served.pop(self._number, None)
        self._engine.close()


@contextmanager
def _sentences() -> Iterator[None]:
    """What ``spaces`` or gradio raised as a sentence; a visitor whose quota is used up reads so."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        first = str(error).strip().partition("\n")[0] or type(error).__name__
        raise EngineError(
            f"The borrowed GPU did not answer ({first}); ask again, or sign in for a larger quota."
        ) from error
