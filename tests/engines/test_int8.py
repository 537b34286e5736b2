"""int8 without overflow and without bias: seven bits, balanced activations, and choices that stay right."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra import numpy as arrays
from tiny import make_tiny, make_tokenizer

from reasonrank.encoding import encode_choice
from reasonrank.engines.quantization import LARGEST, right_at, rounded_rows
from reasonrank.engines.smoothing import smooth
from reasonrank.prompts import LABELS, SIDES, grade_prompt

MATRICES = arrays.arrays(np.float32, (3, 8), elements=some.floats(-(2.0**90), 2.0**90, width=32))


@given(MATRICES)
def test_two_products_fit_into_sixteen_bits_and_weights_stay_near(weights: np.ndarray) -> None:
    whole, scale = rounded_rows(weights)
    assert np.abs(whole.astype(int)).max() * 255 * 2 < 2**15
    assert np.isfinite(scale).all() and (scale > 0).all()
    largest = np.abs(weights).max(axis=1, keepdims=True)
    assert (np.abs(whole / scale[:, None] - weights) <= 0.51 * largest / LARGEST + 1e-30).all()


def test_a_choice_is_right_where_it_is_read() -> None:
    random = np.random.default_rng(3)
    weights = random.normal(size=(3, 64)).astype(np.float32)
    centre = random.normal(size=64).astype(np.float32) ** 3
    whole, scale = rounded_rows(weights)
    better = right_at(weights, whole, scale, centre)

    def errors(rows: np.ndarray) -> np.ndarray:
        return np.abs((rows / scale[:, None] - weights) @ centre)

    assert (errors(better) < 0.02).all() and errors(whole).max() > 0.1
    assert np.abs(better.astype(int) - whole).max() <= 1  # each weight within a step of its rounding
    assert np.abs(better.astype(int)).max() <= LARGEST


@pytest.fixture(scope="module")
def outlying() -> tuple[Any, Any]:
    """A tiny model two of whose channels are far larger than the others, and its tokenizer."""
    tokenizer = make_tokenizer()
    model = make_tiny(tokenizer)
    for layer in model.model.layers:
        layer.input_layernorm.weight.data[5] = 60.0
        layer.post_attention_layernorm.weight.data[9] = 60.0
    return model, tokenizer


def test_balancing_leaves_the_function_and_evens_the_channels(outlying: tuple[Any, Any]) -> None:
    import torch

    model, tokenizer = outlying
    balanced = copy.deepcopy(model)
    choices = smooth(balanced, tokenizer)
    ids, labels = encode_choice(tokenizer, grade_prompt("what is it", "It is a lamp."), LABELS)
    with torch.no_grad():
        before, after = (one(torch.tensor([ids])).logits for one in (model, balanced))
    assert torch.allclose(before, after, atol=2e-3 * before.abs().max().item())
    gains = [
        layer.input_layernorm.weight.abs().max() / layer.input_layernorm.weight.abs().median()
        for one in (model, balanced)
        for layer in one.model.layers
    ]
    assert max(gains[2:]) < min(gains[:2]) / 3
    assert [len(one.rows) for one in choices] == [len(LABELS), len(SIDES)]
    assert list(choices[0].rows) == list(labels)
    assert all(one.centre.shape == (64,) and np.isfinite(one.centre).all() for one in choices)


def test_unknown_architectures_are_left_alone(outlying: tuple[Any, Any]) -> None:
    model, tokenizer = copy.deepcopy(outlying)
    model.config.model_type = "unheard-of"
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    assert smooth(model, tokenizer) == []
    assert all(weights[name].equal(value) for name, value in model.state_dict().items())
