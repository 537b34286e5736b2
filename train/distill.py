"""Distils a teacher's judgements into a student: order, grades, reasons and comparisons together, with LoRA.

Follows Reason-to-Rank (arXiv 2410.05168: pairwise, listwise and generation losses, weights 0.4 / 0.4 / 0.2) on
InteRank's scale of grades (arXiv 2504.03947), with these departures:

1. A document's score is its expected grade under the label tokens of a plain causal LM, without a new head.
2. Grades are anchored by labels, and every list gets passages of other lists as easy negatives; a passage is read
   once for all the queries of a step.
3. Both ways to judge are learned (score then reason, reason then score), and comparisons of two passages.
4. Order is also learned from encoders' scores; the first groups train no texts; loss weights are fixed.

    python -m train.distill --soft soft.jsonl.gz --judged judged.jsonl.gz --out runs/student --steps 600

The learning rate stays constant until the last ``--decay-steps``; ``--resume`` with another ``--steps`` ends a run
earlier or later. SIGTERM writes a checkpoint and stops.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import TrainingArguments
from transformers.trainer_callback import PrinterCallback

from reasonrank.data import GRADES
from reasonrank.errors import InputError
from reasonrank.models import LoadedModel, adapter_hash, load_base, read_adapter
from reasonrank.prompts import PROMPT_VERSION
from train.batching import collate
from train.command import run_stage
from train.commit import git_commit
from train.config import DistillConfig, check_resumable
from train.curriculum import Curriculum
from train.examples import SequenceWriter, TokenSequence
from train.heldout import held_out_set
from train.query_writing import query_sequence, read_examples, usable_examples
from train.records import TeacherRecord, read_records, read_soft_lists
from train.split import HELD_OUT_SHARE, held_out_documents, split_records, without_documents
from train.trainer import DistillTrainer, LogFile, StopOnSignal, last_checkpoint, step_seconds

log = logging.getLogger(__name__)
CONFIG_FILE = "config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TIMED = 3
"""Sequences that are timed to choose a precision."""


def distill(config: DistillConfig, loaded: LoadedModel | None = None) -> Path:
    """Run a distillation to its end, or until a signal stops it.

    Args:
        config: The run.
        loaded: The base model, if it is loaded already.

    Returns:
        The adapter's folder.

    Raises:
        ReasonRankError: A file, a flag or the model is not what it should be.
    """
    out = Path(config.out)
    checkpoint = prepare_folder(config, out)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)  # LoRA's first weights
    loaded = loaded or load_base(config.base)
    writer = SequenceWriter(loaded.tokenizer, config.max_words)
    curriculum, held_records = read_data(config, writer)
    pad_id = _pad_id(loaded.tokenizer)
    model = with_lora(config, loaded)
    precision = choose_precision(config, model, curriculum, pad_id, writer.label_ids)
    stop = StopOnSignal()
    trainer = DistillTrainer(
        label_ids=writer.label_ids,
        weights=config.weights,
        scale=config.scale,
        held=held_out_set(held_records, writer, config.eval_lists, config.eval_comparisons),
        pad_id=pad_id,
        model=model,
        args=training_arguments(config, precision),
        train_dataset=curriculum,
        data_collator=lambda draws: collate(draws[0], pad_id),
        callbacks=[LogFile(out / "log.jsonl"), stop],
    )
    trainer.remove_callback(PrinterCallback)
    with stop.listening():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    adapter = out / "adapter"
    if trainer.is_world_process_zero():
        save_adapter(model, loaded, adapter)

    def write_meta(figures: dict[str, float]) -> None:
        if trainer.is_world_process_zero():
            meta = describe(config, loaded, trainer.state.global_step, precision, figures, len(held_records))
            (adapter / "meta.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")

    write_meta({})  # measuring takes minutes; the adapter is whole without its figures
    if not stop.stopped:
        everything = held_out_set(held_records, writer, len(held_records), len(held_records))
        write_meta(trainer.evaluate(everything, metric_key_prefix="final"))
    return adapter


def prepare_folder(config: DistillConfig, out: Path) -> Path | None:
    """Make the run's folder, write its configuration, and find the checkpoint to go on from.

    Raises:
        InputError: A run is under way there that this configuration cannot continue.
    """
    checkpoint = last_checkpoint(out)
    if checkpoint and not config.resume:
        raise InputError(f"{out} holds a run already; add --resume to go on with it, or choose another --out.")
    if checkpoint and (out / CONFIG_FILE).is_file():
        check_resumable(config, out / CONFIG_FILE)
    out.mkdir(parents=True, exist_ok=True)
    (out / CONFIG_FILE).write_text(json.dumps(config.portable(), indent=2) + "\n", encoding="utf-8")
    log.info("starting from %s", checkpoint.name if checkpoint else "the base model")
    return checkpoint


def read_data(config: DistillConfig, writer: SequenceWriter) -> tuple[Curriculum, list[TeacherRecord]]:
    """The training lists in their order, and the judged lists kept aside."""
    records = [record for path in config.judged for record in read_records(path)]
    judged, held = split_records(records)
    soft = without_documents(
        [one for path in config.soft for one in read_soft_lists(path)], held_out_documents(records)
    )
    log.info("%d judged lists, %d soft lists; %d judged lists kept aside", len(judged), len(soft), len(held))
    curriculum = Curriculum(
        soft,
        judged,
        writer,
        draws=config.steps * config.accumulate * _world_size(),
        groups=config.groups,
        soft_lists=config.soft_lists,
        judged_lists=config.judged_lists,
        easy_negatives=config.easy_negatives,
        warm=config.warm_groups,
        seed=config.seed,
        options=config.draw_options,
        written=query_sequences(writer, config.queries, held),
    )
    return curriculum, held


def query_sequences(writer: SequenceWriter, paths: Sequence[str], held: Sequence[TeacherRecord]) -> list[TokenSequence]:
    """The second task's examples as sequences, without those of lists kept aside."""
    aside = {record.query.query_id for record in held}
    examples = usable_examples(example for path in paths for example in read_examples(path))
    return [query_sequence(writer.tokenizer, example) for example in examples if example.query_id not in aside]


def with_lora(config: DistillConfig, loaded: LoadedModel) -> Any:
    """The base model with low-rank adapters on every linear layer but the head: fresh, or those of ``--init``.

    Raises:
        InputError: The adapter of ``--init`` cannot be loaded, or was trained on other base weights.
    """
    if config.init:
        return initial_adapter(Path(config.init), loaded)
    lora = LoraConfig(
        r=config.rank, lora_alpha=config.alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
    )
    model = get_peft_model(loaded.model, lora)
    # Without a name, saving a checkpoint does not look for the base model on the hub.
    model.peft_config["default"].base_model_name_or_path = None
    return model


def initial_adapter(folder: Path, loaded: LoadedModel) -> Any:
    """A trained adapter on the base model, to be trained further."""
    adapter = read_adapter(folder)
    if adapter.base_weights_hash and adapter.base_weights_hash != loaded.weights_hash:
        raise InputError(
            f"The adapter in {folder} was trained on the base weights {adapter.base_weights_hash[:12]}, and those of "
            f"{loaded.name} are {loaded.weights_hash[:12]}; name its own base model with --base."
        )
    try:
        model = PeftModel.from_pretrained(loaded.model, str(folder), is_trainable=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"The adapter in {folder} does not fit {loaded.name}: {error}") from error
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()  # stored in bfloat16, trained in float32
    model.peft_config["default"].base_model_name_or_path = None
    return model


def choose_precision(
    config: DistillConfig, model: Any, curriculum: Curriculum, pad_id: int, label_ids: Sequence[int]
) -> str:
    """Precision of the matrix products, set together with the attention: as told, or the fastest here.

    On a CPU a few sequences are timed, since processors differ widely: first the precisions, then the attentions
    in the better one (without hardware for bfloat16 a step in it takes many times longer). On a GPU bfloat16 and
    sdpa are taken where the GPU has bfloat16.
    """
    precisions = ["float32", "bfloat16"] if config.precision == "auto" else [config.precision]
    attentions = ["sdpa", "eager"] if config.attention == "auto" else [config.attention]
    if torch.cuda.is_available():
        best = (precisions[-1] if torch.cuda.is_bf16_supported() else "float32", attentions[0])
    elif len(precisions) * len(attentions) == 1:
        best = (precisions[0], attentions[0])
    else:
        first = curriculum[0][0]
        few = replace(first, documents=first.documents[:TIMED], target=(1 / TIMED,) * TIMED)
        batch = collate([replace(few, gains=None, extras=())], pad_id)
        model.train()

        @functools.cache
        def seconds(choice: tuple[str, str]) -> float:
            return step_seconds(model, batch, *choice, label_ids)

        step_seconds(model, batch, precisions[0], attentions[0], label_ids)  # the first pass pays for allocations
        best = min(((precision, attentions[0]) for precision in precisions), key=seconds)
        best = min(((best[0], attention) for attention in attentions), key=seconds)
        log.info("%.2f s for %d sequences in %s with %s attention, the fastest here", seconds(best), TIMED, *best)
    model.set_attn_implementation(best[1])
    log.info("training in %s with %s attention", *best)
    return best[0]


def training_arguments(config: DistillConfig, precision: str) -> TrainingArguments:
    """The Trainer's settings."""
    return TrainingArguments(
        output_dir=config.out,
        max_steps=config.steps,
        per_device_train_batch_size=1,  # a draw is a whole step's lists
        gradient_accumulation_steps=config.accumulate,
        learning_rate=config.learning_rate,
        weight_decay=0.0,
        max_grad_norm=config.clip,
        lr_scheduler_type="warmup_stable_decay",
        lr_scheduler_kwargs={"num_decay_steps": config.decay_steps, "decay_type": "linear"},
        warmup_steps=config.warmup_steps,
        bf16=precision == "bfloat16",
        use_cpu=not torch.cuda.is_available(),
        gradient_checkpointing=config.gradient_checkpointing,
        logging_steps=config.log_steps,
        eval_strategy="steps",
        eval_steps=config.eval_steps,
        save_steps=config.save_steps,
        save_total_limit=2,
        seed=config.seed,
        dataloader_num_workers=0,
        remove_unused_columns=False,
        disable_tqdm=True,
        report_to="none",
    )


def save_adapter(model: Any, loaded: LoadedModel, folder: Path) -> None:
    """Write the adapter in bfloat16, its configuration naming the base model and no folder of this machine."""
    write_weights(get_peft_model_state_dict(model, save_embedding_layers=False), folder)
    lora = model.peft_config["default"]
    lora.base_model_name_or_path, lora.inference_mode = loaded.name, True
    lora.save_pretrained(str(folder))


def write_weights(state: Mapping[str, torch.Tensor], folder: Path) -> None:
    """Write an adapter's tensors in bfloat16 into a folder, which is made if it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.detach().to("cpu", torch.bfloat16).contiguous() for name, tensor in state.items()}
    save_file(weights, str(folder / ADAPTER_WEIGHTS), metadata={"format": "pt"})


def describe(
    config: DistillConfig, loaded: LoadedModel, steps: int, precision: str, figures: dict[str, float], held: int
) -> dict[str, Any]:
    """What ``meta.json`` says of an adapter: enough to repeat it, and nothing of the machine's folders."""
    return {
        "name": Path(config.out).name,
        "prompt_version": PROMPT_VERSION,
        "base": loaded.name,
        "base_weights_hash": loaded.weights_hash,
        "grades": list(GRADES),
        "scale": config.scale,
        "max_words": config.max_words,
        "steps": steps,
        "precision": precision,
        "config": config.portable(),
        "init_hash": adapter_hash(Path(config.init)) if config.init else None,
        "files": file_hashes([*config.soft, *config.judged, *config.queries]),
        "commit": git_commit(),
        "held_out": {"share": HELD_OUT_SHARE, "lists": held, **figures},
    }


def file_hashes(paths: Iterable[str]) -> dict[str, str]:
    """SHA-256 of files, by file name."""
    return {Path(path).name: hashlib.sha256(Path(path).read_bytes()).hexdigest() for path in paths}


def _pad_id(tokenizer: Any) -> int:
    return next((one for one in (tokenizer.pad_token_id, tokenizer.eos_token_id) if one is not None), 0)


def _world_size() -> int:
    return int(os.environ.get("WORLD_SIZE", "1"))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; errors are one sentence and exit code 2."""
    return run_stage("train.distill", DistillConfig, __doc__, distill, arguments)


if __name__ == "__main__":
    sys.exit(main())
