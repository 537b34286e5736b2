"""The engine on transformers and torch: any causal LM, on the CPU, CUDA or MPS."""

from __future__ import annotations

import contextlib
import inspect
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any

import torch

from reasonrank.encoding import encode, encode_choice
from reasonrank.engines.base import Cancel, Choice, Completion, Engine, never_cancelled
from reasonrank.engines.batching import by_length, read_choice, room
from reasonrank.engines.text import TextTokenizer
from reasonrank.errors import Cancelled, EngineError
from reasonrank.models import LoadedModel

CPU_BATCH_TOKENS = 1024
"""On a CPU larger batches fall out of its caches: 2,754 tokens took 9.2 s of it in batches of 5, 14.7 s at once."""
_CLEARLY_QUICKER = 1.3


def resolve_device(device: str) -> str:
    """The device that ``auto`` means here, or the given one.

    Raises:
        EngineError: torch has no such device on this machine.
    """
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if device == "auto":
        return next(name for name in ("cuda", "mps", "cpu") if present[name])
    if not present.get(device, False):
        here = ", ".join(name for name, there in present.items() if there)
        raise EngineError(f"The device {device!r} is not on this machine; torch finds: {here}.")
    return device


def loading_dtype(device: str) -> torch.dtype:
    """The number format in which weights are loaded for a device."""
    return torch.bfloat16 if device == "cuda" else torch.float32


class TransformersEngine(Engine):
    """Serves a loaded model; safe to use from several threads, which take turns step by step.

    Args:
        loaded: The model, with its adapter merged, in the format of :func:`loading_dtype`. It is moved to the device.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        batch_tokens: Tokens that a padded batch holds at most; on a CPU at most :data:`CPU_BATCH_TOKENS`.
        dtype: Number format; on a CPU float32, or bfloat16 where a short timing finds that clearly quicker.
        model_name: Shown to people.
        threads: Of torch, for the whole process; 0 leaves them as they are.

    Raises:
        EngineError: The device is missing, or the tokenizer cannot serve.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        device: str = "auto",
        batch_tokens: int = 4096,
        *,
        dtype: torch.dtype | None = None,
        model_name: str | None = None,
        threads: int = 0,
    ) -> None:
        self._device = resolve_device(device)
        if threads:
            torch.set_num_threads(threads)
        config = loaded.model.config.get_text_config()
        dtype = dtype or (_quicker_dtype(config.hidden_size) if self._device == "cpu" else loaded.model.dtype)
        self._model = loaded.model.to(self._device, dtype).eval()
        self._accepted = inspect.signature(loaded.model.forward).parameters
        self._tokenizer = TextTokenizer.of(loaded.tokenizer, end_ids(loaded))
        self._batch_tokens = min(batch_tokens, CPU_BATCH_TOKENS) if self._device == "cpu" else batch_tokens
        self._lock = threading.Lock()
        self.window = window_of(config)
        where = "" if self._device == "cpu" else f" on {self._device}"
        self.name = f"transformers {str(dtype).removeprefix('torch.')}{where}"
        self.model_name = model_name or loaded.name

    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        encoded = [encode_choice(self._tokenizer, prompt, choices) for prompt in prompts]
        lengths = [len(ids) for ids, _ in encoded]
        for length in lengths:
            room(length, 1, self.window)
        found: dict[int, Choice] = {}
        for batch in by_length(lengths, self._batch_tokens):
            if cancel():
                raise Cancelled("Scoring was stopped.")
            logits, _ = self._step(*_left_padded([encoded[i][0] for i in batch]), None)  # (batch, vocabulary)
            found |= {i: read_choice(row, encoded[i][1]) for i, row in zip(batch, logits.numpy(), strict=True)}
        return [found[i] for i in range(len(prompts))]

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        ids = encode(self._tokenizer, prompt)
        reader = self._tokenizer.reader(ids)
        with contextlib.closing(self._tokens([ids], max_tokens, [_picker(temperature, seed)])) as steps:
            for (token,) in steps:
                piece = reader.feed(token)
                if piece:
                    yield piece
                if reader.finished:
                    break
        return reader.completion()

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
        readers = [self._tokenizer.reader(ids) for ids in encoded]
        for batch in by_length([len(ids) + max_tokens for ids in encoded], self._batch_tokens):
            pickers = [_picker(temperature, seed + i) for i in batch]
            with contextlib.closing(self._tokens([encoded[i] for i in batch], max_tokens, pickers)) as steps:
                for tokens in _until(cancel, steps):
                    for i, token in zip(batch, tokens, strict=True):
                        readers[i].feed(token)
                    if all(readers[i].finished for i in batch):
                        break
        return [reader.completion() for reader in readers]

    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        return self._tokenizer.cut(text, max_tokens)

    def close(self) -> None:
        with self._lock:
            self._model = None
        if self._device == "cuda":
            torch.cuda.empty_cache()

    def _tokens(
        self, encoded: Sequence[Sequence[int]], max_tokens: int, pickers: Sequence[Picker]
    ) -> Generator[list[int], None, None]:
        """The next token of each prompt, step by step; closing the generator stops the work."""
        left = room(max(map(len, encoded)), max_tokens, self.window)
        ids, mask = _left_padded(encoded)
        cache = None
        for _ in range(left):
            logits, cache = self._step(ids, mask, cache)
            tokens = [pick(row) for pick, row in zip(pickers, logits, strict=True)]
            yield tokens
            ids = torch.tensor(tokens)[:, None]  # (batch, 1)
            mask = torch.cat([mask, torch.ones_like(ids)], dim=1)

    def _step(self, ids: torch.Tensor, mask: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        """Logits after the last token, float32 on the CPU, shape (batch, vocabulary), and the cache.

        Args:
            ids: New token ids, shape (batch, new).
            mask: 1 for a token and 0 for padding, shape (batch, cached + new).
            cache: Of the step before.
        """
        positions = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
        tensors = {"input_ids": ids, "attention_mask": mask, "position_ids": positions}
        inputs: dict[str, Any] = {
            name: tensor.to(self._device) for name, tensor in tensors.items() if name in self._accepted
        }
        if "logits_to_keep" in self._accepted:
            inputs["logits_to_keep"] = 1
        with self._lock, torch.inference_mode():
            if self._model is None:
                raise EngineError("This engine was closed.")
            try:
                output = self._model(**inputs, past_key_values=cache, use_cache=True)
                return output.logits[:, -1].float().cpu(), output.past_key_values
            except RuntimeError as error:  # out of memory among others
                first = str(error).strip().partition("\n")[0]
                raise EngineError(f"{self.name} failed: {first}") from error


Picker = Callable[[torch.Tensor], int]
"""Chooses a token from logits, shape (vocabulary,)."""


def _picker(temperature: float, seed: int) -> Picker:
    if temperature <= 0:
        return lambda logits: int(logits.argmax())
    generator = torch.Generator().manual_seed(seed)

    def sample(logits: torch.Tensor) -> int:
        return int(torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1, generator=generator))

    return sample


def _until(cancel: Cancel, steps: Iterator[list[int]]) -> Iterator[list[int]]:
    while True:
        if cancel():
            raise Cancelled("Writing was stopped.")
        tokens = next(steps, None)
        if tokens is None:
            return
        yield tokens


def _left_padded(encoded: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids padded with token 0 on the left, and their mask, both of shape (batch, longest)."""
    longest = max(map(len, encoded))
    ids = torch.tensor([[0] * (longest - len(row)) + list(row) for row in encoded])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in encoded])
    return ids, mask


def _quicker_dtype(width: int) -> torch.dtype:
    """bfloat16 where this processor multiplies matrices of the model's size clearly quicker in it."""
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        left, right = torch.ones(128, width, dtype=dtype), torch.ones(width, 4 * width, dtype=dtype)
        times = []
        for _ in range(4):  # the first one warms up
            start = time.perf_counter()
            left @ right
            times.append(time.perf_counter() - start)
        seconds[dtype] = min(times[1:])
    quicker = seconds[torch.float32] > _CLEARLY_QUICKER * seconds[torch.bfloat16]
    return torch.bfloat16 if quicker else torch.float32


def window_of(config: Any) -> int:
    """Tokens that prompt and completion may hold together, as a model's configuration says."""
    return int(getattr(config, "max_position_embeddings", None) or 2048)


def end_ids(loaded: LoadedModel) -> list[int]:
    """Token ids that end a text, as the model's generation configuration and its tokenizer say."""
    said = getattr(loaded.model.generation_config, "eos_token_id", None)
    ids = said if isinstance(said, list) else [said]
    return [number for number in [*ids, loaded.tokenizer.eos_token_id] if number is not None]
