"""Which weights and which engine the settings mean, and what is said of them."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import make_adapter, make_unconvertible

from reasonrank.assets import assets_path
from reasonrank.engines.load import StudentInfo, load_engine, student_info
from reasonrank.engines.weights import resolve
from reasonrank.errors import EngineError, InputError
from reasonrank.models import packaged_gguf
from reasonrank.prompts import LABELS, PROMPT_VERSION
from reasonrank.settings import Settings

PROMPT = "Passage: A flea lives for a year.\nQuery: flea\nGrade:"


@pytest.fixture
def settings(tmp_path: Path, tiny_folder: Path) -> Settings:
    return Settings(cache=tmp_path / "cache", base=str(tiny_folder), device="cpu", threads=1)


@pytest.fixture
def adapter(tiny_student: Any, tmp_path: Path) -> Path:
    return make_adapter(tiny_student, tmp_path / "reasonrank-student")


def changed(settings: Settings, **values: Any) -> Settings:
    return replace(settings, **values)


def test_the_base_model_is_shown_as_untrained(settings: Settings) -> None:
    about = student_info(changed(settings, student="base"))
    assert about == StudentInfo("tiny (base, untrained)", False, "ctranslate2")
    packaged = student_info(changed(settings, student="base", base="default", engine="transformers"))
    assert packaged == StudentInfo("SmolLM2-135M-Instruct (base, untrained)", False, "transformers")


def test_no_student_is_known_and_cannot_be_loaded(settings: Settings) -> None:
    none = changed(settings, student="none")
    assert student_info(none) == StudentInfo("none", None, "none")
    with pytest.raises(InputError, match="nothing to load"):
        load_engine(none)


def test_the_default_is_the_shipped_adapter_where_there_is_one(settings: Settings) -> None:
    shipped = (assets_path() / "student" / "adapter_config.json").is_file()
    about = student_info(changed(settings, student="default", base="default"))
    assert about.trained is shipped
    assert about.name.startswith("SmolLM2-135M-Instruct (base") is not shipped


def test_an_adapter_is_shown_with_its_base(settings: Settings, adapter: Path) -> None:
    about = student_info(changed(settings, student=str(adapter)))
    assert about == StudentInfo("reasonrank-student (tiny + LoRA)", True, "ctranslate2", PROMPT_VERSION)


@pytest.mark.parametrize(
    ("named", "asked", "base"),
    [
        (None, "default", "default"),  # names none
        ("SmolLM2-135M-Instruct", "default", "default"),  # names the packaged one, as the trainer writes it
        ("HuggingFaceTB/SmolLM2-135M-Instruct", "default", "default"),  # the same on the hub
        ("an/other", "default", "an/other"),
        ("an/other", "a/third", "a/third"),  # the user's own choice goes before
    ],
)
def test_an_adapters_base(settings: Settings, adapter: Path, named: str | None, asked: str, base: str) -> None:
    meta = json.loads((adapter / "meta.json").read_text())
    (adapter / "meta.json").write_text(json.dumps(meta | {"base": named}))
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": None}))
    assert resolve(changed(settings, student=str(adapter), base=asked)).base == base


@pytest.mark.student
def test_a_checkpoint_in_training_stands_on_the_packaged_base(settings: Settings, adapter: Path) -> None:
    gguf = packaged_gguf()
    assert gguf is not None
    (adapter / "meta.json").unlink()
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": str(gguf.parent)}))
    assert resolve(changed(settings, student=str(adapter), base="default")).base == "default"


@pytest.mark.parametrize("engine", ["ctranslate2", "transformers"])
def test_an_adapter_changes_what_the_base_says(settings: Settings, adapter: Path, engine: str) -> None:
    alone = load_engine(changed(settings, student="base", engine=engine))
    adapted = load_engine(changed(settings, student=str(adapter), engine=engine))
    assert adapted.name.split()[0] == engine
    assert adapted.model_name == "reasonrank-student (tiny + LoRA)"
    one, two = alone.choose([PROMPT], LABELS)[0], adapted.choose([PROMPT], LABELS)[0]
    assert max(abs(a - b) for a, b in zip(one.probabilities, two.probabilities, strict=True)) > 0.01


def test_a_models_own_folder_needs_no_base(settings: Settings, tiny_folder: Path) -> None:
    own = changed(settings, student=str(tiny_folder))
    assert student_info(own) == StudentInfo("tiny", False, "ctranslate2")
    assert load_engine(own).model_name == "tiny"


def test_the_second_start_says_the_same_without_torch_and_transformers(settings: Settings) -> None:
    own = changed(settings, student="base")
    first = load_engine(own).choose([PROMPT], LABELS)[0]
    code = (
        "import sys\n"
        "from reasonrank.engines.load import load_engine\n"
        "from reasonrank.prompts import LABELS\n"
        "from reasonrank.settings import Settings\n"
        "engine = load_engine(Settings.load(threads=1))\n"
        f"print(*engine.choose([{PROMPT!r}], LABELS)[0].probabilities)\n"
        "print(*sorted({'torch', 'transformers', 'peft', 'gguf'} & set(sys.modules)))\n"
    )
    environment = {
        "REASONRANK_CACHE": str(settings.cache),
        "REASONRANK_STUDENT": "base",
        "REASONRANK_BASE": settings.base,
        "REASONRANK_DEVICE": "cpu",
        "PATH": "",
    }
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    probabilities, imported = ran.stdout.splitlines()
    assert [float(value) for value in probabilities.split()] == pytest.approx(first.probabilities, abs=1e-6)
    assert imported == ""


def test_what_ctranslate2_cannot_convert_runs_on_transformers(
    settings: Settings, tiny_tokenizer: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "olmo"
    student = make_unconvertible(tiny_tokenizer)
    student.model.save_pretrained(folder)
    student.tokenizer.save_pretrained(folder)
    own = changed(settings, student=str(folder))
    with caplog.at_level(logging.WARNING):
        engine = load_engine(own)
    assert engine.name.startswith("transformers")
    assert "runs on transformers instead" in caplog.text
    with pytest.raises(EngineError, match="does not convert"):
        load_engine(changed(own, engine="ctranslate2"))


def test_an_adapter_of_other_prompts_or_weights_warns_at_every_start(
    settings: Settings, adapter: Path, caplog: pytest.LogCaptureFixture
) -> None:
    meta = json.loads((adapter / "meta.json").read_text())
    (adapter / "meta.json").write_text(json.dumps(meta | {"prompt_version": "0", "base_weights_hash": "other"}))
    for _ in range(2):  # converted now, and converted before
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            load_engine(changed(settings, student=str(adapter)))
        assert "prompts of version 0" in caplog.text
        assert "other base weights" in caplog.text


@pytest.mark.parametrize("name", ["./not-there", "/not/there", "a/b/c"])
def test_a_folder_that_is_not_there_is_named(settings: Settings, name: str) -> None:
    with pytest.raises(InputError, match="is not there"):
        load_engine(changed(settings, student=name))


def test_a_folder_of_something_else_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"neither adapter_config.json nor config.json"):
        student_info(changed(settings, student=str(tmp_path)))
