"""Draws: a function of seed and number, each group once a round, easy negatives from elsewhere."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import record_line, soft_line

from reasonrank.errors import InputError
from train.curriculum import Curriculum, group_lists, shuffled
from train.examples import DrawOptions, SequenceWriter
from train.query_writing import QueryExample, query_sequence
from train.records import parse_record, parse_soft_list

JUDGED = [parse_record(record_line(number, suffix)) for number in range(1, 7) for suffix in ("", "b")]
SOFT = [parse_soft_list(soft_line(number)) for number in range(1, 7)]


def curriculum(tokenizer: Any, **changes: Any) -> Curriculum:
    options = {"draws": 20, "groups": 2, "warm": 4, "seed": 1, "easy_negatives": 2} | changes
    return Curriculum(SOFT, JUDGED, SequenceWriter(tokenizer, 80), **options)


def test_groups_are_lists_over_the_same_passages() -> None:
    groups = group_lists(JUDGED, SOFT)
    assert len(groups) == 6
    first = groups[0]
    assert [record.query.query_id for record in first.judged] == ["1", "1b"]
    (soft,) = first.soft
    assert [document.doc_id for document in soft.documents] == ["1-1", "1-2", "1-3"]  # its stranger is left out
    assert sum(soft.target.values()) == pytest.approx(1)
    assert soft.target["1-1"] == pytest.approx(0.6 / 0.9)


def test_a_soft_list_without_judged_ones_stands_alone() -> None:
    (group,) = group_lists([], SOFT[:1])
    assert (group.judged, group.soft) == ((), (SOFT[0],))


def test_a_draw_depends_on_seed_and_number_alone(byte_tokenizer: Any) -> None:
    one, two = curriculum(byte_tokenizer), curriculum(byte_tokenizer, draws=50)  # more steps change no draw
    [two[number] for number in range(5)]  # nor do earlier draws
    assert all(one[number] == two[number] for number in (0, 3, 7, 19))
    assert curriculum(byte_tokenizer, seed=2)[3] != one[3]
    assert (len(one), len(two)) == (20, 50)


def test_every_group_comes_once_a_round() -> None:
    rounds = [[shuffled(range(6), number + start, 1, "x") for number in range(6)] for start in (0, 6, 12)]
    assert all(sorted(one) == list(range(6)) for one in rounds)
    assert len({tuple(one) for one in rounds}) > 1


def test_warm_groups_train_no_texts(byte_tokenizer: Any) -> None:
    draws = curriculum(byte_tokenizer, warm=4)
    for number in range(6):
        texts = [seq.spans for example in draws[number] for seq in (*example.documents, *example.extras) if seq.spans]
        assert bool(texts) == (number >= 2)  # two groups a draw


def test_easy_negatives_come_from_the_other_group(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    for example in curriculum(byte_tokenizer)[0]:
        assert len(example.documents) == 3 + 2
        assert {sequence.choice_id for sequence in example.documents[3:]} <= {writer.label_ids[0], None}
    own = {sequence.ids[: sequence.shared] for sequence in curriculum(byte_tokenizer)[0][0].documents[:3]}
    easy = {sequence.ids[: sequence.shared] for sequence in curriculum(byte_tokenizer)[0][0].documents[3:]}
    assert len(own) == 3 and not own & easy


def test_soft_lists_alone_make_a_curriculum(byte_tokenizer: Any) -> None:
    draws = Curriculum(SOFT, [], SequenceWriter(byte_tokenizer, 80), draws=3, seed=1)
    assert all(example.gains is None for number in range(3) for example in draws[number])


def test_nothing_to_train_on_is_an_error(byte_tokenizer: Any) -> None:
    with pytest.raises(InputError):
        Curriculum([], [], SequenceWriter(byte_tokenizer, 80), draws=1)


def test_texts_are_trained_in_a_share_of_the_draws(byte_tokenizer: Any) -> None:
    draws = curriculum(byte_tokenizer, warm=0, options=DrawOptions(text_share=0.5))
    with_texts = [
        any(seq.spans for example in draws[number] for seq in (*example.documents, *example.extras))
        for number in range(20)
    ]
    assert 5 <= sum(with_texts) < 20  # two groups a draw: three quarters expected
    assert not any(
        seq.spans
        for number in range(20)
        for example in curriculum(byte_tokenizer, warm=0, options=DrawOptions(text_share=0.0))[number]
        for seq in (*example.documents, *example.extras)
    )


def test_passages_of_two_groups_are_compared_for_the_queries_of_both(byte_tokenizer: Any) -> None:
    writer = SequenceWriter(byte_tokenizer, 80)
    options = DrawOptions(text_share=0.0, crossed_pairs=1, pair_orders=0)
    for number in range(8):
        crossed = curriculum(byte_tokenizer, options=options)[number][0].extras
        assert {seq.choice for seq in crossed} == {"side"}
        assert len({seq.ids[: seq.shared] for seq in crossed}) == 1  # one prompt's passages, in one order
        sides = {seq.choice_id for seq in crossed}
        assert sides == set(writer.side_ids)  # the queries of either group choose its own passage
    assert not curriculum(byte_tokenizer, options=DrawOptions(text_share=0.0, pair_orders=0))[0][0].extras


def test_a_group_may_be_drawn_in_parts(byte_tokenizer: Any) -> None:
    draws = curriculum(byte_tokenizer, judged_lists=1, soft_lists=1, groups=3)
    for number in range(4):
        drawn = [example.query_id for example in draws[number]]
        assert len(drawn) == 6  # a judged and a soft list of each group
        assert len({name.rstrip("b") for name in drawn if "-s" not in name}) == 3
    whole = curriculum(byte_tokenizer, soft_lists=1, groups=3)[0]
    assert len(whole) == 9  # the query, its contrast and a soft list of each group


def test_comparisons_are_drawn_of_a_share_of_the_groups(byte_tokenizer: Any) -> None:
    options = DrawOptions(text_share=0.0, pair_orders=1, pair_share=0.5)
    draws = curriculum(byte_tokenizer, options=options)
    with_pairs = [any(example.extras for example in draws[number]) for number in range(20)]
    assert 8 <= sum(with_pairs) < 20  # two groups a draw: three quarters expected
    none = curriculum(byte_tokenizer, options=DrawOptions(text_share=0.0, pair_share=0.0))
    assert not any(example.extras for number in range(5) for example in none[number])


def test_each_draw_with_texts_brings_one_question_with_its_queries(byte_tokenizer: Any) -> None:
    written = [query_sequence(byte_tokenizer, QueryExample(name, f"a long {name}", (name,))) for name in "abc"]
    draws = curriculum(byte_tokenizer, warm=4, written=written)
    found = [[seq for example in draws[number] for seq in example.extras if seq in written] for number in range(8)]
    assert [len(one) for one in found] == [0, 0, 1, 1, 1, 1, 1, 1]  # two groups a draw, four of them warm
    assert {seq for one in found for seq in one} == set(written)
    assert draws[5] == curriculum(byte_tokenizer, warm=4, written=written, draws=50)[5]


def test_without_texts_comparisons_train_the_side_alone(byte_tokenizer: Any) -> None:
    draws = curriculum(byte_tokenizer, options=DrawOptions(text_share=0.0, pair_orders=1))
    extras = [seq for number in range(6) for example in draws[number] for seq in example.extras]
    assert {seq.choice for seq in extras} == {"side"}
    assert not any(seq.spans for seq in extras)
    assert all(seq.choice_id is not None for seq in extras)
