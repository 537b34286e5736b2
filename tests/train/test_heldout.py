"""Figures on kept-aside lists, counted by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from conftest import record_line, tiny_model

from train.examples import SequenceWriter
from train.heldout import grade_figures, held_out_figures, held_out_set
from train.records import parse_record


def test_grade_figures_by_hand() -> None:
    # Tokens 0, 1, 2 are the labels, token 3 is anything else. Two lists: labels (2, 0, 0) and (1, 1).
    shares = torch.tensor(
        [[0.1, 0.1, 0.6, 0.2], [0.8, 0.0, 0.0, 0.2], [0.0, 0.2, 0.6, 0.2], [0.2, 0.6, 0.0, 0.2], [0.4, 0.2, 0.2, 0.2]]
    )
    figures = grade_figures((shares + 1e-9).log(), [(2, 0, 0), (1, 1)], [0, 1, 2])
    grades = [1.3 / 0.8, 0.0, 1.4 / 0.8, 0.6 / 0.8, 0.6 / 0.8]
    assert figures["pair_order"] == 0.5  # above the second, below the third; the equal pairs do not count
    assert figures["label_accuracy"] == pytest.approx(3 / 5)
    assert figures["label_mass"] == pytest.approx(0.8, abs=1e-5)
    assert figures["grade_error"] == pytest.approx(
        sum(abs(grade - label) for grade, label in zip(grades, (2, 0, 0, 1, 1), strict=True)) / 5, abs=1e-5
    )


def test_a_tie_counts_half_and_no_pair_is_no_figure() -> None:
    same = torch.zeros(2, 4)
    assert grade_figures(same, [(1, 0)], [0, 1, 2])["pair_order"] == 0.5
    assert torch.tensor(grade_figures(same, [(1, 1)], [0, 1, 2])["pair_order"]).isnan()


def test_comparisons_are_asked_in_both_orders(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    records = [parse_record(record_line(number)) for number in (1, 2)]
    held = held_out_set(records, writer, most_lists=1, most_comparisons=2)
    assert (len(held.grades), held.labels, len(held.sides)) == (3, ((2, 1, 0),), 4)
    assert not any(sequence.spans or sequence.choice_id for sequence in held.sides)
    figures = held_out_figures(tiny_model(), held, pad_id=0)
    assert set(figures) == {
        "pair_order", "label_accuracy", "label_cross_entropy", "label_mass", "grade_error", "side_accuracy",
        "side_flips",
    }  # fmt: skip


def test_a_model_that_always_says_a_flips_every_comparison(byte_tokenizer: Any) -> None:
    writer, model = SequenceWriter(byte_tokenizer, 80), tiny_model()
    with torch.no_grad():
        # With the norm's weight at zero every hidden state is the bias alone: constant logits, larger for A.
        head = model.get_output_embeddings()
        model.model.norm.weight.zero_()
        head.bias = torch.nn.Parameter(torch.zeros(257))
        head.bias[writer.side_ids[0]] = 1.0
    held = held_out_set([parse_record(record_line(1))], writer, 0, 5)
    assert held_out_figures(model, held, pad_id=0) == {"side_accuracy": 0.5, "side_flips": 1.0}
