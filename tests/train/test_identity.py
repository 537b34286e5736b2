"""What tells two students' kept answers apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import make_adapter

from reasonrank.settings import Settings
from train.identity import identity


@pytest.fixture
def settings(tiny_folder: Path, tmp_path: Path) -> Settings:
    return Settings(cache=tmp_path, student=str(tiny_folder), engine="transformers", device="cpu")


def test_the_same_student_is_the_same_wherever_its_cache_lies(settings: Settings, tmp_path: Path) -> None:
    assert identity(settings) == identity(replace(settings, cache=tmp_path / "other", threads=2))


def test_whatever_changes_answers_changes_it(settings: Settings, tiny_student: Any, tmp_path: Path) -> None:
    adapter = make_adapter(tiny_student, tmp_path / "student-1")
    others = [
        replace(settings, student=str(adapter), base=settings.student),
        replace(settings, engine="ctranslate2"),
        replace(settings, mode="reason_then_score"),
        replace(settings, max_reason_tokens=40),
        replace(settings, student="none"),
    ]
    found = [identity(one) for one in (settings, *others)]
    assert all(found.count(one) == 1 for one in found)
    assert found[2]["weights"] != found[0]["weights"]  # converted weights are others


def test_retrained_weights_under_the_same_name_are_others(
    settings: Settings, tiny_student: Any, tmp_path: Path
) -> None:
    adapter = make_adapter(tiny_student, tmp_path / "student-1")
    own = replace(settings, student=str(adapter), base=settings.student)
    before = identity(own)
    weights = adapter / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\x01\x02\x03\x04")
    after = identity(own)
    assert after["student"] == before["student"] and after["weights"] != before["weights"]
