"""Refines a student by what its own explanations are worth: ``python -m train.refine --judged F --way weighted``.

InteRank's reinforcement stage (arXiv 2504.03947, section 3): sample several explanations a document, reward them
(:mod:`train.rewards`), learn. Three ways behind one command:

1. ``weighted``: cross-entropy of every sample, weighted by its reward, as the paper has it; the teacher's own reason
   stands beside them as an anchor.
2. ``preference``: DPO (TRL) from the best and the worst sample of a document, and from texts that a judge turned down
   (``rejected`` of the records, as ``reasonrank review export --format records`` writes them).
3. ``grpo``: GRPO (TRL), which samples while it trains.

Lists that share a passage with those kept aside are never trained on. Samples and their rewards are kept in
``samples.jsonl``; ``--resume`` goes on from the last checkpoint; SIGTERM writes one and stops.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import Trainer
from transformers.trainer_callback import PrinterCallback

from reasonrank.data import GRADES
from reasonrank.encoder import load_encoder
from reasonrank.engines.base import Engine
from reasonrank.engines.load import load_engine
from reasonrank.engines.weights import Weights, resolve
from reasonrank.errors import InputError
from reasonrank.models import LoadedModel, adapter_hash, load_base
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.settings import Settings
from train.command import run_stage
from train.commit import git_commit
from train.distill import file_hashes, initial_adapter, save_adapter
from train.examples import SequenceWriter
from train.identity import identity
from train.kept_lines import KeptLines
from train.records import TeacherRecord, read_records
from train.refine_config import CHANGEABLE, RefineConfig
from train.refine_trainers import grpo_trainer, preference_trainer, weighted_trainer
from train.rewards import Reward, agreement, classifier, evidence, form, order, quotes, reward_model, verdict
from train.sampling import Rewarded, sample_list
from train.split import HELD_OUT_SHARE, split_records
from train.trainer import LogFile, StopOnSignal, last_checkpoint

log = logging.getLogger(__name__)
CONFIG_FILE = "config.json"


def refine(config: RefineConfig) -> Path:
    """Run a refinement to its end, or until a signal stops it.

    Returns:
        The refined adapter's folder.

    Raises:
        ReasonRankError: A file, a flag or the model is not what it should be.
    """
    out = Path(config.out)
    checkpoint = prepare_folder(config, out)
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    settings = Settings.load(student=config.student, base=config.base, engine=config.engine, threads=config.threads)
    records = training_lists(config)
    engine, rewards = load_engine(settings), make_rewards(config, settings)
    weights = resolve(settings)
    loaded = load_base(weights.base)
    model = trainable(weights, loaded, config)
    writer = SequenceWriter(loaded.tokenizer, config.max_words)
    if config.way == "grpo":
        found = {}
        trainer: Trainer = grpo_trainer(config, model, loaded, records, rewards, engine)
    else:
        found = sample_all(config, settings, records, engine, rewards, out)
        make = weighted_trainer if config.way == "weighted" else preference_trainer
        trainer = make(config, model, loaded, records, found, writer)
    stop = StopOnSignal()
    trainer.add_callback(LogFile(out / "log.jsonl"))
    trainer.add_callback(stop)
    trainer.remove_callback(PrinterCallback)
    with stop.listening():
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    adapter = out / "adapter"
    if trainer.is_world_process_zero():
        save_adapter(trainer.accelerator.unwrap_model(trainer.model), loaded, adapter)
        meta = describe(config, loaded, weights, trainer.state.global_step, found)
        (adapter / "meta.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
    return adapter


def prepare_folder(config: RefineConfig, out: Path) -> Path | None:
    """Make the run's folder, write its configuration, and find the checkpoint to go on from.

    Raises:
        InputError: A run is under way there that this configuration cannot continue.
    """
    checkpoint, path, now = last_checkpoint(out), out / CONFIG_FILE, config.portable()
    if checkpoint and not config.resume:
        raise InputError(f"{out} holds a run already; add --resume to go on with it, or choose another --out.")
    if checkpoint and path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        changed = sorted(name for name in now if name not in CHANGEABLE and now[name] != before.get(name))
        if changed:
            raise InputError(
                f"The run in {out} was started with another {', '.join(changed)}; keep it, or choose another --out."
            )
    out.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(now, indent=2) + "\n", encoding="utf-8")
    return checkpoint


def training_lists(config: RefineConfig) -> list[TeacherRecord]:
    """The lists that are not kept aside, the first ``--lists`` of them.

    Raises:
        InputError: None is left.
    """
    kept, held = split_records([record for path in config.judged for record in read_records(path)])
    if not kept:
        raise InputError("Every list is kept aside for measuring; give --judged files with more lists.")
    log.info("%d lists to refine on; %d kept aside", len(kept), len(held))
    return kept[: config.lists or None]


def make_rewards(config: RefineConfig, settings: Settings) -> dict[str, Reward]:
    """The rewards of positive weight, by name; models are loaded for those that need one."""
    made: dict[str, Reward] = {"agreement": agreement, "order": order, "form": form, "quotes": quotes}
    if config.weights["evidence"] > 0:
        made["evidence"] = evidence(load_encoder(settings))
    if config.reward_model and config.weights["judge"] > 0:
        made["judge"] = reward_model(classifier(config.reward_model))
    elif (config.judge or config.judge_server) and config.weights["judge"] > 0:
        judge_engine = "openai" if config.judge_server else config.judge_engine
        made["judge"] = verdict(
            load_engine(
                Settings.load(student=config.judge or None, engine=judge_engine, server=config.judge_server or None)
            )
        )
    return {name: reward for name, reward in made.items() if config.weights[name] > 0}


def sample_all(
    config: RefineConfig,
    settings: Settings,
    records: Sequence[TeacherRecord],
    engine: Engine,
    rewards: Mapping[str, Reward],
    out: Path,
) -> dict[str, list[Rewarded]]:
    """Rewarded explanations by query_id, from ``samples.jsonl`` where they are kept."""
    decided = ("mode", "samples", "temperature", "max_tokens", "max_words", "seed", "judge", "judge_server")
    about = {name: config.portable()[name] for name in (*decided, "reward_model")}
    about |= {"weights_of_rewards": {name: config.weights[name] for name in rewards}, "of": identity(settings)}
    kept = KeptLines(out, "samples", about)
    found = {}
    for number, record in enumerate(records, start=1):
        found[record.query.query_id] = sample_list(record, engine, rewards, config.weights, config.sampling, kept)
        if number % 10 == 0 or number == len(records):
            log.info("sampled %d of %d lists", number, len(records))
    return found


def trainable(weights: Weights, loaded: LoadedModel, config: RefineConfig) -> Any:
    """The base model with the student's own adapter to be trained further, or with a fresh one."""
    if weights.adapter is not None:
        return initial_adapter(weights.adapter.path, loaded)
    lora = LoraConfig(r=config.rank, lora_alpha=config.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(loaded.model, lora)
    model.peft_config["default"].base_model_name_or_path = None
    return model


def describe(
    config: RefineConfig,
    loaded: LoadedModel,
    weights: Weights,
    steps: int,
    found: Mapping[str, Sequence[Rewarded]],
) -> dict[str, Any]:
    """What ``meta.json`` says of a refined adapter: enough to repeat it, and nothing of the machine's folders."""
    totals = [one.total for several in found.values() for one in several if one.total is not None]
    return {
        "name": Path(config.out).name,
        "prompt_version": PROMPT_VERSION,
        "base": loaded.name,
        "base_weights_hash": loaded.weights_hash,
        "grades": list(GRADES),
        "max_words": config.max_words,
        "steps": steps,
        "refined": config.way,
        "refined_from": weights.shown,
        "init_hash": adapter_hash(weights.adapter.path) if weights.adapter else None,
        "reward_of_samples_before": fmean(totals) if totals else None,
        "config": config.portable(),
        "files": file_hashes(config.judged),
        "commit": git_commit(),
        "held_out": {"share": HELD_OUT_SHARE},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; errors are one sentence and exit code 2."""
    return run_stage("train.refine", RefineConfig, __doc__, refine, arguments)


if __name__ == "__main__":
    sys.exit(main())
