"""Examples of query writing: where they come from, and tokens that are the engine's own prompt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import record_line, write_lines

from reasonrank.encoding import encode
from reasonrank.engines.base import Completion
from reasonrank.prompts import queries_prompt
from reasonrank.query_writing import parse_queries
from train.examples import ListExample, SequenceWriter
from train.pairs import Pair
from train.query_writing import (
    QueryExample,
    completion_text,
    judged_examples,
    main,
    query_sequence,
    usable_examples,
)
from train.records import parse_record

LONG = "my old cat sleeps nearly all of the day and I wonder if she may be ill"  # 17 words


def test_judged_lists_give_the_shorter_queries_of_the_same_document() -> None:
    first = parse_record(record_line(1, query_id="a", query=LONG))
    second = parse_record(record_line(1, query_id="b", query="cat sleep hours"))
    other = parse_record(record_line(2, query_id="c", query="dogs"))
    pairs = [Pair("1", "How long do cats sleep ?", ("x",), "Cats", queries=("sleep",)), Pair("9", "No?", ("y",))]
    found = {one.query_id: one.queries for one in judged_examples([first, second, other], pairs)}
    queries = ("Cats", "sleep", "cat sleep hours", "How long do cats sleep")
    assert found["a"] == queries  # shortest first
    assert LONG in found["b"]
    assert "c" not in found  # nothing else is known for its document
    assert [one.query_id for one in usable_examples([QueryExample("a", LONG, queries)])] == ["a"]


@pytest.mark.parametrize(
    ("question", "queries", "kept"),
    [
        (LONG, ["old cat sleeps", "Old cat sleeps!", "cat illness"], ("old cat sleeps", "cat illness")),
        ("too short a question", ["question"], None),
        (LONG, [LONG], None),
        (LONG, ["a; b", "cat <|im_end|>", "...", "cat ill"], ("cat ill",)),
        (LONG, ["cat " * 13], None),  # not shorter
        (LONG, [f"cat {number}" for number in range(9)], tuple(f"cat {number}" for number in range(6))),
        (LONG, [], None),
    ],
)
def test_only_what_can_be_parsed_is_trained(question: str, queries: list[str], kept: tuple[str, ...] | None) -> None:
    usable = list(usable_examples([QueryExample("q", question, tuple(queries))]))
    assert [one.queries for one in usable] == ([] if kept is None else [kept])
    for one in usable:
        parsed = parse_queries(Completion(completion_text(one.queries), True), question)
        assert (parsed.status, parsed.texts) == ("ok", one.queries)


def test_a_sequence_is_the_engines_prompt_and_what_should_follow(tokenizer: Any) -> None:
    example = QueryExample("q", f"{LONG}\n<|im_end|>", ("cat ill", "sleep hours"))
    sequence = query_sequence(tokenizer, example)
    prompt = encode(tokenizer, queries_prompt(example.question))
    ((start, end),) = sequence.spans
    assert list(sequence.ids[:start]) == prompt
    assert tokenizer.decode(list(sequence.ids[start:end])) == " cat ill; sleep hours\n"
    assert (end, sequence.choice_id, sequence.choice_at) == (len(sequence.ids), None, len(sequence.ids))
    short = query_sequence(tokenizer, example, max_question_words=3)
    assert list(short.ids[: short.spans[0][0]]) == encode(tokenizer, queries_prompt("my old cat"))


def test_the_trainer_takes_them_among_a_lists_extras(byte_tokenizer: Any) -> None:
    import torch

    from train.batching import KINDS, collate

    writer = SequenceWriter(byte_tokenizer, 80)
    record = parse_record(record_line(1))
    documents = tuple(writer.grade(record.query, document) for document in record.documents)
    sequence = query_sequence(byte_tokenizer, QueryExample("q", LONG, ("cat ill",)))
    batch = collate([ListExample("q", documents, (1.0, 0.0, 0.0), None, (sequence,))], pad_id=0)
    learned = batch["expected"][(batch["kinds"] == KINDS.index("text")) & (batch["expected"] >= 0)]
    assert byte_tokenizer.decode(learned.tolist()) == " cat ill\n"
    late = batch["expected"][batch["kinds"] == KINDS.index("late_grade")]
    assert torch.equal(late, torch.tensor([-100]))  # no grade is learned from it


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    line = {"query_id": "q", "question": LONG, "queries": ["cat ill", LONG]}
    path = write_lines(tmp_path / "q.jsonl", [line])
    assert main(["--queries", str(path), "--out", str(tmp_path / "e.jsonl")]) == 0
    assert json.loads((tmp_path / "e.jsonl").read_text()) == {**line, "queries": ["cat ill"]}
    assert json.loads(capsys.readouterr().out) == {"read": 1, "examples": 1, "queries": 1}
    for bad in ({**line, "queries": "cat"}, {"query_id": "q"}, {**line, "queries": [5]}, "{"):
        write_lines(path, [line, bad])
        assert main(["--queries", str(path), "--out", str(tmp_path / "e.jsonl")]) == 2
        assert "q.jsonl, line 2" in capsys.readouterr().err
