"""Losses and targets against hand sums, and by property."""

from __future__ import annotations

import math

import pytest
import torch

from train.losses import expected_grade, listwise_loss, pairwise_loss, token_loss, weighted_sum
from train.targets import judged_target, ranking_gains

GRADES = torch.tensor([[1.8, 0.3, 1.1, 0.2]])
GAINS = torch.tensor([[2.0, 0.0, 1.0, 0.0]])
TARGET = torch.tensor([[0.7, 0.05, 0.2, 0.05]])
MASK = torch.ones(1, 4).bool()


def test_expected_grade_by_hand() -> None:
    assert expected_grade(torch.tensor([0.2, 0.5, 0.3]).log()).item() == pytest.approx(1.1)


def test_pairwise_by_hand() -> None:
    grades, gains = torch.tensor([[1.0, 0.5, 0.75]]), torch.tensor([[2.0, 0.0, 0.0]])
    hand = (math.log1p(math.exp(-2 * 0.5)) + math.log1p(math.exp(-2 * 0.25))) / 2
    assert pairwise_loss(grades, gains, torch.ones(1, 3).bool(), scale=2).item() == pytest.approx(hand)


def test_lists_count_the_same_whatever_their_pairs() -> None:
    one = pairwise_loss(GRADES, GAINS, MASK)
    equal = torch.tensor([[1.0, 1.0, 1.0, 1.0]])  # a list without a pair is left out of the mean, not a zero in it
    both = pairwise_loss(GRADES.repeat(2, 1), torch.cat([GAINS, equal]), MASK.repeat(2, 1))
    assert both.item() == pytest.approx(one.item())
    assert pairwise_loss(GRADES, equal, MASK) is None
    assert pairwise_loss(GRADES, torch.full_like(GAINS, math.nan), MASK) is None


def test_listwise_by_hand() -> None:
    grades, target = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.75, 0.25]])
    model = [math.exp(2) / (1 + math.exp(2)), 1 / (1 + math.exp(2))]
    hand = 0.75 * math.log(0.75 / model[0]) + 0.25 * math.log(0.25 / model[1])
    assert listwise_loss(grades, target, torch.ones(1, 2).bool(), scale=2).item() == pytest.approx(hand, abs=1e-6)


def test_a_target_may_hold_zeros() -> None:
    loss = listwise_loss(torch.tensor([[1.0, 0.0]], requires_grad=True), torch.tensor([[1.0, 0.0]]), MASK[:, :2])
    loss.backward()
    assert loss.isfinite()


@pytest.mark.parametrize("name", ["pairwise", "listwise"])
def test_padding_and_order_change_nothing(name: str) -> None:
    def loss(grades: torch.Tensor, gains: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> float:
        part = pairwise_loss(grades, gains, mask) if name == "pairwise" else listwise_loss(grades, target, mask)
        assert part is not None
        return part.item()

    plain = loss(GRADES, GAINS, TARGET, MASK)
    pad = torch.full((1, 2), 9.0)
    wide = torch.cat([MASK, torch.zeros(1, 2).bool()], 1)
    padded = loss(torch.cat([GRADES, pad], 1), torch.cat([GAINS, pad], 1), torch.cat([TARGET, pad], 1), wide)
    assert padded == pytest.approx(plain)
    turn = torch.tensor([3, 1, 0, 2])
    assert loss(GRADES[:, turn], GAINS[:, turn], TARGET[:, turn], MASK) == pytest.approx(plain)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_gradients_point_the_right_way_and_are_finite(dtype: torch.dtype) -> None:
    logits = torch.zeros(1, 2, 3, dtype=dtype, requires_grad=True)  # two documents, three labels
    gains, target, mask = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.9, 0.1]]), torch.ones(1, 2).bool()
    for part in (
        pairwise_loss(expected_grade(logits), gains, mask),
        listwise_loss(expected_grade(logits), target, mask),
    ):
        assert part is not None
        (gradient,) = torch.autograd.grad(part, logits)
        assert gradient.isfinite().all()
        # Descent raises the better document's top label and lowers its bottom one; the other way for the worse.
        assert gradient[0, 0, 2] < 0 < gradient[0, 0, 0]
        assert gradient[0, 1, 0] < 0 < gradient[0, 1, 2]


def test_extreme_bfloat16_logits_stay_finite() -> None:
    logits = torch.tensor([[[300.0, -300.0, 0.0], [-300.0, 0.0, 300.0]]], dtype=torch.bfloat16, requires_grad=True)
    parts = {
        "pairwise": pairwise_loss(expected_grade(logits), torch.tensor([[2.0, 0.0]]), MASK[:, :2]),
        "listwise": listwise_loss(expected_grade(logits), torch.tensor([[1.0, 0.0]]), MASK[:, :2]),
        "grade": token_loss(logits[0], torch.tensor([1, 0])),
    }
    loss = weighted_sum(parts, dict.fromkeys(parts, 1.0))  # type: ignore[arg-type]
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


def test_token_loss_leaves_unknown_tokens_out() -> None:
    logits = torch.randn(3, 5)
    assert token_loss(logits, torch.tensor([-100, 2, -100])).item() == pytest.approx(
        -logits[1].log_softmax(-1)[2].item()
    )
    assert token_loss(logits, torch.full((3,), -100)) is None


def test_a_judged_target_by_hand() -> None:
    # places 1, 0.5, 0 add 0.25, 0.125, 0 of a grade; powers of e: 4 * (2.25, 1.125, 0)
    powers = [math.exp(4 * grade) for grade in (2.25, 1.125, 0.0)]
    target = judged_target(["a", "b", "c"], {"a": 2, "b": 1, "c": 0}, ["a", "b", "c"])
    assert target == pytest.approx([power / sum(powers) for power in powers])


def test_labels_dominate_and_the_ranking_breaks_ties() -> None:
    ids = ["a", "b", "c"]
    target = judged_target(ids, {"a": 1, "b": 2, "c": 1}, ["c", "a", "b"])  # the ranking contradicts b's label
    assert target[1] > target[2] > target[0]
    assert target[2] / target[0] == pytest.approx(math.exp(4 * 0.25 * 0.5))


@pytest.mark.parametrize(
    ("ranking", "gains"),
    [
        ([], [0.0, 0.0, 0.0]),
        (["b"], [0.0, 1.0, 0.0]),
        (["c", "b", "a"], [0.0, 0.5, 1.0]),
        (["a", "b"], [1.0, 0.0, 0.0]),
    ],
)
def test_gains_of_a_permutation(ranking: list[str], gains: list[float]) -> None:
    assert ranking_gains(["a", "b", "c"], ranking) == gains
