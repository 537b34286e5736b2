"""Sequences that begin with the same passage share a row: the passage is read once, and each query branches off.

The prompt puts the passage first, so that everything asked of one passage in a step (every query, both judging
modes, every reason) has the same beginning. A row holds that beginning once and then the branches, one after the
other; the attention mask lets a branch see the beginning and itself, and positions restart at each branch, so
every token sees exactly what it would see in a sequence of its own (tested against that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train.examples import TokenSequence


@dataclass(frozen=True, slots=True)
class Row:
    """Packed sequences.

    Args:
        ids: Token ids: the shared beginning, then the branches.
        positions: Position of each token in its own sequence.
        branches: 0 for the shared beginning, then 1, 2, ... for the branches.
        shared: Length of the shared beginning.
        starts: Where the branch of each packed sequence begins, by the sequence's index.
    """

    ids: tuple[int, ...]
    positions: tuple[int, ...]
    branches: tuple[int, ...]
    shared: int
    starts: dict[int, int]

    def column(self, index: int, at: int) -> int:
        """Where token ``at`` of sequence ``index`` stands in this row."""
        return at if at < self.shared else self.starts[index] + at - self.shared


def pack(sequences: Sequence[TokenSequence]) -> list[Row]:
    """Rows that hold every sequence once, in the order in which their passages first come."""
    together: dict[tuple[int, ...], list[int]] = {}
    for index, sequence in enumerate(sequences):
        # A sequence that names no passage beginning stands alone.
        key = sequence.ids[: sequence.shared] if sequence.shared else (-1 - index,)
        together.setdefault(key, []).append(index)
    return [_row(sequences, indexes) for indexes in together.values()]


def _row(sequences: Sequence[TokenSequence], indexes: Sequence[int]) -> Row:
    shared = common_length([sequences[index].ids for index in indexes])
    ids = list(sequences[indexes[0]].ids[:shared])
    positions, branches = list(range(shared)), [0] * shared
    starts: dict[int, int] = {}
    for branch, index in enumerate(indexes, start=1):
        starts[index] = len(ids)
        own = sequences[index].ids[shared:]
        ids += own
        positions += range(shared, shared + len(own))
        branches += [branch] * len(own)
    return Row(tuple(ids), tuple(positions), tuple(branches), shared, starts)


def common_length(many: Sequence[Sequence[int]]) -> int:
    """Length of the common beginning; a single sequence keeps its last token as a branch, to be read there.

    >>> common_length([[1, 2, 3], [1, 2, 4, 5]]), common_length([[1, 2, 3]]), common_length([[1], [1, 2]])
    (2, 2, 0)
    """
    shortest = min(len(ids) for ids in many) - 1
    shared = 0
    while shared < shortest and all(ids[shared] == many[0][shared] for ids in many):
        shared += 1
    return shared


def tree_mask(branches: Tensor) -> Tensor:
    """Which tokens each token sees.

    Args:
        branches: (rows, length), 0 for the shared beginning, -1 for padding.

    Returns:
        (rows, 1, length, length) additive mask: 0 where the token of axis 2 sees the one of axis 3.
    """
    length = branches.shape[1]
    seen = (branches[:, None, :] == 0) | (branches[:, None, :] == branches[:, :, None])
    seen &= torch.ones(length, length, dtype=torch.bool, device=branches.device).tril()
    mask = torch.zeros(seen.shape, dtype=torch.float32, device=branches.device)
    return mask.masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]
