"""A real Engine whose model is a script: probabilities by a function of the prompt, texts by another."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence

from reasonrank.engines.base import Cancel, Choice, Completion, Engine, never_cancelled
from reasonrank.errors import Cancelled, EngineError

Chooser = Callable[[str, Sequence[str]], tuple[float, ...]]
Writer = Callable[[str], str]


def by_word(prompt: str, choices: Sequence[str]) -> tuple[float, ...]:
    """Grades by the passage's words ``good`` and ``fair``; sides by which passage has ``good``, biased to A."""
    if len(choices) == 2:
        lines = prompt.splitlines()
        a, b = "good" in lines[0], "good" in lines[1]
        first = 0.6 if a == b else (0.9 if a else 0.3)
        return (first, 1 - first)
    passage = prompt.splitlines()[0]
    if "good" in passage:
        return (0.1, 0.2, 0.7)
    return (0.2, 0.6, 0.2) if "fair" in passage else (0.8, 0.1, 0.1)


def plain_writer(prompt: str) -> str:
    """A usable reason, or a comparison that names both passages."""
    last = prompt.splitlines()[-1]
    return " [A] tells more than [B] does." if last == "Because:" else " Tells what was asked for."


class ScriptedEngine(Engine):
    """Counts its calls; fails where told to."""

    name, model_name, window = "scripted", "script", 4096

    def __init__(self, choose: Chooser = by_word, write: Writer = plain_writer, fail_on: str | None = None) -> None:
        self._choose, self._write, self._fail_on = choose, write, fail_on
        self.prompts: list[str] = []
        self.closed_streams = 0

    def _note(self, kind: str, prompt: str) -> None:
        self.prompts.append(prompt)
        if kind == self._fail_on:
            raise EngineError(f"The script fails to {kind}.")

    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        found = []
        for prompt in prompts:
            if cancel():
                raise Cancelled("cancelled")
            self._note("choose", prompt)
            found.append(Choice(self._choose(prompt, choices), 0.95))
        return found

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        self._note("stream", prompt)
        words = self._write(prompt).split(" ")
        text = ""
        try:
            for number, word in enumerate(words[:max_tokens]):
                piece = word if number == 0 else " " + word
                text += piece
                yield piece
        finally:
            self.closed_streams += 1
        return Completion(text, finished=len(words) <= max_tokens)

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        cancel: Cancel = never_cancelled,
    ) -> list[Completion]:
        return [Completion(self._write(prompt), True) for prompt in prompts]

    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        words = text.split()
        return " ".join(words[:max_tokens]), len(words) > max_tokens


class WordEncoder:
    """Texts to normalised bags of their letters: enough for the nearest sentence to be a clear one."""

    def encode(self, texts: Sequence[str]):  # type: ignore[no-untyped-def]
        import numpy as np

        rows = np.array([[text.lower().count(chr(97 + n)) + 0.01 for n in range(26)] for text in texts])
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)
