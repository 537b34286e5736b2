"""Kept-aside lists: by passage, stable, and never trained on."""

from __future__ import annotations

import random

from conftest import record_line, soft_line

from train.records import parse_record, parse_soft_list
from train.split import held_out_documents, split_records, without_documents

RECORDS = [parse_record(record_line(number, suffix)) for number in range(60) for suffix in ("", "b")]


def test_lists_of_the_same_passages_fall_on_one_side() -> None:
    kept, held = split_records(RECORDS, share=0.3)
    assert kept and held and len(kept) + len(held) == len(RECORDS)
    sides = [{doc.doc_id for record in side for doc in record.documents} for side in (kept, held)]
    assert not sides[0] & sides[1]


def test_lists_connected_through_a_third_stay_together() -> None:
    documents = RECORDS[0].documents
    chain = [
        parse_record(record_line(0, documents=[{"doc_id": name, "text": name} for name in names], labels={names[0]: 1},
                                 ranking=[], reasons={}, comparisons=[]))
        for names in (("m", "n"), ("x", "y"), ("n", "x"))
    ]  # fmt: skip
    for share in (0.1, 0.3, 0.5, 0.7, 0.9):
        assert len({doc in held_out_documents(chain, share) for doc in "mnxy"}) == 1
    assert documents


def test_the_split_does_not_depend_on_the_order_of_lines() -> None:
    mixed = random.Random(1).sample(RECORDS, len(RECORDS))
    assert held_out_documents(mixed, 0.3) == held_out_documents(RECORDS, 0.3)
    assert split_records(mixed, 0.3)[1] == split_records(RECORDS, 0.3)[1]


def test_soft_lists_lose_what_is_kept_aside() -> None:
    own, stranger = parse_soft_list(soft_line(1)), parse_soft_list(soft_line(2))
    # Record 1 is kept aside: its own soft list loses three of four documents and goes, 2's list loses none.
    assert without_documents([own, stranger], frozenset({"1-1", "1-2", "1-3"})) == [stranger]
    (left,) = without_documents([own], frozenset({"2-2"}))
    assert left.target == {"1-1": 0.6 / 0.9, "1-2": 0.2 / 0.9, "1-3": 0.1 / 0.9} or all(
        abs(left.target[key] - share / 0.9) < 1e-12 for key, share in {"1-1": 0.6, "1-2": 0.2, "1-3": 0.1}.items()
    )
