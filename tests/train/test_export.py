"""An adapter merged, saved, converted and loaded again gives the same scores; its card says what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import make_adapter

from reasonrank.engines.conversion import read_converted
from reasonrank.engines.ctranslate2 import CTranslate2Engine
from reasonrank.engines.load import load_engine, student_info
from reasonrank.engines.weights import resolve
from reasonrank.errors import InputError
from reasonrank.prompts import LABELS, PROMPT_VERSION, grade_prompt
from reasonrank.settings import Settings
from train.export import ExportConfig, export, main, push
from train.model_card import model_card

PROMPTS = [grade_prompt("flea", "A flea lives for a year."), grade_prompt("a long question", "Moths.")]


@pytest.fixture
def adapter(tiny_student: Any, tmp_path: Path) -> Path:
    folder = make_adapter(tiny_student, tmp_path / "student-1")
    meta = json.loads((folder / "meta.json").read_text())
    meta |= {"name": "student-1", "steps": 8, "commit": "abc", "files": {"judged.jsonl": "0" * 64}}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture
def settings(adapter: Path, tiny_folder: Path, tmp_path: Path) -> Settings:
    return Settings(
        cache=tmp_path / "cache", student=str(adapter), base=str(tiny_folder), engine="transformers", device="cpu"
    )


def scores(settings: Settings) -> list[tuple[float, ...]]:
    return [choice.probabilities for choice in load_engine(settings).choose(PROMPTS, LABELS)]


def test_the_merged_student_scores_as_the_adapter_does_on_both_engines(settings: Settings, tmp_path: Path) -> None:
    out = export(resolve(settings), ExportConfig(tmp_path / "out", precision="float32", ctranslate2="float32"))
    merged = Settings(cache=settings.cache, student=str(out), engine="transformers", device="cpu")
    expected = scores(settings)
    assert scores(merged) == [pytest.approx(one, abs=1e-5) for one in expected]
    base = Settings(cache=settings.cache, student=settings.base, engine="transformers", device="cpu")
    assert scores(base)[0] != pytest.approx(expected[0], abs=1e-3)  # the adapter does something
    about = student_info(merged)
    assert (about.trained, about.prompt_version) == (True, PROMPT_VERSION)
    converted = read_converted(out / "ctranslate2")
    assert converted is not None and converted.quantization == "float32"
    served = CTranslate2Engine(out / "ctranslate2", "exported", threads=1)
    found = [choice.probabilities for choice in served.choose(PROMPTS, LABELS)]
    assert found == [pytest.approx(one, abs=1e-4) for one in expected]


def test_half_precision_is_what_is_written(settings: Settings, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    out = export(resolve(settings), ExportConfig(tmp_path / "out"))
    assert {tensor.dtype for tensor in load_file(str(out / "model.safetensors")).values()} == {torch.bfloat16}
    assert json.loads((out / "meta.json").read_text())["merged"] is True
    assert not (out / "ctranslate2").exists()


def test_the_adapter_alone(settings: Settings, adapter: Path, tmp_path: Path) -> None:
    out = export(resolve(settings), ExportConfig(tmp_path / "out", adapter_only=True))
    assert {path.name for path in out.iterdir()} == {
        "README.md", "adapter_config.json", "adapter_model.safetensors", "meta.json",
    }  # fmt: skip
    assert (out / "adapter_model.safetensors").read_bytes() == (adapter / "adapter_model.safetensors").read_bytes()
    assert 'library_name: "peft"' in (out / "README.md").read_text()


def test_what_cannot_be_exported(settings: Settings, tiny_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="not empty"):
        export(resolve(settings), ExportConfig(tmp_path / "full"))
    base = Settings(cache=settings.cache, student=str(tiny_folder))
    with pytest.raises(InputError, match="no adapter"):
        export(resolve(base), ExportConfig(tmp_path / "out", adapter_only=True))


def test_the_card_has_data_terms_figures_and_configuration() -> None:
    meta = {
        "name": "a | b", "base": "SmolLM2-135M-Instruct", "prompt_version": "7", "base_weights_hash": "ff", "steps": 9,
        "commit": "abc", "files": {"judged.jsonl": "1" * 64, "own.jsonl": "2" * 64}, "config": {"rank": 16},
    }  # fmt: skip
    metrics = {
        "measures": {"nDCG@10": 0.7012, "RR@10": 0.9}, "first_stage": {"nDCG@10": 0.5058}, "queries": 43,
        "engine": "transformers float32", "collection": "dl19",
    }  # fmt: skip
    figure = {"value": 0.85, "low": 0.8, "high": 0.9, "count": 4}
    explained = {"about": {"lists": 130, "engine": "ctranslate2"}, "figures": {"grades": {"order": figure}}}
    card = model_card(meta, [("judged.jsonl", "lists | of five", "CC BY 4.0")], [metrics, explained], "cc-by-nc-4.0")
    assert card.startswith('---\nbase_model: "HuggingFaceTB/SmolLM2-135M-Instruct"\n')
    assert 'license: "cc-by-nc-4.0"' in card
    assert "| judged.jsonl | lists \\| of five | CC BY 4.0 |" in card
    assert "| own.jsonl | SHA-256 `2222222222222222` | not stated" in card
    assert "| nDCG@10, dl19, 43 queries, transformers float32 | 0.701 (first stage 0.506) |" in card
    assert "| order of pairs with unequal labels, 130 judged lists, ctranslate2 | 0.850 [0.800, 0.900] |" in card
    assert "version 7" in card and '"rank": 16' in card and "hash `ff`" in card and "`abc`" in card


def test_a_card_without_figures_or_data_says_so() -> None:
    card = model_card({"name": "x"}, [], [], "other")
    assert "Not measured." in card and "not recorded" in card


# -- the hub -------------------------------------------------------------------------------------------------------


class Shelf:
    """Stands in for the model hub: keeps what it was given, or refuses."""

    def __init__(self, refusal: Exception | None = None) -> None:
        self.refusal = refusal
        self.made: list[tuple[str, bool]] = []
        self.files: dict[str, set[str]] = {}

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> None:
        if self.refusal:
            raise self.refusal
        assert exist_ok
        self.made.append((repo_id, private))

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> None:
        assert commit_message
        self.files[repo_id] = {path.name for path in Path(folder_path).iterdir()}


def test_the_command_exports_and_pushes_privately(
    settings: Settings, adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hub, out = Shelf(), tmp_path / "out"
    flags = ["--student", str(adapter), "--base", settings.base, "--out", str(out), "--adapter-only"]
    flags += ["--data", "judged.jsonl", "judged lists", "CC BY 4.0", "--push", "me/student"]
    assert main(flags, hub) == 0
    assert capsys.readouterr().out == f"{out}\n"
    assert hub.made == [("me/student", True)]
    assert hub.files["me/student"] == {path.name for path in out.iterdir()}
    push(out, "me/student", hub, public=True)
    assert hub.made[-1] == ("me/student", False)


@pytest.mark.parametrize(
    ("name", "refusal", "words"),
    [
        ("a/b/c", None, "cannot be a repository"),
        ("../x", None, "cannot be a repository"),
        ("me/student", OSError("401 Client Error\nmore"), r"\(401 Client Error\); log in"),
    ],
)
def test_a_push_that_fails_is_a_sentence(tmp_path: Path, name: str, refusal: Exception | None, words: str) -> None:
    from reasonrank.errors import ReasonRankError

    with pytest.raises(ReasonRankError, match=words):
        push(tmp_path, name, Shelf(refusal))
