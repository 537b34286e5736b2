"""What every engine does: probabilities of a few next tokens, and continuing a text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass

Cancel = Callable[[], bool]
"""Answers whether the caller still wants the result; True means stop."""


def never_cancelled() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Choice:
    """Probabilities of the given next tokens.

    Args:
        probabilities: Softmax over the choices only; sums to 1.
        mass: What the choices hold of the whole vocabulary's probability, in [0, 1].
        bounded: Positions of choices that a server did not list among the likeliest tokens. Theirs are upper
            bounds, which also count in ``mass``.
        drawn: Of how many drawn tokens all this is an estimate; 0 where the model's own probabilities were read.
    """

    probabilities: tuple[float, ...]
    mass: float
    bounded: tuple[int, ...] = ()
    drawn: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """A continued text, without the prompt and the stop. ``finished`` is False when the length cut it off."""

    text: str
    finished: bool


class Engine(ABC):
    """Serves one causal LM.

    Args of the methods: prompts are texts of :mod:`reasonrank.prompts`; encoding them (with control tokens in
    data kept as plain text) is the engine's work, through :mod:`reasonrank.encoding` where it has the tokenizer.

    Attributes:
        name: The engine and its number format, as shown to people: ``ctranslate2 int8``.
        model_name: The model and its adapter.
        window: Tokens that prompt and completion may hold together.
    """

    name: str
    model_name: str
    window: int

    @abstractmethod
    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        """Probabilities of ``choices`` right after each prompt, one forward pass a prompt, batched by length.

        Raises:
            Cancelled: ``cancel`` answered True between two batches.
            EngineError: The engine failed.
        """

    @abstractmethod
    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        """Continue a prompt up to :data:`reasonrank.prompts.STOP`, yielding pieces of text as they are made.

        The generator's return value (``StopIteration.value``) is the :class:`Completion`. Closing the generator
        stops the engine.
        """

    @abstractmethod
    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        cancel: Cancel = never_cancelled,
    ) -> list[Completion]:
        """Continue many prompts; sampled when ``temperature`` is above 0, prompt ``i`` from ``seed + i``.

        Raises:
            Cancelled: ``cancel`` answered True between two batches.
            EngineError: The engine failed.
        """

    @abstractmethod
    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        """``text`` cut at a sentence end to at most ``max_tokens`` tokens, and whether it was cut."""

    def close(self) -> None:
        """Release the model."""
        return
