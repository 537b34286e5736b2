"""Training speed beside a plain TRL SFT run: the same model, the same sequences in each step, in one process.

    python -m benchmarks.training --soft soft.jsonl.gz --judged judged.jsonl.gz [--steps 6] [--out result.json]

Both sides train LoRA of the same rank on every linear layer, with the same optimizer, precision and threads, and take
turns step block by step block, so that whatever else the machine does hits both alike. TRL's SFTTrainer reads each
sequence of a step as a row of its own and learns the same texts and grades by cross-entropy; ours reads a passage once
for all that is asked of it and adds the ranking losses. Tokens are those of the sequences, however they were packed,
so that both are counted alike; the first step of each block is left out.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import torch
from datasets import Dataset as Table
from torch.utils.data import SequentialSampler
from transformers import TrainerCallback
from transformers.trainer_callback import PrinterCallback
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import DataCollatorForLanguageModeling, SFTTrainer

from reasonrank.models import LoadedModel, load_base
from train.batching import collate
from train.config import DistillConfig
from train.curriculum import Curriculum
from train.distill import read_data, training_arguments, with_lora
from train.examples import ListExample, SequenceWriter, TokenSequence
from train.heldout import held_out_set
from train.refine_ways import learned_tokens
from train.trainer import DistillTrainer

NEVER = 10**6


@dataclass(frozen=True, slots=True)
class Speed:
    """Tokens of the sequences a second, a value for each timed step."""

    tokens_a_second: tuple[float, ...]

    @property
    def typical(self) -> float:
        return median(self.tokens_a_second)


class Clock(TrainerCallback):
    """Seconds of each step."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._began = 0.0

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self._began = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        self.seconds.append(time.perf_counter() - self._began)


class InOrder(SFTTrainer):
    """TRL's trainer, reading its rows in the order in which they stand, as ours does."""

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        dataset: Any = train_dataset if train_dataset is not None else self.train_dataset
        return SequentialSampler(dataset)


def tokens_of(draw: Sequence[ListExample]) -> int:
    """Tokens of all sequences of a step, each counted whole."""
    return sum(len(sequence.ids) for example in draw for sequence in (*example.documents, *example.extras))


def speed(draws: Sequence[Sequence[ListExample]], seconds: Sequence[float]) -> Speed:
    """Tokens a second of every step but the first, which pays for allocations."""
    pairs = list(zip(draws, seconds, strict=True))[1:]
    return Speed(tuple(tokens_of(draw) / spent for draw, spent in pairs))


def ours(
    config: DistillConfig, loaded: LoadedModel, draws: list[list[ListExample]], writer: SequenceWriter, pad_id: int
) -> Speed:
    """These steps by train.distill's trainer."""
    model = with_lora(config, replace(loaded, model=copy.deepcopy(loaded.model)))
    model.set_attn_implementation(config.attention)
    clock = Clock()
    trainer = DistillTrainer(
        label_ids=writer.label_ids,
        weights=config.weights,
        scale=config.scale,
        held=held_out_set([], writer, 0, 0),
        pad_id=pad_id,
        model=model,
        args=training_arguments(config, config.precision),
        train_dataset=draws,
        data_collator=lambda batch: collate(batch[0], pad_id),
        callbacks=[clock],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return speed(draws, clock.seconds)


def plain_sft(config: DistillConfig, loaded: LoadedModel, draws: list[list[ListExample]], pad_id: int) -> Speed:
    """The same steps by TRL's SFTTrainer, each sequence a row."""
    model = with_lora(config, replace(loaded, model=copy.deepcopy(loaded.model)))
    model.set_attn_implementation(config.attention)
    rows = [
        {
            "rows": [
                {"input_ids": list(sequence.ids), "labels": learned_or_last(sequence)}
                for example in draw
                for sequence in (*example.documents, *example.extras)
            ]
        }
        for draw in draws
    ]
    pad = DataCollatorForLanguageModeling(pad_token_id=pad_id)
    tokenizer = copy.deepcopy(loaded.tokenizer)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(pad_id)
    tokenizer.eos_token = tokenizer.eos_token or tokenizer.pad_token
    clock = Clock()
    arguments = SFTConfig(
        output_dir=config.out,
        max_steps=config.steps,
        per_device_train_batch_size=1,  # a row holds a whole step's sequences
        learning_rate=config.learning_rate,
        max_grad_norm=config.clip,
        bf16=config.precision == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=False,
        max_length=None,
        dataset_kwargs={"skip_prepare_dataset": True},
        remove_unused_columns=False,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        logging_steps=NEVER,
    )
    trainer = InOrder(
        model=model,
        args=arguments,
        train_dataset=Table.from_list(rows),
        data_collator=lambda batch: pad(batch[0]["rows"]),
        processing_class=tokenizer,
        callbacks=[clock],
    )
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    return speed(draws, clock.seconds)


def learned_or_last(sequence: TokenSequence) -> list[int]:
    """The learned tokens; of a sequence that is only read for its score the last one, so that no row lacks a loss."""
    learned = learned_tokens(sequence)
    return learned if any(token >= 0 for token in learned) else [*learned[:-1], sequence.ids[-1]]


def compare(config: DistillConfig, loaded: LoadedModel, blocks: int) -> dict[str, Any]:
    """Both sides in turn over ``blocks`` blocks of ``config.steps`` different steps each."""
    writer = SequenceWriter(loaded.tokenizer, config.max_words)
    curriculum: Curriculum = read_data(config, writer)[0]
    tokenizer = loaded.tokenizer
    pad_id = next((one for one in (tokenizer.pad_token_id, tokenizer.eos_token_id) if one is not None), 0)
    first = -(-config.warm_groups // config.groups)  # the first draws train no texts
    found: dict[str, list[float]] = {"ours": [], "trl_sft": []}
    packed = []
    for block in range(blocks):
        start = first + block * config.steps
        draws = [curriculum[number] for number in range(start, start + config.steps)]
        packed += [float(collate(draw, pad_id)["tokens"]) / tokens_of(draw) for draw in draws]
        found["trl_sft"] += plain_sft(config, loaded, draws, pad_id).tokens_a_second
        found["ours"] += ours(config, loaded, draws, writer, pad_id).tokens_a_second
    typical = {name: median(values) for name, values in found.items()}
    return {
        "tokens_a_second": typical,
        "ratio": typical["ours"] / typical["trl_sft"],
        "steps": found,
        "tokens_read_of_tokens_trained": sum(packed) / len(packed),
        "model": loaded.name,
        "precision": config.precision,
        "attention": config.attention,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--soft", nargs="*", default=[], help="files of lists with a target distribution")
    parser.add_argument("--judged", nargs="*", default=[], help="teacher record files")
    parser.add_argument("--base", default="default", help="base model: default, a folder, or a hub id")
    parser.add_argument("--steps", type=int, default=4, help="steps of a block, the first of which is not counted")
    parser.add_argument("--blocks", type=int, default=2, help="blocks of each side, in turn")
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--attention", default="sdpa", choices=("sdpa", "eager"))
    parser.add_argument("--out", type=Path, default=None, help="write the result here too")
    flags = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        config = DistillConfig(
            out=scratch,
            soft=flags.soft,
            judged=flags.judged,
            base=flags.base,
            steps=flags.steps,
            warmup_steps=1,
            decay_steps=1,
            eval_steps=NEVER,
            save_steps=NEVER,
            log_steps=NEVER,
            precision=flags.precision,
            attention=flags.attention,
        )
        result = compare(config, load_base(flags.base), flags.blocks)
    text = json.dumps(result, indent=2) + "\n"
    if flags.out is not None:
        flags.out.write_text(text, encoding="utf-8")
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
