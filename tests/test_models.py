"""Loading weights, telling them apart, and merging an adapter."""

from __future__ import annotations

import copy
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import make_adapter

from reasonrank.errors import EngineError, InputError
from reasonrank.models import adapter_hash, attach_adapter, load_base, read_adapter, weights_hash


@pytest.fixture
def adapter(tiny_student: Any, tmp_path: Path) -> Path:
    return make_adapter(tiny_student, tmp_path / "adapter")


def own_copy(student: Any) -> Any:
    """Merging changes the model in place."""
    return replace(student, model=copy.deepcopy(student.model))


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=torch.tensor([[5, 60, 70, 80]])).logits


def test_a_folder_loads_as_it_was_saved(tiny_student: Any, tiny_folder: Path) -> None:
    loaded = load_base(str(tiny_folder))
    assert loaded.name == "tiny" and not loaded.model.training
    assert loaded.weights_hash == tiny_student.weights_hash
    assert torch.equal(logits(loaded.model), logits(tiny_student.model))


def test_a_hash_is_of_the_weights_not_of_their_format(tiny_student: Any) -> None:
    model = own_copy(tiny_student).model
    assert weights_hash(model) == tiny_student.weights_hash
    assert weights_hash(model.to(torch.bfloat16)) == tiny_student.weights_hash
    model.lm_head.weight.data[40, 0] += 1
    assert weights_hash(model) != tiny_student.weights_hash


def test_merging_equals_adding_the_low_rank_product(tiny_student: Any, adapter: Path) -> None:
    from safetensors.torch import load_file

    merged = attach_adapter(own_copy(tiny_student), read_adapter(adapter))
    assert merged.name == "tiny + adapter"
    assert merged.weights_hash == tiny_student.weights_hash
    tensors = load_file(adapter / "adapter_model.safetensors")
    place = "base_model.model.model.layers.1.mlp.up_proj"
    product = tensors[f"{place}.lora_B.weight"] @ tensors[f"{place}.lora_A.weight"]  # (out, in)
    before = tiny_student.model.model.layers[1].mlp.up_proj.weight
    after = merged.model.model.layers[1].mlp.up_proj.weight
    assert torch.allclose(after, before + 8 / 4 * product, atol=1e-5)


def test_an_adapter_of_other_weights_warns(tiny_student: Any, adapter: Path, caplog: pytest.LogCaptureFixture) -> None:
    info = read_adapter(adapter)
    with caplog.at_level(logging.WARNING, "reasonrank"):
        attach_adapter(own_copy(tiny_student), info)
        assert caplog.text == ""
        attach_adapter(own_copy(tiny_student), replace(info, base_weights_hash="other"))
    assert "other base weights" in caplog.text


def test_an_adapter_that_does_not_fit_says_so(tiny_student: Any, adapter: Path) -> None:
    wider = copy.deepcopy(tiny_student.model.config)
    wider.hidden_size = 32
    model = type(tiny_student.model)(wider)
    with pytest.raises(EngineError, match="does not fit"):
        attach_adapter(replace(tiny_student, model=model), read_adapter(adapter))


def test_an_adapters_hash_follows_its_files(adapter: Path) -> None:
    first = adapter_hash(adapter)
    (adapter / "README.md").write_text("notes")
    assert adapter_hash(adapter) == first
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"lora_alpha": 16}))
    assert adapter_hash(adapter) != first


def test_what_an_adapter_says_of_itself(adapter: Path, tiny_student: Any) -> None:
    info = read_adapter(adapter)
    assert (info.base, info.base_weights_hash, info.name) == ("tiny", tiny_student.weights_hash, "adapter")
    (adapter / "meta.json").unlink()
    assert read_adapter(adapter).prompt_version is None


def test_a_folder_that_is_no_adapter_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no adapter_config\.json"):
        read_adapter(tmp_path)


def test_a_folder_that_is_no_model_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="could not be loaded"):
        load_base(str(tmp_path))


@pytest.mark.student
def test_the_packaged_base_continues_a_plain_fact(packaged_student: Any) -> None:
    tokenizer, model = packaged_student.tokenizer, packaged_student.model
    ids = torch.tensor([tokenizer("The capital of France is", add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        best = int(model(input_ids=ids).logits[0, -1].argmax())
    assert tokenizer.decode([best]) == " Paris"
    assert packaged_student.name == "SmolLM2-135M-Instruct"
    assert model.dtype == torch.float32 and len(packaged_student.weights_hash) == 64
