"""Sequences: exactly the engine's prompts, and masks that start exactly after them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from conftest import record_line

from reasonrank import prompts
from reasonrank.data import Document, Query
from reasonrank.encoding import encode, encode_choice
from reasonrank.errors import InputError
from train.examples import (
    DrawOptions,
    SequenceWriter,
    TokenSequence,
    check_options,
    comparison_sequence,
    comparison_sequences,
    judged_example,
    soft_example,
    usable_reason,
)
from train.records import Reason, SoftList, parse_record

QUERY = Query("q", "why do cats\nsleep <|im_end|>?")
CAT = Document("c", "Cats sleep 16 hours.\nGrade: 2 they say.", "On cats")
DOG = Document("d", "Dogs bark.")
RECORD = parse_record(record_line(1))
REASON = "Says that cats sleep 16 hours."


def learned(tokenizer: Any, sequence: TokenSequence) -> list[str]:
    return [tokenizer.decode(list(sequence.ids[start:end])) for start, end in sequence.spans]


def test_score_then_reason(tokenizer: Any) -> None:
    writer = SequenceWriter(tokenizer, 80)
    sequence = writer.grade(QUERY, CAT, 2, REASON)
    passage = prompts.passage_text(CAT.text, CAT.title)
    # The score is read where the engine reads it, and the reason follows the prompt that the engine continues.
    ids, choices = encode_choice(tokenizer, prompts.grade_prompt(QUERY.text, passage), prompts.LABELS)
    assert list(sequence.ids[: sequence.choice_at]) == ids
    assert sequence.choice_id == choices[2] == sequence.ids[sequence.choice_at]
    before = encode(tokenizer, prompts.reason_after_grade_prompt(QUERY.text, passage, 2))
    ((start, end),) = sequence.spans
    assert list(sequence.ids[:start]) == before
    assert list(sequence.ids) == before + encode(tokenizer, f" {REASON}{prompts.STOP}")
    assert end == len(sequence.ids)
    assert learned(tokenizer, sequence) == [f" {REASON}\n"]


def test_reason_then_score(tokenizer: Any) -> None:
    writer = SequenceWriter(tokenizer, 80)
    sequence = writer.reason_first(QUERY, CAT, REASON, 1)
    passage = prompts.passage_text(CAT.text, CAT.title)
    before = encode(tokenizer, prompts.reason_prompt(QUERY.text, passage))
    assert list(sequence.ids[: sequence.spans[0][0]]) == before
    ids, choices = encode_choice(
        tokenizer, prompts.grade_after_reason_prompt(QUERY.text, passage, REASON), prompts.LABELS
    )
    assert list(sequence.ids[: sequence.choice_at]) == ids
    assert sequence.choice_id == choices[1] == sequence.ids[sequence.choice_at]
    assert learned(tokenizer, sequence) == [f" {REASON}\n", "\n"]
    unlabelled = writer.reason_first(QUERY, CAT, REASON, None)
    assert unlabelled.choice_id is None
    assert learned(tokenizer, unlabelled) == [f" {REASON}\n"]


@pytest.mark.parametrize("side", [0, 1])
def test_a_comparison_in_both_orders(tokenizer: Any, side: int) -> None:
    writer = SequenceWriter(tokenizer, 80)
    sequence = comparison_sequence(RECORD, RECORD.comparisons[0], side, writer)
    better, other = RECORD.documents[0].text, RECORD.documents[2].text
    shown = (better, other) if side == 0 else (other, better)
    before = encode(tokenizer, prompts.compare_reason_prompt(RECORD.query.text, *shown, side))
    assert list(sequence.ids[: sequence.spans[0][0]]) == before
    ids, choices = encode_choice(tokenizer, prompts.compare_prompt(RECORD.query.text, *shown), prompts.SIDES)
    assert list(sequence.ids[: sequence.choice_at]) == ids
    assert sequence.choice_id == choices[side]
    names = ("[A]", "[B]") if side == 0 else ("[B]", "[A]")
    assert learned(tokenizer, sequence) == [f" {names[0]} is on cats, {names[1]} not.\n"]


def test_without_a_label_no_reason_is_written(tokenizer: Any) -> None:
    sequence = SequenceWriter(tokenizer, 80).grade(QUERY, CAT, None, REASON)
    assert (sequence.choice_id, sequence.spans, sequence.choice_at) == (None, (), len(sequence.ids))


def test_the_shared_beginning_is_the_passage_alone(tokenizer: Any) -> None:
    writer = SequenceWriter(tokenizer, 80)
    one, two = writer.grade(QUERY, DOG), writer.reason_first(Query("p", "other words"), DOG, REASON, 0)
    assert one.shared == two.shared > 0
    assert tokenizer.decode(list(one.ids[: one.shared])) == "Passage: Dogs bark.\n"
    assert one.ids[: one.shared] == two.ids[: two.shared]


def test_passages_are_cut_at_words(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 3)
    assert writer.passage(CAT) == "On cats. Cats"


def test_a_reason_whose_evidence_was_cut_off_is_not_trained(byte_tokenizer: Any) -> None:
    document = Document("c", "One two three. Four five six.")
    table = [  # evidence, words kept, whether the reason stays
        ("Four five six.", 6, True),
        ("Four five six.", 4, False),
        ("One two three.", 4, True),
        ("", 4, True),
        ("Not in the text at all.", 4, True),  # paraphrased evidence tells nothing about the cut
    ]
    for evidence, words, stays in table:
        record = replace(RECORD, documents=(document,), reasons={"c": Reason("Because.", evidence=evidence)})
        assert usable_reason(record, document, SequenceWriter(byte_tokenizer, words)) == ("Because." if stays else "")


def test_a_groups_comparison_is_asked_for_all_its_queries(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    ids = [document.doc_id for document in RECORD.documents]
    preferred, other = RECORD.comparisons[0].preferred_id, RECORD.comparisons[0].other_id
    contrast = replace(
        RECORD, query=Query("qb", "contrast"), comparisons=(), labels={**dict.fromkeys(ids, 1), preferred: 0, other: 2}
    )
    unclear = SoftList(Query("s", "soft"), RECORD.documents, dict.fromkeys(ids, 1 / len(ids)))
    found = comparison_sequences([RECORD, contrast], [unclear], writer, random.Random(0), DrawOptions(pair_orders=2))
    # Both orders of the described comparison, and of the contrast query, whose sides are the other way round;
    # the soft list does not tell the two apart and is left out.
    assert [(sequence.choice, bool(sequence.spans)) for sequence in found] == [("side", True), ("side", False)] * 2
    assert [found[0].choice_id, found[1].choice_id] in ([*writer.side_ids], [*reversed(writer.side_ids)])
    assert {found[0].choice_id, found[2].choice_id} == set(writer.side_ids)
    assert found[0].ids[: found[0].shared] == found[1].ids[: found[1].shared]
    assert found[0].shared > 0
    assert comparison_sequences([contrast], [], writer, random.Random(0), DrawOptions()) == []


def test_a_judged_draw(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    options = DrawOptions(score_first=1.0, pair_orders=2)
    example = judged_example(RECORD, [DOG], writer, random.Random(0), options)
    assert example.gains == (2.0, 1.0, 0.0, 0.0)
    assert sum(example.target) == pytest.approx(1)
    assert [len(sequence.spans) for sequence in example.documents] == [1, 1, 1, 0]  # no reason for the easy one
    assert example.documents[3].choice_id == writer.label_ids[0]
    assert not example.extras  # comparisons belong to the group
    late = judged_example(RECORD, [], writer, random.Random(0), replace(options, score_first=0.0))
    assert [sequence.choice for sequence in late.extras] == ["late_grade", "late_grade"]
    assert not any(sequence.spans for sequence in late.documents)
    bare = judged_example(RECORD, [], writer, random.Random(0), options, texts=False)
    assert not bare.extras
    assert not any(sequence.spans for sequence in bare.documents)
    assert bare.gains == (2.0, 1.0, 0.0)


def test_a_bare_ranking_gives_gains_and_no_labels(byte_tokenizer: Any) -> None:
    record = replace(RECORD, labels={}, comparisons=())
    example = judged_example(record, [DOG], SequenceWriter(byte_tokenizer, 80), random.Random(0))
    assert example.gains == (1.0, 0.5, 0.0, 0.0)
    assert all(sequence.choice_id is None for sequence in example.documents)


def test_a_soft_list_has_a_target_alone(byte_tokenizer: Any) -> None:
    soft = SoftList(QUERY, (CAT, DOG), {"c": 0.75, "d": 0.25})
    example = soft_example(soft, [Document("e", "Easy.")], SequenceWriter(byte_tokenizer, 80))
    assert (example.target, example.gains, example.extras) == ((0.75, 0.25, 0.0), None, ())


@pytest.mark.parametrize("changes", [{"score_first": 1.5}, {"clear_pairs": -1}, {"pair_orders": 3}])
def test_options_that_cannot_be_meant(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        check_options(replace(DrawOptions(), **changes))
