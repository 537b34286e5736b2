"""The engine on vLLM in this process, for batch work: large batches on a GPU, a text in one piece instead of streamed.

For pages and servers, start vLLM's own server and use the engine ``openai``.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from reasonrank.encoding import encode, encode_choice
from reasonrank.engines.base import Cancel, Choice, Completion, Engine, never_cancelled
from reasonrank.engines.batching import room
from reasonrank.engines.replies import Listed, bounded_choice
from reasonrank.engines.servable import Servable, lora_room
from reasonrank.engines.text import TextTokenizer
from reasonrank.errors import Cancelled, EngineError, MissingDependencyError
from reasonrank.prompts import STOP

AT_ONCE = 1024
"""Prompts given to vLLM together; it batches among them as its memory allows. Stopping waits for them."""
_INSTALL = "pip install 'reasonrank[vllm]'"


class VllmEngine(Engine):
    """Serves a model with vLLM; calls of several threads take turns.

    Args:
        student: The model and its adapter.
        options: Passed to ``vllm.LLM``, for example ``dtype`` or ``gpu_memory_utilization``.

    Raises:
        EngineError: vLLM does not load it.
        MissingDependencyError: vllm is missing.
    """

    def __init__(self, student: Servable, **options: Any) -> None:
        try:
            import vllm
            from vllm.lora.request import LoRARequest
        except ImportError as error:
            raise MissingDependencyError("vllm", _INSTALL) from error
        self._vllm = vllm
        lora = {"enable_lora": True, "max_lora_rank": lora_room(student.rank)} if student.adapter else {}
        try:
            self._model: Any = vllm.LLM(
                model=student.base, generation_config="vllm", disable_log_stats=True, **lora, **options
            )
        except (RuntimeError, ValueError, OSError) as error:
            raise EngineError(f"vLLM does not load {student.shown}: {_first_line(error)}") from error
        self._lora = LoRARequest(student.adapter_name, 1, str(student.adapter)) if student.adapter else None
        config = self._model.llm_engine.model_config
        self._tokenizer = _tokenizer_of(self._model, student.base)
        self._lock = threading.Lock()
        self.window = int(config.max_model_len)
        self.name = f"vllm {str(config.dtype).removeprefix('torch.')}"
        self.model_name = student.shown

    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        encoded = [encode_choice(self._tokenizer, prompt, choices) for prompt in prompts]
        for ids, _ in encoded:
            room(len(ids), 1, self.window)
        asked = [
            (ids, self._vllm.SamplingParams(max_tokens=1, temperature=0.0, logprob_token_ids=choice_ids))
            for ids, choice_ids in encoded
        ]
        found = []
        for output, (_, choice_ids) in zip(self._run(asked, cancel), encoded, strict=True):
            told = output.logprobs[0]
            listed = [Listed("", number, entry.logprob) for number, entry in told.items()]
            logprobs = [told[number].logprob if number in told else None for number in choice_ids]
            found.append(bounded_choice(logprobs, listed))
        return found

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        [completion] = self.generate([prompt], max_tokens=max_tokens, temperature=temperature, seed=seed)
        if completion.text:
            yield completion.text
        return completion

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        cancel: Cancel = never_cancelled,
    ) -> list[Completion]:
        asked = []
        for i, prompt in enumerate(prompts):
            ids = encode(self._tokenizer, prompt)
            length = room(len(ids), max_tokens, self.window)
            asked.append(
                (
                    ids,
                    self._vllm.SamplingParams(max_tokens=length, temperature=temperature, seed=seed + i, stop=[STOP]),
                )
            )
        return [
            Completion(output.text.partition(STOP)[0], output.finish_reason != "length")
            for output in self._run(asked, cancel)
        ]

    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        return self._tokenizer.cut(text, max_tokens)

    def close(self) -> None:
        with self._lock:
            self._model = None

    def _run(self, asked: Sequence[tuple[list[int], Any]], cancel: Cancel) -> list[Any]:
        """vLLM's output for each prompt's ids and parameters."""
        outputs: list[Any] = []
        for start in range(0, len(asked), AT_ONCE):
            if cancel():
                raise Cancelled("The work was stopped.")
            batch = asked[start : start + AT_ONCE]
            with self._lock:
                if self._model is None:
                    raise EngineError("This engine was closed.")
                try:
                    done = self._model.generate(
                        [{"prompt_token_ids": ids} for ids, _ in batch],
                        [parameters for _, parameters in batch],
                        use_tqdm=False,
                        lora_request=self._lora,
                    )
                except (RuntimeError, ValueError) as error:
                    raise EngineError(f"vLLM failed: {_first_line(error)}") from error
            outputs += [one.outputs[0] for one in done]
        return outputs


def _tokenizer_of(model: Any, base: str) -> TextTokenizer:
    stored = Path(base) / "tokenizer.json"
    return TextTokenizer.load(stored) if stored.is_file() else TextTokenizer.of(model.get_tokenizer())


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
