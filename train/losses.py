"""The losses of distillation as pure functions of tensors: ranking by the expected grade, grades and texts.

Ranking follows Reason-to-Rank (arXiv 2410.05168, section 3: pairwise, listwise and generation losses together),
with one departure: documents are ordered by the expected grade under the label tokens, so no head is added. The
grade is bounded to [0, 2]; a fixed scale ``s`` (6) keeps it from being pushed to its ends by an ordered list.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

SCALE = 6.0
"""``s``: logits of the ranking losses are ``s`` times the expected grade."""


def expected_grade(label_logits: Tensor) -> Tensor:
    """Mean grade under the softmax of the label logits.

    Args:
        label_logits: (..., 3), the logits of grades 0, 1, 2.

    Returns:
        (...), in [0, 2], float32.

    >>> expected_grade(torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 50.0]])).tolist()
    [1.0, 2.0]
    """
    grades = torch.arange(label_logits.shape[-1], device=label_logits.device, dtype=torch.float32)
    return label_logits.float().softmax(-1) @ grades


def pairwise_loss(grades: Tensor, gains: Tensor, mask: Tensor, scale: float = SCALE) -> Tensor | None:
    """RankNet (Burges et al. 2005) over the pairs of unequal gain: the mean over a list's pairs, then over lists.

    Args:
        grades: (lists, documents), expected grades.
        gains: (lists, documents), NaN where nothing is known.
        mask: (lists, documents), True where a document stands.
        scale: ``s``.

    Returns:
        A scalar, or None where no list has a pair.

    >>> loss = pairwise_loss(torch.tensor([[1.0, 1.0]]), torch.tensor([[0.0, 2.0]]), torch.ones(1, 2).bool())
    >>> round(loss.item(), 4)  # log 2: no opinion
    0.6931
    """
    known = mask & ~gains.isnan()
    # (lists, documents, 1) against (lists, 1, documents): entry [i, j] asks whether i is above j.
    above = (gains[:, :, None] > gains[:, None, :]) & known[:, :, None] & known[:, None, :]
    has_pairs = above.any((1, 2))
    if not has_pairs.any():
        return None
    margins = scale * (grades[:, :, None] - grades[:, None, :])
    losses = functional.softplus(-margins).masked_fill(~above, 0.0).sum((1, 2))
    return (losses / above.sum((1, 2)).clamp(min=1))[has_pairs].mean()


def listwise_loss(grades: Tensor, target: Tensor, mask: Tensor, scale: float = SCALE) -> Tensor:
    """KL from a target distribution to the softmax of the scaled grades over each list, mean over lists.

    Args:
        grades: (lists, documents), expected grades.
        target: (lists, documents), sums to 1 over each list's documents.
        mask: (lists, documents), True where a document stands.
        scale: ``s``.

    >>> mask = torch.ones(1, 2).bool()
    >>> listwise_loss(torch.tensor([[1.0, 1.0]]), torch.tensor([[0.5, 0.5]]), mask).item()
    0.0
    """
    log_shares = (scale * grades).masked_fill(~mask, -torch.inf).log_softmax(-1).masked_fill(~mask, 0.0)
    target = target.masked_fill(~mask, 0.0)
    return (torch.xlogy(target, target) - target * log_shares).sum(-1).mean()


def token_loss(logits: Tensor, tokens: Tensor) -> Tensor | None:
    """Cross-entropy over the full vocabulary, mean over tokens; None where there is none.

    Args:
        logits: (positions, vocabulary).
        tokens: (positions,), the token that follows each position, -100 where it is not known.
    """
    known = tokens >= 0
    if not known.any():
        return None
    return functional.cross_entropy(logits[known].float(), tokens[known])


def weighted_sum(parts: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The one loss that is trained: named parts times their weights.

    >>> weighted_sum({"a": torch.tensor(2.0), "b": torch.tensor(1.0)}, {"a": 0.5, "b": 0.25, "c": 1.0}).item()
    1.25
    """
    return torch.stack([weights[name] * part for name, part in parts.items()]).sum()
