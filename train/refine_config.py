"""The settings of a refinement as one frozen dataclass; every field is a flag of ``python -m train.refine``."""

# ruff: noqa: RUF009 -- a field made by a function is still a field

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError
from train.command import check_counts, check_positive
from train.config import flag
from train.sampling import MODES, SampleOptions

WAYS = ("weighted", "preference", "grpo")
CHANGEABLE = frozenset({"out", "resume", "steps", "save_steps", "log_steps", "threads"})
"""What a resumed run may set anew."""


@dataclass(frozen=True)
class RefineConfig:
    """Everything that decides a run; saved beside what it made."""

    out: str = flag("runs/refined", "Folder of this run: samples, checkpoints, log, and the adapter at the end.")
    judged: list[str] = flag([], "Teacher record files, review exports of the form records among them.")
    way: str = flag("weighted", "weighted (reward-weighted fine-tuning), preference (DPO) or grpo.")
    mode: str = flag("score_then_reason", "The judging mode whose reasons are refined.")
    student: str = flag(
        "default", "The student to refine: an adapter's folder is trained further; a model gets a new one."
    )
    base: str = flag("default", "Base model below an adapter that names none.")
    engine: str = flag("auto", "What samples and reads grades: auto, ctranslate2, transformers, openai or vllm.")
    lists: int = flag(0, "Take at most so many judged lists; 0 takes all that are not kept aside.")
    samples: int = flag(4, "Explanations sampled a document.")
    temperature: float = flag(0.9, "Temperature of sampling.")
    max_tokens: int = flag(64, "Longest explanation.")
    max_words: int = flag(80, "Documents are cut at so many words.")
    steps: int = flag(200, "Optimizer steps in all, those before a resume included.")
    batch: int = flag(8, "Texts, pairs or completions of a forward pass on each device.")
    accumulate: int = flag(1, "Forward passes an optimizer step.")
    learning_rate: float = flag(5e-5, "Learning rate of AdamW, after ten warm-up steps, falling linearly to zero.")
    rank: int = flag(16, "LoRA rank, where the student is no adapter.")
    alpha: int = flag(32, "LoRA alpha, where the student is no adapter.")
    anchor: float = flag(0.5, "weighted: weight of the teacher's own reason beside the samples; 0 leaves it out.")
    margin: float = flag(0.15, "preference: least difference of reward between the best and the worst sample.")
    beta: float = flag(0.1, "preference and grpo: how strongly the student is held to where it began.")
    weight_agreement: float = flag(1.0, "Weight of the reward for a grade near the known label.")
    weight_order: float = flag(0.5, "Weight of the reward for the right side of the list's other documents.")
    weight_form: float = flag(0.5, "Weight of the reward for a text that parses, ends and does not repeat.")
    weight_evidence: float = flag(0.5, "Weight of the support that the document gives.")
    weight_quotes: float = flag(0.25, "Weight of quotations that stand in the document.")
    weight_judge: float = flag(1.0, "Weight of the judge's or the reward model's verdict, where there is one.")
    judge: str = flag("", "A judge of reasons: a student as --student takes it, on the engine of --judge-engine.")
    judge_engine: str = flag("auto", "The judge's engine; openai with --judge-server for an endpoint.")
    judge_server: str = flag("", "Address of an OpenAI-compatible judge, up to and with /v1.")
    reward_model: str = flag("", "A sequence classifier with one output as the judge, by folder or hub id.")
    seed: int = flag(13, "Decides every sample and draw.")
    resume: bool = flag(False, "Go on from the last whole checkpoint in --out, if there is one.")
    save_steps: int = flag(50, "Write a checkpoint every so many steps; the last two are kept.")
    log_steps: int = flag(5, "Log every so many steps.")
    threads: int = flag(0, "Threads of torch on a CPU; 0 leaves torch's choice.")

    def __post_init__(self) -> None:
        if not self.judged:
            raise InputError("No data was given; name at least one file of teacher records with --judged.")
        if self.way not in WAYS or self.mode not in MODES:
            raise InputError(f"--way is one of {', '.join(WAYS)}; --mode is one of {', '.join(MODES)}.")
        counts = ("steps", "batch", "accumulate", "rank", "max_tokens", "max_words", "save_steps", "log_steps")
        check_counts(self, *counts)
        if self.samples < 2:
            raise InputError(f"--samples is {self.samples}; at least 2 are needed to tell a better one from a worse.")
        if self.way == "grpo" and self.batch % self.samples:
            raise InputError(f"--batch {self.batch} holds whole groups of --samples {self.samples}; give a multiple.")
        check_positive(self, "learning_rate", "temperature")
        amounts = (*self.weights.values(), self.anchor, self.margin, self.beta)
        if not all(math.isfinite(amount) and amount >= 0 for amount in amounts) or not any(self.weights.values()):
            raise InputError("Weights, --anchor, --margin and --beta are not negative, and one weight is above 0.")

    @property
    def weights(self) -> dict[str, float]:
        names = ("agreement", "order", "form", "evidence", "quotes", "judge")
        return {name: getattr(self, f"weight_{name}") for name in names}

    @property
    def sampling(self) -> SampleOptions:
        return SampleOptions(self.mode, self.samples, self.temperature, self.max_tokens, self.max_words, self.seed)

    def portable(self) -> dict[str, Any]:
        """The configuration without this machine's folders: files by name."""
        values = dataclasses.asdict(self)
        values["judged"] = [Path(path).name for path in self.judged]
        named = ("out", "student", "base", "judge", "reward_model")
        return values | {name: Path(values[name]).name if values[name] else "" for name in named}
