"""Conversions are made once, whole or not at all, and named after everything that goes into them."""

from __future__ import annotations

import copy
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from tiny import make_unconvertible

from reasonrank.engines.conversion import (
    ConversionError,
    base_fingerprint,
    conversion_key,
    convert_once,
    read_converted,
)


class Loader:
    """Hands out copies of the tiny model, and counts; ``first`` runs before."""

    def __init__(self, student: Any, first: Any = None) -> None:
        self.student, self.first, self.calls = student, first, 0

    def __call__(self) -> Any:
        self.calls += 1
        if self.first:
            self.first()
        return replace(self.student, model=copy.deepcopy(self.student.model))


class Interrupted:
    """A tokenizer at whose saving, after the weights, someone presses Ctrl-C."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer

    def __call__(self, *texts: Any, **options: Any) -> Any:
        return self._tokenizer(*texts, **options)

    @property
    def backend_tokenizer(self) -> Any:
        raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tokenizer, name)


def test_it_is_made_once_and_says_what_it_is(tiny_student: Any, tmp_path: Path) -> None:
    load, told = Loader(tiny_student), []
    folder = tmp_path / "models" / "key"
    about = convert_once(folder, load, "int8", lambda what, fraction: told.append(fraction))
    assert (about.base, about.base_weights_hash, about.window) == ("tiny", tiny_student.weights_hash, 512)
    assert about.end_ids == (2, 2) and about.quantization == "int8"
    assert told == sorted(told) and told[-1] == 1.0
    assert convert_once(folder, load, "int8") == about == read_converted(folder)
    assert load.calls == 1
    assert sorted(path.name for path in folder.parent.iterdir()) in (["key"], ["key", "key.lock"])


def test_an_interrupted_one_leaves_nothing_half_made(tiny_student: Any, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "key"

    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_once(folder, Loader(tiny_student, interrupt), "int8")
    late = replace(tiny_student, tokenizer=Interrupted(tiny_student.tokenizer))
    with pytest.raises(KeyboardInterrupt):
        convert_once(folder, Loader(late), "int8")
    assert [path.name for path in folder.parent.iterdir() if path.suffix != ".lock"] == []
    assert convert_once(folder, Loader(tiny_student), "int8").base == "tiny"


def test_what_a_killed_one_left_is_removed(tiny_student: Any, tmp_path: Path) -> None:
    folder = tmp_path / "key"
    left = tmp_path / ".key-abc"
    for broken in (folder, left):
        broken.mkdir()
        (broken / "model.bin").write_bytes(b"half")
    other = tmp_path / ".another-abc"
    other.mkdir()
    assert read_converted(folder) is None
    convert_once(folder, Loader(tiny_student), "int8")
    assert read_converted(folder) is not None
    assert not left.exists() and other.exists()


def test_two_who_ask_at_once_get_one_conversion(tiny_student: Any, tmp_path: Path) -> None:
    folder, inside = tmp_path / "key", threading.Event()
    load = Loader(tiny_student, inside.set)
    told: list[str] = []
    with ThreadPoolExecutor(2) as pool, FileLock(f"{folder}.lock"):
        both = [pool.submit(convert_once, folder, load, "int8", lambda what, _: told.append(what)) for _ in range(2)]
        while len(told) < 2:
            inside.wait(0.01)
        assert not inside.is_set()  # they wait for the one that holds the lock
    assert both[0].result() == both[1].result()
    assert load.calls == 1
    assert [what for what in told if what.startswith("Waiting")]


@pytest.mark.parametrize(
    "text", ["", "not json", "[]", "{}", '{"base": "tiny"}', '{"unknown": 1, "end_ids": []}', '{"end_ids": 3}']
)
def test_a_damaged_description_is_no_conversion(tmp_path: Path, text: str) -> None:
    (tmp_path / "reasonrank.json").write_text(text)
    assert read_converted(tmp_path) is None


def test_an_architecture_that_does_not_convert_says_so(tiny_tokenizer: Any, tmp_path: Path) -> None:
    student = make_unconvertible(tiny_tokenizer)
    with pytest.raises(ConversionError, match="does not convert"):
        convert_once(tmp_path / "key", lambda: student, "int8")
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_everything_that_goes_in_names_it() -> None:
    keys = [
        conversion_key("base", "adapter", "int8"),
        conversion_key("other", "adapter", "int8"),
        conversion_key("base", "", "int8"),
        conversion_key("base", "adapter", "float16"),
    ]
    assert len(set(keys)) == len(keys)
    assert conversion_key("base", "adapter", "int8") == keys[0]


def test_a_folders_fingerprint_follows_its_files(tmp_path: Path) -> None:
    weights, notes = tmp_path / "model.safetensors", tmp_path / "notes.txt"
    weights.write_bytes(b"one")
    (tmp_path / "config.json").write_text(json.dumps({"a": 1}))
    first = base_fingerprint(str(tmp_path))
    notes.write_text("not part of the model")
    os.utime(weights, (1, 1))
    assert base_fingerprint(str(tmp_path)) == first
    weights.write_bytes(b"two")
    assert base_fingerprint(str(tmp_path)) != first
