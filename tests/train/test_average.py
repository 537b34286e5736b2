"""The mean of adapters: by hand, with what it is made of, and refused where it would mean nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from reasonrank.errors import InputError
from train.average import average, main
from train.distill import ADAPTER_WEIGHTS as WEIGHTS


def adapter(folder: Path, value: float, *, base: str = "abc", rank: int = 2) -> Path:
    folder.mkdir()
    save_file({"a.lora_A.weight": torch.full((rank, 3), value)}, str(folder / WEIGHTS))
    (folder / "adapter_config.json").write_text(json.dumps({"r": rank}))
    meta = {"name": folder.name, "base_weights_hash": base, "prompt_version": folder.name, "held_out": {"x": 1}}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def test_the_mean_by_hand(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folders = [adapter(tmp_path / name, value) for name, value in (("one", 1.0), ("two", 2.0), ("three", 6.0))]
    out = tmp_path / "soup"
    assert main([*map(str, folders), "--out", str(out)]) == 0
    assert capsys.readouterr().out == f"{out}\n"
    (tensor,) = load_file(str(out / WEIGHTS)).values()
    assert tensor.dtype == torch.bfloat16
    assert tensor.tolist() == [[3.0] * 3] * 2
    meta = json.loads((out / "meta.json").read_text())
    assert (meta["name"], meta["prompt_version"], meta["base_weights_hash"]) == ("soup", "three", "abc")
    assert [one["name"] for one in meta["average_of"]] == ["one", "two", "three"]
    assert len({one["hash"] for one in meta["average_of"]}) == 3
    assert "held_out" not in meta


def test_what_does_not_fit_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = adapter(tmp_path / "one", 1.0), adapter(tmp_path / "other", 1.0, base="xyz")
    wider, broken = adapter(tmp_path / "wider", 1.0, rank=4), adapter(tmp_path / "broken", 1.0)
    (broken / WEIGHTS).write_bytes(b"no weights")
    for folders, sentence in (
        ([one], "at least two"),
        ([one, other], "different base weights"),
        ([one, wider], "other layers or ranks"),
        ([one, broken], "cannot be read"),
        ([one, tmp_path], "not an adapter"),
    ):
        with pytest.raises(InputError, match=sentence):
            average(folders, tmp_path / "out")
    assert main([str(one), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith("train.average: Got 1 adapter")
    assert not (tmp_path / "out").exists()
