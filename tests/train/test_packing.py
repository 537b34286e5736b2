"""Packed rows give each sequence exactly the logits that it has alone, and padding changes nothing."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from conftest import record_line, soft_line, tiny_model

from reasonrank.data import Document
from train.batching import KINDS, collate, length_blocks, logits_at
from train.examples import DrawOptions, ListExample, SequenceWriter, TokenSequence, judged_example, soft_example
from train.packing import common_length, pack, tree_mask
from train.records import parse_record, parse_soft_list
from train.trainer import loss_parts

EASY = [Document("e", "Something else entirely, and rather longer than the others are, to be padded against.")]


def draw(tokenizer: Any, score_first: float = 0.5) -> list[ListExample]:
    """Two judged lists and a soft one over the same passages."""
    writer, options = SequenceWriter(tokenizer, 80), DrawOptions(score_first=score_first, pair_orders=2)
    judged = [parse_record(record_line(1, suffix)) for suffix in ("", "b")]
    examples = [judged_example(record, EASY, writer, random.Random(3), options) for record in judged]
    return [*examples, soft_example(parse_soft_list(soft_line(1)), EASY, writer)]


def alone(model: Any, sequence: TokenSequence) -> torch.Tensor:
    """Logits at the sequence's own positions, choice first, read without packing, padding or a mask."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([sequence.ids])).logits[0]
    texts = [at - 1 for start, end in sequence.spans for at in range(start, end)]
    return logits[[sequence.choice_at - 1, *texts]]


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("score_first", [0.0, 1.0])
def test_packed_logits_are_those_of_each_sequence_alone(
    byte_tokenizer: Any, attention: str, score_first: float
) -> None:
    model = tiny_model()
    model.set_attn_implementation(attention)
    examples = draw(byte_tokenizer, score_first)
    sequences = [sequence for example in examples for sequence in (*example.documents, *example.extras)]
    batch = collate(examples, pad_id=0)
    with torch.no_grad():
        packed = logits_at(model, batch["blocks"])
    assert len(batch["blocks"]) > 1
    assert int(batch["tokens"]) < 0.7 * int(batch["unpacked"])  # it is worth it
    # The packed order of sequences: by block, by row, in the order of packing.
    rows = pack(sequences)
    order = [
        index for block in length_blocks([len(row.ids) for row in rows]) for at in block for index in rows[at].starts
    ]
    expected = torch.cat([alone(model, sequences[index]) for index in order])
    torch.testing.assert_close(packed, expected, atol=3e-5, rtol=0)


def test_every_position_expects_what_its_sequence_says(byte_tokenizer: Any) -> None:
    examples = draw(byte_tokenizer)
    batch = collate(examples, pad_id=0)
    sequences = [sequence for example in examples for sequence in (*example.documents, *example.extras)]
    for number, kind in enumerate(KINDS[:3]):
        wanted = [-100 if seq.choice_id is None else seq.choice_id for seq in sequences if seq.choice == kind]
        assert sorted(batch["expected"][batch["kinds"] == number].tolist()) == sorted(wanted)
    texts = [seq.ids[at] for seq in sequences for start, end in seq.spans for at in range(start, end)]
    assert sorted(batch["expected"][batch["kinds"] == 3].tolist()) == sorted(texts)
    for row, example in enumerate(examples):
        read = batch["expected"][batch["slots"][row][batch["mask"][row]]].tolist()
        assert read == [-100 if seq.choice_id is None else seq.choice_id for seq in example.documents]


def test_more_lists_and_another_order_change_no_part(byte_tokenizer: Any) -> None:
    model, (first, second, soft) = tiny_model(), draw(byte_tokenizer)
    labels = SequenceWriter(byte_tokenizer, 80).label_ids

    def parts(examples: list[ListExample]) -> dict[str, float]:
        batch = collate(examples, pad_id=0)
        with torch.no_grad():
            return {
                name: part.item()
                for name, part in loss_parts(logits_at(model, batch["blocks"]), batch, labels, 6.0).items()
            }

    one, two = parts([first]), parts([second])
    both = parts([second, first])
    for name in ("pairwise", "listwise"):  # means over lists
        assert both[name] == pytest.approx((one[name] + two[name]) / 2, abs=1e-5)
    turned = ListExample(
        first.query_id, first.documents[::-1], first.target[::-1], (first.gains or ())[::-1], first.extras[::-1]
    )
    assert parts([turned]) == pytest.approx(one, abs=1e-5)
    assert set(parts([soft])) == {"listwise"}


def test_a_continuation_cannot_reach_the_score(byte_tokenizer: Any) -> None:
    writer, record = SequenceWriter(byte_tokenizer, 80), parse_record(record_line(1))
    bare = writer.grade(record.query, record.documents[0])
    told = writer.grade(record.query, record.documents[0], 2, "A long reason that would give it away.")
    model, share = tiny_model(), (1.0,)
    with torch.no_grad():
        scores = [
            logits_at(model, batch["blocks"])[batch["slots"][0, 0]]
            for batch in (collate([ListExample("q", (sequence,), share)], 0) for sequence in (bare, told))
        ]
    torch.testing.assert_close(scores[0], scores[1], atol=1e-5, rtol=0)


def test_a_tree_mask_by_hand() -> None:
    seen = tree_mask(torch.tensor([[0, 0, 1, 2, 2, -1]]))[0, 0] == 0
    assert seen.int().tolist() == [
        [1, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],  # the first branch: the beginning and itself
        [1, 1, 0, 1, 0, 0],  # the second one does not see the first
        [1, 1, 0, 1, 1, 0],
        [1, 1, 0, 0, 0, 1],  # padding is seen by nothing but itself
    ]


def test_rows_by_hand() -> None:
    one = TokenSequence((1, 2, 3, 4), "grade", 4, shared=2)
    two = TokenSequence((1, 2, 3, 5, 6), "grade", 4, shared=2)
    other = TokenSequence((1, 2, 3, 4), "side", 4)  # names no passage: it stands alone
    packed, single = pack([one, other, two])
    assert packed.ids == (1, 2, 3, 4, 5, 6)  # the common beginning may be longer than the passage
    assert packed.positions == (0, 1, 2, 3, 3, 4)
    assert packed.branches == (0, 0, 0, 1, 2, 2)
    assert (packed.column(0, 3), packed.column(2, 3), packed.column(2, 1)) == (3, 4, 1)
    assert single.ids == (1, 2, 3, 4)
    assert common_length([[1, 2], [1, 2]]) == 1  # equal sequences still have a token of their own to read


def test_length_blocks_bound_tokens_and_waste() -> None:
    lengths = [random.Random(number).randint(5, 400) for number in range(40)]
    blocks = length_blocks(lengths, most_tokens=900, most_waste=0.15)
    assert sorted(index for block in blocks for index in block) == list(range(40))
    for block in blocks:
        padded = len(block) * max(lengths[index] for index in block)
        assert len(block) == 1 or padded <= 900
        assert 1 - sum(lengths[index] for index in block) / padded <= 0.15


def test_bfloat16_autocast_is_finite(byte_tokenizer: Any) -> None:
    model, batch = tiny_model(), collate(draw(byte_tokenizer), pad_id=0)
    for attention in ("sdpa", "eager"):
        model.set_attn_implementation(attention)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = logits_at(model, batch["blocks"])
        parts = loss_parts(logits, batch, SequenceWriter(byte_tokenizer, 80).label_ids, 6.0)
        torch.stack(list(parts.values())).sum().backward()
        assert all(part.isfinite() for part in parts.values())
        assert all(weight.grad.isfinite().all() for weight in model.parameters() if weight.grad is not None)
