"""Which prompts go through a model together, and what its logits say of the choices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reasonrank.engines.base import Choice
from reasonrank.errors import EngineError


def by_length(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """Positions in batches of similar length, longest first, each within ``most_tokens`` when padded.

    A sequence longer than ``most_tokens`` has a batch of its own.

    >>> by_length([3, 9, 4, 2], 10)
    [[1], [2, 0], [3]]
    """
    batches: list[list[int]] = []
    for position in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if not batches or lengths[batches[-1][0]] * (len(batches[-1]) + 1) > most_tokens:
            batches.append([])
        batches[-1].append(position)
    return batches


def of_equal_length(lengths: Sequence[int], most_tokens: int) -> list[list[int]]:
    """As :func:`by_length`, with no two lengths in one batch, so that nothing is padded.

    >>> of_equal_length([3, 4, 3, 3], 8)
    [[1], [0, 2], [3]]
    """
    groups: dict[int, list[int]] = {}
    for position, length in enumerate(lengths):
        groups.setdefault(length, []).append(position)
    return [
        [groups[length][i] for i in batch]
        for length in sorted(groups, reverse=True)
        for batch in by_length([length] * len(groups[length]), most_tokens)
    ]


def room(prompt_tokens: int, max_tokens: int, window: int) -> int:
    """How many tokens may follow a prompt: ``max_tokens``, or what the window leaves.

    Raises:
        EngineError: The prompt fills the window.
    """
    if prompt_tokens >= window:
        raise EngineError(
            f"A prompt has {prompt_tokens} tokens, and this model reads at most {window - 1}. "
            "Shorten the question, or lower max_document_tokens."
        )
    return min(max_tokens, window - prompt_tokens)


def read_choice(logits: np.ndarray, choice_ids: Sequence[int]) -> Choice:
    """Probabilities of the choices from one position's logits over the vocabulary, shape (vocabulary,).

    >>> read_choice(np.log([0.1, 0.3, 0.6]), [0, 1]).mass
    0.4
    """
    exact = np.asarray(logits, dtype=np.float64)
    chosen = exact[list(choice_ids)]
    weights = np.exp(chosen - chosen.max())
    whole = np.exp(exact - exact.max()).sum()
    mass = float(np.exp(chosen - exact.max()).sum() / whole)
    return Choice(tuple(float(weight) for weight in weights / weights.sum()), min(mass, 1.0))
