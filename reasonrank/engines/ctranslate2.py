"""The engine on CTranslate2, int8 on a CPU: the default where there is no GPU.

Batches hold prompts of one length: of mixed ones CTranslate2 reads only the shortest length at once and the rest
token by token. Its cache for static prompts is left alone: our prompts begin with the document, so no two share
a beginning worth keeping, and what it keeps is never let go.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from reasonrank.encoding import encode, encode_choice
from reasonrank.engines.base import Cancel, Choice, Completion, Engine, never_cancelled
from reasonrank.engines.batching import of_equal_length, read_choice, room
from reasonrank.engines.conversion import TOKENIZER, read_converted
from reasonrank.engines.text import CompletionReader, TextTokenizer
from reasonrank.errors import Cancelled, EngineError, MissingDependencyError

_SEEDING = threading.Lock()
"""CTranslate2's random seed belongs to the whole process."""


class CTranslate2Engine(Engine):
    """Serves a converted model; CTranslate2 queues what several threads ask of it.

    Args:
        folder: Made by :func:`reasonrank.engines.conversion.convert_once`.
        model_name: Shown to people; the base model's name when not given.
        device: ``cpu`` or ``cuda``.
        batch_tokens: Tokens a batch holds at most.
        threads: Processor threads; 0 takes them all.

    Raises:
        EngineError: The folder holds no conversion, or it does not load.
        MissingDependencyError: ctranslate2 is missing.
    """

    def __init__(
        self,
        folder: Path,
        model_name: str | None = None,
        *,
        device: str = "cpu",
        batch_tokens: int = 4096,
        threads: int = 0,
    ) -> None:
        about = read_converted(folder)
        if about is None:
            raise EngineError(f"{folder} holds no finished conversion; remove it and start again.")
        self._folder, self._batch_tokens = str(folder), batch_tokens
        self._options: dict[str, Any] = {
            "device": device,
            "compute_type": about.quantization,
            "inter_threads": 1,
            "intra_threads": threads or available_threads(),
        }
        self._generator = self._open()
        self._tokenizer = TextTokenizer.load(folder / TOKENIZER, about.end_ids)
        self.name = f"ctranslate2 {about.quantization}" + (f" on {device}" if device != "cpu" else "")
        self.model_name = model_name or about.base
        self.window = about.window

    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        encoded = [encode_choice(self._tokenizer, prompt, choices) for prompt in prompts]
        lengths = [len(ids) for ids, _ in encoded]
        for length in lengths:
            room(length, 1, self.window)
        found: dict[int, Choice] = {}
        for batch in of_equal_length(lengths, self._batch_tokens):
            if cancel():
                raise Cancelled("Scoring was stopped.")
            tokens = [self._tokenizer.tokens(encoded[i][0]) for i in batch]
            with self._failures():
                results = self._generator.generate_batch(
                    tokens, max_length=1, include_prompt_in_result=False, return_logits_vocab=True
                )
            for i, result in zip(batch, results, strict=True):
                logits = np.asarray(result.logits[0][0], dtype=np.float32)  # (vocabulary,)
                found[i] = read_choice(logits, encoded[i][1])
        return [found[i] for i in range(len(prompts))]

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        ids = encode(self._tokenizer, prompt)
        reader = self._tokenizer.reader(ids)
        length = room(len(ids), max_tokens, self.window)
        generator = self._generator if temperature <= 0 else self._seeded(seed)
        steps = generator.generate_tokens(self._tokenizer.tokens(ids), **self._decoding(length, temperature))
        made = 0
        # Closing the steps makes CTranslate2 stop at its next token, whoever left this generator and why.
        with self._failures(), contextlib.closing(steps):
            for step in steps:
                made += 1
                piece = reader.feed(step.token_id)
                if piece:
                    yield piece
                if reader.finished:
                    break
        return _ended(reader, made, length)

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        cancel: Cancel = never_cancelled,
    ) -> list[Completion]:
        encoded = [encode(self._tokenizer, prompt) for prompt in prompts]
        sampled = temperature > 0
        # A sampled prompt has a generator of its own, and so its own seed, whatever stands beside it.
        batches = [[i] for i in range(len(prompts))] if sampled else self._decoding_batches(encoded, max_tokens)
        found: dict[int, Completion] = {}
        for batch in batches:
            if cancel():
                raise Cancelled("Writing was stopped.")
            generator = self._seeded(seed + batch[0]) if sampled else self._generator
            rows = [encoded[i] for i in batch]
            found |= zip(batch, self._complete(generator, rows, max_tokens, temperature, cancel), strict=True)
        return [found[i] for i in range(len(prompts))]

    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        return self._tokenizer.cut(text, max_tokens)

    def close(self) -> None:
        self._generator.unload_model()

    def _complete(
        self,
        generator: Any,
        encoded: Sequence[list[int]],
        max_tokens: int,
        temperature: float,
        cancel: Cancel,
    ) -> list[Completion]:
        """Continue prompts of one length in one batch."""
        readers = [self._tokenizer.reader(ids) for ids in encoded]
        made = [0] * len(encoded)
        stopped = False

        def read(step: Any) -> bool:
            nonlocal stopped
            made[step.batch_id] += 1
            readers[step.batch_id].feed(step.token_id)
            stopped = stopped or cancel()
            return stopped or readers[step.batch_id].finished

        length = room(len(encoded[0]), max_tokens, self.window)
        with self._failures():
            generator.generate_batch(
                [self._tokenizer.tokens(ids) for ids in encoded],
                include_prompt_in_result=False,
                callback=read,
                **self._decoding(length, temperature),
            )
        if stopped:
            raise Cancelled("Writing was stopped.")
        return [_ended(reader, count, length) for reader, count in zip(readers, made, strict=True)]

    def _decoding_batches(self, encoded: Sequence[Sequence[int]], max_tokens: int) -> list[list[int]]:
        return of_equal_length([len(ids) for ids in encoded], max(1, self._batch_tokens - max_tokens))

    def _decoding(self, max_length: int, temperature: float) -> dict[str, Any]:
        sampling = {"sampling_topk": 0, "sampling_temperature": temperature} if temperature > 0 else {}
        return {"max_length": max_length, "end_token": sorted(self._tokenizer.end_ids), **sampling}

    def _open(self) -> Any:
        try:
            import ctranslate2
        except ImportError as error:
            raise MissingDependencyError("ctranslate2", "pip install 'reasonrank[app]'") from error
        with self._failures():
            return ctranslate2.Generator(self._folder, **self._options)

    def _seeded(self, seed: int) -> Any:
        """A generator of its own: each of its threads takes the process's seed once, at its first sampling."""
        import ctranslate2

        with _SEEDING:
            ctranslate2.set_random_seed(seed % 2**32)
            generator = self._open()
            generator.generate_batch([self._tokenizer.tokens([0])], max_length=1, sampling_topk=0)
            return generator

    @contextlib.contextmanager
    def _failures(self) -> Generator[None, None, None]:
        try:
            yield
        except RuntimeError as error:
            raise EngineError(f"CTranslate2 failed on {Path(self._folder).name}: {error}") from error


def _ended(reader: CompletionReader, made: int, length: int) -> Completion:
    """An end token is not always passed on, so a text that stays under its length has ended too."""
    return Completion(reader.text, reader.finished or made < length)


def available_threads() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
