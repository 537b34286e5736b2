"""The trainer of each way of refinement, with its rows: transformers' Trainer, TRL's DPO and TRL's GRPO."""

from __future__ import annotations

import copy
import logging
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import torch
from datasets import Dataset as Table
from transformers import Trainer, TrainingArguments
from trl.trainer.dpo_config import DPOConfig
from trl.trainer.grpo_config import GRPOConfig

from reasonrank.encoding import encode
from reasonrank.engines.base import Engine
from reasonrank.errors import InputError
from reasonrank.models import LoadedModel
from reasonrank.prompts import STOP
from train.examples import SequenceWriter
from train.records import TeacherRecord
from train.refine_config import RefineConfig
from train.refine_ways import (
    PlainDPOTrainer,
    PlainGRPOTrainer,
    Weighted,
    WeightedTrainer,
    collate_weighted,
    grpo_reward,
    grpo_table,
    preference_row,
    rejected_preferences,
    sampled_preferences,
    weighted_sequences,
)
from train.rewards import Reward
from train.sampling import Rewarded

log = logging.getLogger(__name__)
WARM_UP = 10
"""Optimizer steps over which the learning rate rises, where there are more than twice as many."""


def common_arguments(config: RefineConfig) -> dict[str, Any]:
    """What the three trainers' settings share."""
    return {
        "output_dir": config.out,
        "max_steps": config.steps,
        "per_device_train_batch_size": config.batch,
        "gradient_accumulation_steps": config.accumulate,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": "linear",
        "warmup_steps": WARM_UP if config.steps > 2 * WARM_UP else 0,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "bf16": torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        "use_cpu": not torch.cuda.is_available(),
        "gradient_checkpointing": False,
        "logging_steps": config.log_steps,
        "save_steps": config.save_steps,
        "save_total_limit": 2,
        "seed": config.seed,
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "report_to": "none",
    }


def weighted_trainer(
    config: RefineConfig,
    model: Any,
    loaded: LoadedModel,
    records: Sequence[TeacherRecord],
    found: Mapping[str, Sequence[Rewarded]],
    writer: SequenceWriter,
) -> Trainer:
    """Reward-weighted fine-tuning over all samples.

    Raises:
        InputError: No sample can be used.
    """
    rows: list[Any] = [
        row
        for record in records
        for row in weighted_sequences(record, found[record.query.query_id], writer, config.mode, config.anchor)
    ]
    if not rows:
        raise InputError("No sampled reason can be used, and no record has one; train the student further first.")
    log.info("%d texts, mean weight %.3f", len(rows), fmean(row.weight for row in rows))

    def collate(batch: Sequence[Weighted]) -> dict[str, Any]:
        return collate_weighted(batch, pad_id(loaded.tokenizer))

    arguments = TrainingArguments(**common_arguments(config))
    return WeightedTrainer(model=model, args=arguments, train_dataset=rows, data_collator=collate)


def preference_trainer(
    config: RefineConfig,
    model: Any,
    loaded: LoadedModel,
    records: Sequence[TeacherRecord],
    found: Mapping[str, Sequence[Rewarded]],
    writer: SequenceWriter,
) -> Trainer:
    """DPO over best and worst samples, and over texts that were turned down.

    Raises:
        InputError: There is no pair.
    """
    rows = []
    for record in records:
        for pair in (*sampled_preferences(found[record.query.query_id], config.margin), *rejected_preferences(record)):
            rows.append(preference_row(record, pair, writer, config.mode))
    rows = [row for row in rows if row is not None]
    if not rows:
        raise InputError("No two reasons differ enough in reward; lower --margin, or raise --samples or --temperature.")
    log.info("%d pairs", len(rows))
    arguments = DPOConfig(**common_arguments(config), beta=config.beta, max_length=None)
    tokenizer = with_padding(loaded.tokenizer)
    return PlainDPOTrainer(model=model, args=arguments, train_dataset=Table.from_list(rows), processing_class=tokenizer)


def grpo_trainer(
    config: RefineConfig,
    model: Any,
    loaded: LoadedModel,
    records: Sequence[TeacherRecord],
    rewards: Mapping[str, Reward],
    engine: Engine,
) -> Trainer:
    """GRPO over all documents; a completion ends at the line's end.

    Raises:
        InputError: No document has what the mode's prompt needs.
    """
    rows = grpo_table(records, config.sampling)
    if not len(rows):
        raise InputError("No document has a label, which the mode score_then_reason needs; give labelled records.")
    ends = model.generation_config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends] if ends is not None else []
    model.generation_config.eos_token_id = [*encode(loaded.tokenizer, STOP), *ends]
    arguments = GRPOConfig(
        **common_arguments(config),
        beta=config.beta,
        num_generations=config.samples,
        max_completion_length=config.max_tokens,
        temperature=config.temperature,
    )
    return PlainGRPOTrainer(
        model=model,
        reward_funcs=grpo_reward(rewards, config.weights, engine, config.sampling),
        args=arguments,
        train_dataset=rows,
        processing_class=with_padding(loaded.tokenizer),
    )


def pad_id(tokenizer: Any) -> int:
    """The token that padding is made of; it is masked everywhere."""
    return next((one for one in (tokenizer.pad_token_id, tokenizer.eos_token_id) if one is not None), 0)


def with_padding(tokenizer: Any) -> Any:
    """A copy of a tokenizer that can pad, as TRL wants it."""
    own = copy.deepcopy(tokenizer)
    if own.pad_token is None:
        own.pad_token = own.eos_token
    if own.eos_token is None:
        own.eos_token = own.pad_token
    return own
