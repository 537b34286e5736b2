"""Figures on judged lists kept aside, cheap enough to take every few minutes of training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import torch
from torch import Tensor

from train.batching import collate, logits_at
from train.examples import ListExample, SequenceWriter, TokenSequence, comparison_sequence
from train.losses import expected_grade
from train.records import TeacherRecord

SEQUENCES_A_FORWARD = 32


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Kept-aside lists as sequences, written once.

    Args:
        grades: A grade sequence for every document of every list.
        labels: The labels of the same documents, list by list.
        sides: Comparisons, each in both orders of presentation: preferred document first, then second.
        label_ids: Tokens of the grades.
        side_ids: Tokens of the sides.
    """

    grades: tuple[TokenSequence, ...]
    labels: tuple[tuple[int, ...], ...]
    sides: tuple[TokenSequence, ...]
    label_ids: tuple[int, ...]
    side_ids: tuple[int, ...]


def held_out_set(
    records: Sequence[TeacherRecord], writer: SequenceWriter, most_lists: int, most_comparisons: int
) -> HeldOut:
    """The first lists with all labels, and comparisons of unequal labels, from the records' (stable) order."""
    labelled = [record for record in records if all(doc.doc_id in record.labels for doc in record.documents)]
    lists = labelled[:most_lists]
    comparisons = []
    for record in labelled:
        clear = [c for c in record.comparisons if record.labels[c.preferred_id] > record.labels[c.other_id]]
        comparisons += [(record, comparison) for comparison in clear[:1]]
    return HeldOut(
        grades=tuple(writer.grade(record.query, doc) for record in lists for doc in record.documents),
        labels=tuple(tuple(record.labels[doc.doc_id] for doc in record.documents) for record in lists),
        sides=tuple(
            _prompt_only(comparison_sequence(record, comparison, side, writer))
            for record, comparison in comparisons[:most_comparisons]
            for side in (0, 1)
        ),
        label_ids=writer.label_ids,
        side_ids=writer.side_ids,
    )


def held_out_figures(model: Any, held: HeldOut, pad_id: int, device: torch.device | str = "cpu") -> dict[str, float]:
    """Pair order, label accuracy, cross-entropy and mass, error of the expected grade, and sides of comparisons.

    ``pair_order`` is the share of pairs with unequal labels whose expected grades stand the right way round (a tie
    counts half); ``side_accuracy`` counts both orders of presentation; ``side_flips`` is the share of comparisons
    whose two orders choose different documents.
    """
    figures: dict[str, float] = {}
    if held.grades:
        logits = _choice_logits(model, held.grades, pad_id, device)
        figures |= grade_figures(logits, held.labels, held.label_ids)
    if held.sides:
        chosen = _choice_logits(model, held.sides, pad_id, device)[:, list(held.side_ids)]
        right = torch.tensor([choice.argmax().item() == at % 2 for at, choice in enumerate(chosen)])
        figures["side_accuracy"] = right.float().mean().item()
        figures["side_flips"] = (right[0::2] != right[1::2]).float().mean().item()
    return figures


def grade_figures(logits: Tensor, labels: Sequence[Sequence[int]], label_ids: Sequence[int]) -> dict[str, float]:
    """Figures of grades alone; ``logits`` is (documents of all lists in turn, vocabulary)."""
    flat = torch.tensor([label for one in labels for label in one])
    chosen = logits[:, list(label_ids)]
    grades = expected_grade(chosen)
    log_shares = logits.float().log_softmax(-1)[:, list(label_ids)]
    right, pairs, start = 0.0, 0, 0
    for one in labels:
        for a, b in combinations(range(start, start + len(one)), 2):
            if flat[a] != flat[b]:
                sign = (grades[a] - grades[b]).sign() * (flat[a] - flat[b]).sign()
                right, pairs = right + 0.5 * (1 + sign.item()), pairs + 1
        start += len(one)
    return {
        "pair_order": right / pairs if pairs else float("nan"),
        "label_accuracy": (chosen.argmax(-1) == flat).float().mean().item(),
        "label_cross_entropy": torch.nn.functional.cross_entropy(chosen.float(), flat).item(),
        "label_mass": log_shares.exp().sum(-1).mean().item(),
        "grade_error": (grades - flat).abs().mean().item(),
    }


def _choice_logits(model: Any, sequences: Sequence[TokenSequence], pad_id: int, device: Any) -> Tensor:
    """Logits at the choice of each sequence, (sequences, vocabulary), in the order given."""
    order = sorted(range(len(sequences)), key=lambda index: len(sequences[index].ids))
    rows: list[Tensor] = [torch.empty(0)] * len(sequences)
    with torch.no_grad():
        for start in range(0, len(order), SEQUENCES_A_FORWARD):
            part = order[start : start + SEQUENCES_A_FORWARD]
            share = 1 / len(part)
            example = ListExample("", tuple(sequences[index] for index in part), (share,) * len(part))
            batch = collate([example], pad_id)
            blocks = [{name: value.to(device) for name, value in block.items()} for block in batch["blocks"]]
            logits = logits_at(model, blocks).float().cpu()
            for index, slot in zip(part, batch["slots"][0].tolist(), strict=True):
                rows[index] = logits[slot]
    return torch.stack(rows)


def _prompt_only(sequence: TokenSequence) -> TokenSequence:
    return TokenSequence(sequence.ids[: sequence.choice_at], sequence.choice, sequence.choice_at)
