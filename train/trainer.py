"""transformers' Trainer with the distillation's losses, its figures on kept-aside lists, and a log one can watch."""

from __future__ import annotations

import json
import logging
import math
import signal
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Sampler, SequentialSampler
from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from train.batching import KINDS, Batch, logits_at
from train.heldout import HeldOut, held_out_figures
from train.losses import expected_grade, listwise_loss, pairwise_loss, token_loss, weighted_sum

log = logging.getLogger(__name__)


def loss_parts(logits: Tensor, batch: Batch, label_ids: Sequence[int], scale: float) -> dict[str, Tensor]:
    """Every part of the loss that this step's lists can speak to, by name.

    Args:
        logits: (positions, vocabulary), from :func:`train.batching.logits_at`.
        batch: From :func:`train.batching.collate`.
        label_ids: Tokens of the grades.
        scale: ``s``.
    """
    # (lists, documents) positions, their vocabulary rows, the three labels: (lists, documents, 3)
    grades = expected_grade(logits[batch["slots"]][..., list(label_ids)])
    parts: dict[str, Tensor | None] = {
        "pairwise": pairwise_loss(grades, batch["gains"], batch["mask"], scale),
        "listwise": listwise_loss(grades, batch["target"], batch["mask"], scale),
    }
    for number, kind in enumerate(KINDS):
        chosen = batch["kinds"] == number
        parts[kind] = token_loss(logits[chosen], batch["expected"][chosen])
    return {name: part for name, part in parts.items() if part is not None}


class DistillTrainer(Trainer):
    """Trains on :class:`train.examples.ListExample` batches in the data set's own order.

    Args:
        label_ids: Tokens of the grades.
        weights: Weight of each part of the loss.
        scale: ``s`` of the ranking losses.
        held: Kept-aside lists to measure on.
        pad_id: Padding token.
        options: Of :class:`transformers.Trainer`.
    """

    loss_is_scaled_for_ga = False

    def __init__(
        self,
        *,
        label_ids: Sequence[int],
        weights: dict[str, float],
        scale: float,
        held: HeldOut,
        pad_id: int,
        **options: Any,
    ) -> None:
        super().__init__(eval_dataset=[], **options)
        self.model_accepts_loss_kwargs = False
        self._label_ids, self._weights, self._scale = label_ids, weights, scale
        self._held, self._pad_id = held, pad_id
        self._sums: dict[str, list[float]] = defaultdict(list)
        self._tokens, self._unpacked, self._seconds = 0, 0, 0.0

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        dataset: Any = train_dataset if train_dataset is not None else self.train_dataset
        return SequentialSampler(dataset)

    def training_step(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Tensor:
        began = time.perf_counter()
        self._tokens += int(inputs["tokens"])
        self._unpacked += int(inputs["unpacked"])
        loss = super().training_step(model, inputs, *args, **kwargs)
        self._seconds += time.perf_counter() - began
        return loss

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        logits = logits_at(model, inputs["blocks"])
        parts = loss_parts(logits, inputs, self._label_ids, self._scale)
        for name, part in parts.items():
            self._sums[name].append(part.item())
        loss = weighted_sum(parts, self._weights)
        return (loss, logits) if return_outputs else loss

    def floating_point_ops(self, inputs: Any) -> int:
        return 0  # the inputs are blocks, which the estimate does not know

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        if "loss" in logs:
            logs |= {f"loss_{name}": math.fsum(values) / len(values) for name, values in self._sums.items()}
            logs["tokens_a_second"] = self._tokens / max(self._seconds, 1e-9)
            logs["unpacked_tokens_a_second"] = self._unpacked / max(self._seconds, 1e-9)
            logs["seconds"] = self._seconds
            self._sums.clear()
            self._tokens, self._unpacked, self._seconds = 0, 0, 0.0
        super().log(logs, start_time)

    def evaluate(
        self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Figures on the kept-aside lists, or on another :class:`HeldOut`."""
        figures = self.held_out_figures(eval_dataset or self._held)
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in figures.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def held_out_figures(self, held: HeldOut) -> dict[str, float]:
        model: Any = self.model
        was_training = model.training
        model.eval()
        try:
            with self.accelerator.autocast():
                return held_out_figures(model, held, self._pad_id, self.args.device)
        finally:
            model.train(was_training)


class LogFile(TrainerCallback):
    """One JSON line for each log, appended to a file and shown on the log."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: Any = None, **_: Any
    ) -> None:
        if not state.is_world_process_zero or not logs:
            return
        figures = {name: float(f"{value:.4g}") for name, value in logs.items() if name != "epoch"}
        line = json.dumps({"step": state.global_step, "of": state.max_steps, **figures})
        log.info("%s", line)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


class StopOnSignal(TrainerCallback):
    """SIGTERM or SIGINT: finish the step, write a checkpoint, stop."""

    stopped = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, *_: Any) -> None:
        self.stopped = True
        log.info("stopping after this step, with a checkpoint")

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        if self.stopped:
            control.should_save = control.should_training_stop = True
        return control


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that was written to its end (the Trainer's state is written last)."""
    found = [path for path in folder.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


@torch.enable_grad()
def step_seconds(model: Any, batch: Batch, precision: str, attention: str, label_ids: Sequence[int]) -> float:
    """Seconds of one forward and backward pass on the CPU, gradients thrown away."""
    model.set_attn_implementation(attention)
    began = time.perf_counter()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        logits = logits_at(model, batch["blocks"])
    listwise = loss_parts(logits, batch, label_ids, 1.0)["listwise"]
    listwise.backward()
    model.zero_grad(set_to_none=True)
    return time.perf_counter() - began
