"""Lists of a step to padded tensors, and a model's logits at just the positions that are learned from.

Sequences of one passage are packed into one row (:mod:`train.packing`). The language model's head is a fifth of a
small student's work, so it runs on the gathered positions alone. Where one padded block would waste much, the rows
are split by length into two or three; the losses see one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from train.examples import ListExample, TokenSequence
from train.packing import Row, pack, tree_mask

KINDS = ("grade", "late_grade", "side", "text")
MOST_WASTE = 0.15
MOST_TOKENS = 900
"""Tokens of a block, padding included: on a CPU larger ones fall out of its cache and are slower a token."""

Batch = dict[str, Any]


def length_blocks(
    lengths: Sequence[int], most_tokens: int = MOST_TOKENS, most_waste: float = MOST_WASTE
) -> list[list[int]]:
    """Indexes of sequences in blocks of similar length, shortest first.

    A block ends where the next sequence would take it over ``most_tokens``, or would waste more than
    ``most_waste`` of it on padding.

    >>> length_blocks([5, 20, 5, 21])
    [[0, 2], [1, 3]]
    """
    blocks: list[list[int]] = []
    filled = 0
    for index in sorted(range(len(lengths)), key=lambda index: lengths[index]):
        size = (len(blocks[-1]) + 1) * lengths[index] if blocks else 0
        filled += lengths[index]
        if not blocks or size > most_tokens or 1 - filled / size > most_waste:
            blocks.append([])
            filled = lengths[index]
        blocks[-1].append(index)
    return blocks


def collate(examples: Sequence[ListExample], pad_id: int) -> Batch:
    """The tensors of one step.

    Returns:
        ``blocks``: padded inputs, each with ``input_ids``, ``position_ids`` and ``branches`` (rows, length) and
        the ``rows`` and ``columns`` of the positions to read (positions in this block,).
        ``kinds`` and ``expected``: (positions,) over all blocks in turn, the kind of each position as an index of
        :data:`KINDS`, and the token that should follow it (-100 if unknown).
        ``slots``: (lists, documents), where among the positions each document's grade is read; ``mask`` tells
        which are documents; ``target`` and ``gains`` (NaN if unknown) have the same shape.
        ``tokens``: how many tokens are not padding; ``unpacked``: how many they would be without packing.
    """
    sequences = [seq for example in examples for seq in (*example.documents, *example.extras)]
    packed = pack(sequences)
    blocks: list[dict[str, Tensor]] = []
    kinds: list[int] = []
    expected: list[int] = []
    grade_slot: dict[int, int] = {}  # index of the sequence -> place of its choice among the positions
    for block in length_blocks([len(row.ids) for row in packed]):
        rows: list[int] = []
        columns: list[int] = []
        for number, place in enumerate(block):
            for index in packed[place].starts:
                grade_slot[index] = len(kinds)
                for kind, column, token in _positions(sequences[index]):
                    rows.append(number)
                    columns.append(packed[place].column(index, column))
                    kinds.append(KINDS.index(kind))
                    expected.append(token)
        padded = _pad([packed[place] for place in block], pad_id)
        blocks.append({**padded, "rows": torch.tensor(rows), "columns": torch.tensor(columns)})
    batch: Batch = {"blocks": blocks, "kinds": torch.tensor(kinds), "expected": torch.tensor(expected)}
    batch["tokens"] = torch.tensor(sum(len(row.ids) for row in packed))
    batch["unpacked"] = torch.tensor(sum(len(sequence.ids) for sequence in sequences))
    return batch | _lists(examples, grade_slot)


def _positions(sequence: TokenSequence) -> list[tuple[str, int, int]]:
    """Kind, position read, token that should follow; the choice comes first."""
    choice = -100 if sequence.choice_id is None else sequence.choice_id
    texts = [("text", at - 1, sequence.ids[at]) for start, end in sequence.spans for at in range(start, end)]
    return [(sequence.choice, sequence.choice_at - 1, choice), *texts]


def _pad(rows: Sequence[Row], pad_id: int) -> dict[str, Tensor]:
    shape = (len(rows), max(len(row.ids) for row in rows))
    ids, positions, branches = torch.full(shape, pad_id), torch.zeros(shape).long(), torch.full(shape, -1)
    for number, row in enumerate(rows):
        ids[number, : len(row.ids)] = torch.tensor(row.ids)
        positions[number, : len(row.ids)] = torch.tensor(row.positions)
        branches[number, : len(row.ids)] = torch.tensor(row.branches)
    return {"input_ids": ids, "position_ids": positions, "branches": branches}


def _lists(examples: Sequence[ListExample], grade_slot: dict[int, int]) -> dict[str, Tensor]:
    shape = (len(examples), max(len(example.documents) for example in examples))
    slots, mask = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.bool)
    target, gains = torch.zeros(shape), torch.full(shape, torch.nan)
    first = 0
    for row, example in enumerate(examples):
        count = len(example.documents)
        slots[row, :count] = torch.tensor([grade_slot[first + place] for place in range(count)])
        mask[row, :count] = True
        target[row, :count] = torch.tensor(example.target)
        if example.gains is not None:
            gains[row, :count] = torch.tensor(example.gains)
        first += count + len(example.extras)
    return {"slots": slots, "mask": mask, "target": target, "gains": gains}


def logits_at(model: Any, blocks: Sequence[dict[str, Tensor]]) -> Tensor:
    """Logits at the positions of all blocks, (positions, vocabulary).

    The model is called as a whole, so that wrappers for many devices see their forward; a hook on its head gathers
    the positions first.
    """
    head = _head(model)
    gathered = []
    for block in blocks:
        rows, columns = block["rows"], block["columns"]
        # The head then sees (1, positions, hidden) in place of (sequences, length, hidden).
        hook = head.register_forward_pre_hook(
            lambda _, args, rows=rows, columns=columns: (args[0][rows, columns].unsqueeze(0), *args[1:])
        )
        try:
            output = model(
                input_ids=block["input_ids"],
                position_ids=block["position_ids"],
                attention_mask=tree_mask(block["branches"]),
                use_cache=False,
            )
        finally:
            hook.remove()
        gathered.append(output.logits.squeeze(0))
    return torch.cat(gathered)


def _head(model: Any) -> torch.nn.Module:
    while not hasattr(model, "get_output_embeddings"):
        model = model.module  # a wrapper for many devices
    head = model.get_output_embeddings()
    assert isinstance(head, torch.nn.Module)
    return head
