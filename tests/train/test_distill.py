"""A tiny random model through the whole of train.distill: trained, stopped, resumed, cut short, written."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import record_line, soft_line, tiny_model, write_lines
from safetensors.torch import load_file

from reasonrank.errors import InputError
from reasonrank.models import LoadedModel, attach_adapter, read_adapter, weights_hash
from train.config import DistillConfig
from train.distill import distill, main
from train.records import read_records
from train.split import split_records
from train.trainer import last_checkpoint


def config_for(folder: Path, **changes: Any) -> DistillConfig:
    folder.mkdir(exist_ok=True)
    judged = write_lines(
        folder / "judged.jsonl.gz", [record_line(number, suffix) for number in range(30) for suffix in ("", "b")]
    )
    soft = write_lines(folder / "soft.jsonl", [soft_line(number) for number in range(30)])
    settings = {
        "out": str(folder / "run"),
        "judged": [str(judged)],
        "soft": [str(soft)],
        "steps": 8,
        "warmup_steps": 2,
        "decay_steps": 2,
        "warm_groups": 4,
        "rank": 2,
        "learning_rate": 1e-2,
        "eval_steps": 4,
        "save_steps": 4,
        "log_steps": 1,
        "precision": "float32",
        "attention": "sdpa",
    }
    return DistillConfig(**(settings | changes))


def fresh(tokenizer: Any) -> LoadedModel:
    model = tiny_model()
    return LoadedModel(model, tokenizer, "tiny", weights_hash(model))


def logged(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "run" / "log.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, byte_tokenizer: Any) -> Path:
    """A folder with a run of eight steps."""
    folder = tmp_path_factory.mktemp("finished") / "here"
    distill(config_for(folder), fresh(byte_tokenizer))
    return folder


def test_every_part_is_logged_under_its_name(finished: Path) -> None:
    names = {name for line in logged(finished) for name in line}
    assert {f"loss_{part}" for part in ("pairwise", "listwise", "grade", "text", "side")} <= names
    assert {"tokens_a_second", "eval_pair_order", "final_pair_order", "final_side_accuracy", "grad_norm"} <= names
    rates = {line["step"]: line["learning_rate"] for line in logged(finished) if "learning_rate" in line}
    # Linear warm-up over two steps, constant, linear decay over the last two.
    assert [rates[step] for step in range(1, 9)] == pytest.approx([0, 5e-3, 1e-2, 1e-2, 1e-2, 1e-2, 1e-2, 5e-3])


def test_the_adapter_says_what_it_is_and_names_no_folder(finished: Path, byte_tokenizer: Any) -> None:
    adapter = finished / "run" / "adapter"
    meta = json.loads((adapter / "meta.json").read_text())
    assert meta["steps"] == 8
    assert meta["base_weights_hash"] == fresh(byte_tokenizer).weights_hash
    assert meta["held_out"]["lists"] == len(split_records(read_records(finished / "judged.jsonl.gz"))[1]) > 0
    assert set(meta["files"]) == {"judged.jsonl.gz", "soft.jsonl"}
    assert {"prompt_version", "scale", "max_words", "commit", "config"} <= set(meta)
    for file in [*adapter.glob("*.json"), finished / "run" / "config.json"]:
        assert str(finished) not in file.read_text()
    weights = load_file(str(adapter / "adapter_model.safetensors"))
    assert {tensor.dtype for tensor in weights.values()} == {torch.bfloat16}
    assert len(weights) == 2 * 7 * 2  # two matrices, seven linear layers, two blocks; not the head
    merged = attach_adapter(fresh(byte_tokenizer), read_adapter(adapter)).model
    ids = torch.tensor([[5, 6, 7]])
    assert not torch.allclose(merged(ids).logits, tiny_model()(ids).logits)


def test_a_killed_run_resumes_to_the_same_weights(finished: Path, tmp_path: Path, byte_tokenizer: Any) -> None:
    folder = tmp_path / "there"
    shutil.copytree(finished, folder)
    run = folder / "run"
    # As a kill while the second checkpoint was being written leaves it: its last file is missing.
    (run / "checkpoint-8" / "trainer_state.json").unlink()
    shutil.rmtree(run / "adapter")
    assert last_checkpoint(run) == run / "checkpoint-4"
    distill(config_for(folder, resume=True), fresh(byte_tokenizer))
    weights = [load_file(str(one / "run" / "adapter" / "adapter_model.safetensors")) for one in (finished, folder)]
    assert weights[0].keys() == weights[1].keys()
    for name, tensor in weights[0].items():
        assert torch.equal(tensor, weights[1][name]), name


def test_a_resume_with_other_steps_decays_to_them(finished: Path, tmp_path: Path, byte_tokenizer: Any) -> None:
    for steps, expected in [(6, [1e-2, 5e-3]), (10, [1e-2, 1e-2, 1e-2, 1e-2, 1e-2, 5e-3])]:
        folder = tmp_path / str(steps)
        shutil.copytree(finished, folder)
        shutil.rmtree(folder / "run" / "checkpoint-8")
        (folder / "run" / "log.jsonl").unlink()
        distill(config_for(folder, resume=True, steps=steps), fresh(byte_tokenizer))
        assert [line["learning_rate"] for line in logged(folder) if "learning_rate" in line] == pytest.approx(expected)
        assert json.loads((folder / "run" / "adapter" / "meta.json").read_text())["steps"] == steps


def test_a_run_under_way_is_not_overwritten_or_bent(finished: Path, byte_tokenizer: Any) -> None:
    with pytest.raises(InputError, match="--resume"):
        distill(config_for(finished), fresh(byte_tokenizer))
    with pytest.raises(InputError, match=r"seed 13 \(now 14\)"):
        distill(config_for(finished, resume=True, seed=14), fresh(byte_tokenizer))


def test_it_learns(tmp_path: Path, byte_tokenizer: Any) -> None:
    config = config_for(tmp_path / "longer", steps=40, decay_steps=5, eval_steps=100, save_steps=100, rank=8)
    distill(config, fresh(byte_tokenizer))
    lines = [line for line in logged(tmp_path / "longer") if "loss" in line]
    for part in ("grade", "text", "listwise"):
        losses = [line[f"loss_{part}"] for line in lines if f"loss_{part}" in line]
        print(part, losses[:4], losses[-4:])
        assert sum(losses[-8:]) < 0.9 * sum(losses[:8])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"judged": [], "soft": []}, "No data"),
        ({"steps": 3}, "leaves no room"),
        ({"learning_rate": 0.0}, "positive"),
        ({"learning_rate": float("nan")}, "positive"),
        ({"groups": 0}, "--groups is 0"),
        ({"easy_negatives": -1}, "counts"),
        ({"precision": "half"}, "--precision"),
        ({"pair_orders": 3}, "--pair-orders"),
    ],
)
def test_settings_that_cannot_be_meant(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        config_for(tmp_path / "bad", **changes)


def test_the_command_line_ends_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--judged", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "run"), "--steps", "1"]) == 2
    assert "leaves no room" in capsys.readouterr().err
    assert main(["--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_run_starts_from_a_trained_adapter(finished: Path, tmp_path: Path, byte_tokenizer: Any) -> None:
    first = finished / "run" / "adapter"
    config = config_for(tmp_path, init=str(first), learning_rate=1e-9)
    adapter = distill(config, fresh(byte_tokenizer))
    before, after = (load_file(folder / "adapter_model.safetensors") for folder in (first, adapter))
    assert before.keys() == after.keys()
    assert all(torch.allclose(before[name].float(), after[name].float(), atol=1e-3) for name in before)
    assert json.loads((adapter / "meta.json").read_text())["init_hash"]


def test_an_adapter_of_other_weights_is_refused(finished: Path, tmp_path: Path, byte_tokenizer: Any) -> None:
    loaded = fresh(byte_tokenizer)
    other = LoadedModel(loaded.model, loaded.tokenizer, "other", "0" * 64)
    with pytest.raises(InputError, match="trained on the base weights"):
        distill(config_for(tmp_path, init=str(finished / "run" / "adapter")), other)
