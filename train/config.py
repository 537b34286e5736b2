"""The settings of a distillation as one frozen dataclass; every field is a flag of ``python -m train.distill``."""

# ruff: noqa: RUF009 -- a field made by a function is still a field

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError
from train.command import check_counts, check_positive
from train.examples import DrawOptions, check_options

CHANGEABLE = frozenset(
    {
        "pair_orders",
        "attention",
        "crossed_pairs",
        "decay_steps",
        "eval_comparisons",
        "eval_lists",
        "eval_steps",
        "gradient_checkpointing",
        "log_steps",
        "out",
        "precision",
        "resume",
        "save_steps",
        "steps",
        "text_share",
        "threads",
        "weight_text",
    }
)
"""What a resumed run may set anew; anything else would change which lists are drawn, or the optimizer's state."""


def flag(default: Any, text: str) -> Any:
    """A dataclass field with help text; a list gets a fresh copy."""
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"help": text})
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class DistillConfig:
    """Everything that decides a run; saved beside what it made."""

    out: str = flag("runs/student", "Folder of this run: checkpoints, log, and the adapter at the end.")
    judged: list[str] = flag([], "Teacher record files (.jsonl or .jsonl.gz).")
    soft: list[str] = flag([], "Files of lists with a target distribution.")
    queries: list[str] = flag([], "Files of questions with their search queries, of train.query_writing.")
    base: str = flag("default", "Base model: default, a folder, or a hub id.")
    init: str = flag("", "Folder of an adapter to start from, trained on the same base weights; empty: fresh weights.")
    resume: bool = flag(False, "Go on from the last whole checkpoint in --out, if there is one.")
    steps: int = flag(600, "Optimizer steps in all, those before a resume included.")
    decay_steps: int = flag(60, "The last steps, over which the learning rate falls linearly to zero.")
    warmup_steps: int = flag(40, "The first steps, over which it rises linearly.")
    learning_rate: float = flag(4e-4, "Learning rate of AdamW.")
    groups: int = flag(2, "Groups of lists over the same passages in a forward pass on each device.")
    soft_lists: int = flag(2, "At most so many soft lists drawn with a group.")
    judged_lists: int = flag(0, "At most so many judged lists drawn with a group; 0 takes them all.")
    accumulate: int = flag(1, "Forward passes an optimizer step.")
    clip: float = flag(1.0, "Largest norm of the gradient.")
    rank: int = flag(16, "LoRA rank, on every linear layer.")
    alpha: int = flag(32, "LoRA alpha.")
    seed: int = flag(13, "Decides every draw.")
    max_words: int = flag(80, "Passages are cut at so many words.")
    warm_groups: int = flag(60, "The first groups, which train order and grades but no texts.")
    score_first: float = flag(0.75, "Share of judged draws that write the reason after the score.")
    late_documents: int = flag(2, "Documents of the other draws that get the reason before the score.")
    easy_negatives: int = flag(3, "So many passages of the step's other groups join each list, as grade 0.")
    pair_orders: int = flag(2, "Orders of presentation in which a group's comparison is trained: 0, 1 or 2.")
    clear_pairs: float = flag(0.75, "Share of draws whose comparison is between unequal labels, if there is one.")
    text_share: float = flag(1.0, "Share of groups whose texts are trained when they are drawn.")
    crossed_pairs: int = flag(0, "Pairs of a step's groups whose passages are compared for the queries of both.")
    pair_share: float = flag(1.0, "Share of groups of which a comparison is drawn.")
    scale: float = flag(6.0, "s: the ranking losses read s times the expected grade.")
    weight_pairwise: float = flag(0.4, "Weight of RankNet over pairs of unequal label.")
    weight_listwise: float = flag(0.4, "Weight of the KL to the list's target distribution.")
    weight_text: float = flag(0.2, "Weight of the cross-entropy of reasons and comparative texts.")
    weight_grade: float = flag(0.2, "Weight of the labels' cross-entropy (the grade anchor).")
    weight_late_grade: float = flag(0.1, "Weight of the label's cross-entropy after a reason.")
    weight_side: float = flag(0.2, "Weight of the cross-entropy of a comparison's side.")
    eval_steps: int = flag(40, "Measure on kept-aside lists every so many steps.")
    eval_lists: int = flag(24, "At most so many kept-aside lists while training (all of them at the end).")
    eval_comparisons: int = flag(10, "At most so many kept-aside comparisons while training, in both orders.")
    save_steps: int = flag(20, "Write a checkpoint every so many steps; the last two are kept.")
    log_steps: int = flag(5, "Log every so many steps.")
    precision: str = flag("auto", "float32, bfloat16 (autocast), or auto: timed at start.")
    attention: str = flag("auto", "sdpa, eager, or auto: timed at start.")
    gradient_checkpointing: bool = flag(False, "Compute activations twice to save memory.")
    threads: int = flag(0, "Threads of torch on a CPU; 0 leaves torch's choice.")

    def __post_init__(self) -> None:
        check_options(self.draw_options)
        if not self.judged and not self.soft:
            raise InputError("No data was given; name at least one file with --judged or --soft.")
        if self.steps < self.warmup_steps + self.decay_steps:
            raise InputError(
                f"--steps {self.steps} leaves no room for {self.warmup_steps} warm-up and {self.decay_steps} decay "
                "steps; raise --steps or lower --warmup-steps and --decay-steps."
            )
        check_positive(self, "learning_rate")
        check_counts(self, "groups", "accumulate", "rank", "max_words", "eval_steps", "save_steps", "log_steps")
        if min(self.soft_lists, self.judged_lists, self.easy_negatives, self.warm_groups) < 0:
            raise InputError(
                "--soft-lists, --judged-lists, --easy-negatives and --warm-groups are counts; give 0 or more."
            )
        if self.precision not in ("auto", "float32", "bfloat16") or self.attention not in ("auto", "sdpa", "eager"):
            raise InputError("--precision is auto, float32 or bfloat16; --attention is auto, sdpa or eager.")

    @property
    def draw_options(self) -> DrawOptions:
        return DrawOptions(
            self.score_first,
            self.late_documents,
            self.pair_orders,
            self.clear_pairs,
            self.text_share,
            self.crossed_pairs,
            self.pair_share,
        )

    @property
    def weights(self) -> dict[str, float]:
        names = ("pairwise", "listwise", "text", "grade", "late_grade", "side")
        return {name: getattr(self, f"weight_{name}") for name in names}

    def portable(self) -> dict[str, Any]:
        """The configuration without this machine's folders: files by name."""
        values = dataclasses.asdict(self)
        for name in ("soft", "judged", "queries"):
            values[name] = [Path(path).name for path in values[name]]
        return values | {"out": Path(self.out).name, "base": Path(self.base).name, "init": Path(self.init).name}


def _defaults() -> dict[str, Any]:
    """What a flag was that did not exist yet when a run began."""
    return {
        one.name: one.default if one.default_factory is dataclasses.MISSING else one.default_factory()
        for one in dataclasses.fields(DistillConfig)
    }


def check_resumable(config: DistillConfig, path: Path) -> None:
    """Raises :class:`InputError` where a run under way was started with settings that cannot change."""
    before = _defaults() | json.loads(path.read_text(encoding="utf-8"))
    now = config.portable()
    changed = sorted(name for name in now if name not in CHANGEABLE and now[name] != before.get(name))
    if changed:
        listed = ", ".join(f"{name} {before.get(name)!r} (now {now[name]!r})" for name in changed)
        raise InputError(f"The run in {path.parent} was started with {listed}; keep them, or choose another --out.")
