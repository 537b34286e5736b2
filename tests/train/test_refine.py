"""The three ways of refinement, each run to its end with a tiny model, and what they learn from."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import record_line, write_lines
from safetensors.torch import load_file
from scripted import ScriptedEngine
from tiny import make_adapter

from reasonrank.errors import InputError
from reasonrank.models import attach_adapter, read_adapter
from reasonrank.prompts import STOP, reason_after_grade_prompt, reason_prompt
from train.examples import SequenceWriter
from train.kept_lines import KeptLines
from train.records import parse_record, read_records
from train.refine import main, refine
from train.refine_config import RefineConfig
from train.refine_ways import (
    NOT_LEARNED,
    Preference,
    Weighted,
    collate_weighted,
    grpo_reward,
    grpo_table,
    learned_tokens,
    preference_row,
    reason_sequence,
    rejected_preferences,
    sampled_preferences,
    weighted_loss,
    weighted_sequences,
)
from train.rewards import agreement, form
from train.sampling import Rewarded, SampleOptions, explain_list, sample_list
from train.split import split_records

RECORD = parse_record(record_line(1))
DOCUMENT = RECORD.documents[0]


def sample(doc_id: str, text: str, total: float | None, status: str = "ok") -> Rewarded:
    return Rewarded(doc_id, text, status, 1.0, {}, total)


# -- sampling ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["score_then_reason", "reason_then_score"])
def test_samples_continue_the_apps_own_prompts(mode: str) -> None:
    asked: list[str] = []

    def write(prompt: str) -> str:
        asked.append(prompt)
        return " It tells of them." if len(asked) % 2 else " no"

    engine = ScriptedEngine(write=write)
    found = explain_list(RECORD, engine, SampleOptions(mode=mode, samples=2))
    wanted = reason_prompt if mode == "reason_then_score" else None
    first = wanted(RECORD.query.text, DOCUMENT.text) if wanted else reason_after_grade_prompt(
        RECORD.query.text, DOCUMENT.text, 2
    )  # fmt: skip
    assert asked[:2] == [first, first]
    assert [one.status for one in found] == ["ok", "unparsable"] * 3
    # The grade is read after usable reasons only.
    assert [one.grade is None for one in found] == [False, True] * 3
    assert engine.prompts[0].endswith("\nReason: It tells of them.\nGrade:")


def test_a_document_without_a_label_is_left_out_where_the_mode_needs_one() -> None:
    record = replace(RECORD, labels={"1-1": 2})
    assert {one.document.doc_id for one in explain_list(record, ScriptedEngine(), SampleOptions())} == {"1-1"}
    found = explain_list(record, ScriptedEngine(), SampleOptions(mode="reason_then_score", samples=2))
    assert [one.label for one in found] == [2, 2, None, None, None, None]


def test_samples_are_kept_with_their_rewards(tmp_path: Path) -> None:
    rewards, weights = {"form": form, "agreement": agreement}, {"form": 1.0, "agreement": 1.0}
    engine = ScriptedEngine()
    first = sample_list(RECORD, engine, rewards, weights, SampleOptions(), KeptLines(tmp_path, "samples", {"a": 1}))
    engine.prompts.clear()
    again = sample_list(RECORD, engine, rewards, weights, SampleOptions(), KeptLines(tmp_path, "samples", {"a": 1}))
    assert again == first and not engine.prompts
    assert first[0].rewards == {"form": 1.0, "agreement": pytest.approx(0.15)}  # label 2, expected grade 0.3
    assert first[0].total == pytest.approx(0.575)


# -- reward-weighted -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["score_then_reason", "reason_then_score"])
def test_what_is_learned_is_the_reason_its_end_and_the_label(byte_tokenizer: Any, mode: str) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    sequence = reason_sequence(writer, RECORD, DOCUMENT, "It naps.", mode)
    learned = byte_tokenizer.decode([token for token in learned_tokens(sequence) if token != NOT_LEARNED])
    assert learned == ("2 It naps.\n" if mode == "score_then_reason" else " It naps.\n2\n")


def test_only_usable_samples_are_learned_and_the_anchor_beside_them(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    found = [sample("1-1", "Good one.", 0.9), sample("1-1", "again again", 0.4, "repeated"), sample("1-2", "Nil.", 0.0)]
    rows = list(weighted_sequences(RECORD, found, writer, "score_then_reason", 0.5))
    assert [row.weight for row in rows] == [0.9, 0.5, 0.5, 0.5]
    assert [row.weight for row in weighted_sequences(RECORD, found, writer, "score_then_reason", 0.0)] == [0.9]


def test_the_weighted_loss_by_hand_and_whatever_the_padding(byte_tokenizer: Any) -> None:
    # Two texts over a vocabulary of three; every token has probability 1/3 at every place.
    labels = torch.tensor([[-100, 1, 2], [-100, -100, 0]])
    logits = torch.zeros(2, 3, 3)
    loss = weighted_loss(logits, labels, torch.tensor([1.0, 0.5]))
    assert loss.item() == pytest.approx((math.log(3) + 0.5 * math.log(3)) / 2)
    assert weighted_loss(logits, labels, torch.zeros(2)).item() == 0.0
    writer = SequenceWriter(byte_tokenizer, 80)
    short, long = (
        Weighted(reason_sequence(writer, RECORD, DOCUMENT, text, "score_then_reason"), 0.5)
        for text in ("a b c", "d " * 9)
    )
    alone, both = collate_weighted([short], 0), collate_weighted([short, long], 0)
    assert both["input_ids"].shape[1] > alone["input_ids"].shape[1]
    assert both["attention_mask"][0].sum() == alone["attention_mask"].sum() == len(short.sequence.ids)
    assert (both["labels"][0] != NOT_LEARNED).sum() == (alone["labels"] != NOT_LEARNED).sum()


def test_a_higher_reward_pulls_harder() -> None:
    logits = torch.zeros(2, 2, 3, requires_grad=True)
    weighted_loss(logits, torch.tensor([[-100, 1], [-100, 1]]), torch.tensor([1.0, 0.25])).backward()
    assert logits.grad is not None
    pulls = logits.grad[:, 0, 1]
    assert pulls[0] < 0 and pulls[0].item() == pytest.approx(4 * pulls[1].item())


# -- preferences ---------------------------------------------------------------------------------------------------


def test_the_best_stands_against_the_worst() -> None:
    found = [
        sample("a", "middle", 0.5),
        sample("a", "best", 0.9),
        sample("a", "worst", 0.1, "repeated"),
        sample("b", "near", 0.5),  # the two of b are too near
        sample("b", "nearer", 0.55),
        sample("c", "unusable", 0.9, "truncated"),
        sample("c", "low", 0.1),
        sample("d", "unknown", None),
        sample("e", "", 0.0, "unparsable"),  # an empty text is no text to push away from
    ]
    assert list(sampled_preferences(found, 0.1)) == [Preference("a", "best", "worst")]


def test_texts_that_a_judge_turned_down_are_the_rejected_side() -> None:
    line = record_line(1, source="annotator", rejected={"1-1": ["Wrong.", "It tells of 1-1."], "1-2": ["No."]})
    line["reasons"].pop("1-2")
    assert list(rejected_preferences(parse_record(line))) == [Preference("1-1", "It tells of 1-1.", "Wrong.")]


def test_a_preference_row_parts_prompt_and_texts(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    row = preference_row(RECORD, Preference("1-1", "Yes it does.", "No."), writer, "score_then_reason")
    assert row is not None
    assert byte_tokenizer.decode(row["prompt_ids"]) == reason_after_grade_prompt(RECORD.query.text, DOCUMENT.text, 2)
    assert byte_tokenizer.decode(row["chosen_ids"]) == f" Yes it does.{STOP}"
    assert byte_tokenizer.decode(row["rejected_ids"]) == f" No.{STOP}"
    unknown = replace(RECORD, labels={})
    assert preference_row(unknown, Preference("1-1", "a b c", "d e f"), writer, "score_then_reason") is None


# -- GRPO ----------------------------------------------------------------------------------------------------------


def test_completions_are_rewarded_as_samples_are() -> None:
    options = SampleOptions(max_tokens=6)
    columns = {name: list(values) for name, values in grpo_table([RECORD], options).to_dict().items()}
    assert columns["prompt"][0] == reason_after_grade_prompt(RECORD.query.text, DOCUMENT.text, 2)
    logged: dict[str, float] = {}
    reward = grpo_reward({"form": form}, {"form": 1.0}, ScriptedEngine(), options)
    completions = [" It tells all.\n", " It tells", " It goes on and on"]
    ids = [[1] * 4, [1] * 3, [1] * 6]  # the last one was cut off
    columns.pop("prompt")
    assert reward(completions=completions, completion_ids=ids, log_metric=logged.__setitem__, **columns) == [1, 0, 0]
    assert logged == {"reward_form": pytest.approx(1 / 3)}


# -- whole runs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def flags(tmp_path: Path, tiny_student: Any, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A few judged lists, one with a text turned down, and an adapter over the tiny model."""
    monkeypatch.setenv("REASONRANK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("REASONRANK_DEVICE", "cpu")
    lines = [record_line(number) for number in range(4)]
    lines[0]["rejected"] = {"0-1": ["It tells of nothing at all."]}
    path = write_lines(tmp_path / "judged.jsonl", lines)
    kept = [record.query.query_id for record in split_records(read_records(path))[0]]
    assert "0" in kept and len(kept) >= 2
    adapter = make_adapter(tiny_student, tmp_path / "student-1")
    settings = {"judged": [str(path)], "student": str(adapter), "base": str(tiny_folder), "engine": "transformers"}
    sizes = {"lists": 2, "samples": 2, "max_tokens": 8, "batch": 2, "steps": 4, "save_steps": 2, "log_steps": 1}
    return {**settings, **sizes, "learning_rate": 1e-2, "weight_evidence": 0.0, "out": str(tmp_path / "run")}


def weights_of(adapter: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = load_file(str(adapter / "adapter_model.safetensors"))
    return found


@pytest.mark.parametrize("way", ["weighted", "preference", "grpo"])
@pytest.mark.parametrize("mode", ["score_then_reason", "reason_then_score"])
def test_each_way_runs_to_an_adapter_that_loads(
    flags: dict[str, Any], way: str, mode: str, tiny_student: Any, tiny_folder: Path
) -> None:
    from reasonrank.models import load_base

    adapter = refine(RefineConfig(**flags, way=way, mode=mode))
    before, after = weights_of(Path(flags["student"])), weights_of(adapter)
    assert before.keys() == after.keys()
    if way != "grpo":  # random texts of one group may all be worth the same, and then nothing is learned
        assert any(not torch.equal(after[name].float(), before[name].float()) for name in after)
    assert all(torch.isfinite(tensor).all() for tensor in after.values())
    meta = json.loads((adapter / "meta.json").read_text())
    assert (meta["refined"], meta["steps"], meta["base_weights_hash"]) == (way, 4, tiny_student.weights_hash)
    attach_adapter(load_base(str(tiny_folder)), read_adapter(adapter))
    for file in [*adapter.glob("*.json"), Path(flags["out"]) / "config.json"]:
        assert str(Path(flags["out"]).parent) not in file.read_text()
    logged = [json.loads(line) for line in (Path(flags["out"]) / "log.jsonl").read_text().splitlines()]
    assert any("loss" in line for line in logged)
    if way == "grpo":
        assert any(name.endswith("reward_form") for line in logged for name in line)


@pytest.mark.parametrize("way", ["weighted", "preference"])
def test_a_stopped_run_resumes_to_the_same_weights(flags: dict[str, Any], way: str, tmp_path: Path) -> None:
    whole = refine(RefineConfig(**flags, way=way))
    other = {**flags, "out": str(tmp_path / "other")}
    refine(RefineConfig(**{**other, "steps": 4}, way=way))
    run = tmp_path / "other"
    (run / "checkpoint-4" / "trainer_state.json").unlink()  # killed while the last checkpoint was written
    samples = (run / "samples.jsonl").read_text()
    with pytest.raises(InputError, match="--resume"):
        refine(RefineConfig(**other, way=way))
    with pytest.raises(InputError, match="another beta"):
        refine(RefineConfig(**other, way=way, resume=True, beta=0.5))
    resumed = refine(RefineConfig(**other, way=way, resume=True))
    assert (run / "samples.jsonl").read_text() == samples
    expected, found = weights_of(whole), weights_of(resumed)
    for name, tensor in expected.items():
        assert torch.allclose(tensor.float(), found[name].float(), atol=1e-3), name


def test_preferences_learned_move_the_student_towards_them(flags: dict[str, Any], tiny_student: Any) -> None:
    """With the turned-down text as the only pair, its probability falls against the chosen one's."""
    from reasonrank.models import LoadedModel, load_base

    longer = {**flags, "steps": 12, "margin": 1e9, "save_steps": 100, "learning_rate": 5e-3}
    adapter = refine(RefineConfig(**longer, way="preference"))
    record = read_records(flags["judged"][0])[0]
    writer = SequenceWriter(tiny_student.tokenizer, 80)
    row = preference_row(record, next(rejected_preferences(record)), writer, "score_then_reason")
    assert row is not None

    def lead(folder: Path) -> float:
        model = attach_adapter(load_base(flags["base"]), read_adapter(folder))
        assert isinstance(model, LoadedModel)
        totals = []
        for name in ("chosen_ids", "rejected_ids"):
            ids = torch.tensor([row["prompt_ids"] + row[name]])
            with torch.no_grad():
                shares = model.model(ids).logits[0, :-1].log_softmax(-1)
            totals.append(shares.gather(1, ids[0, 1:, None])[-len(row[name]) :].sum().item())
        return totals[0] - totals[1]

    assert lead(adapter) > lead(Path(flags["student"])) + 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"judged": []}, "No data"),
        ({"way": "magic"}, "--way is one of"),
        ({"mode": "both"}, "--mode is one of"),
        ({"samples": 1}, "at least 2"),
        ({"way": "grpo", "batch": 3}, "whole groups"),
        ({"temperature": 0.0}, "positive"),
        ({"learning_rate": float("inf")}, "positive"),
        ({"beta": -1.0}, "not negative"),
        ({f"weight_{name}": 0.0 for name in ("agreement", "order", "form", "evidence", "quotes", "judge")}, "above 0"),
        ({"steps": 0}, "--steps is 0"),
    ],
)
def test_settings_that_cannot_be_meant(flags: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        RefineConfig(**{**flags, **changes})


def test_the_command_line_ends_in_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["--judged", str(tmp_path / "none.jsonl"), "--out", str(tmp_path / "run")]) == 2
    assert capsys.readouterr().err.startswith("train.refine: ")
    assert main(["--out", str(tmp_path / "run")]) == 2
    assert "No data" in capsys.readouterr().err
