"""The benchmark of training speed counts the same tokens on both sides and runs both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import record_line, soft_line, write_lines

from benchmarks.training import Speed, learned_or_last, main, speed, tokens_of
from train.examples import ListExample, TokenSequence

SEQUENCE = TokenSequence((5, 6, 7, 8), "grade", 2, 7, ((3, 4),), 1)
BARE = TokenSequence((5, 6), "grade", 2, 7)


def test_tokens_are_counted_whole_and_the_first_step_is_left_out() -> None:
    draw = [ListExample("q", (SEQUENCE, BARE), (0.5, 0.5), extras=(SEQUENCE,))]
    assert tokens_of(draw) == 10
    assert speed([draw, draw, draw], [9.0, 2.0, 5.0]) == Speed((5.0, 2.0))
    assert Speed((5.0, 2.0, 3.0)).typical == 3.0


def test_what_the_plain_run_learns() -> None:
    assert learned_or_last(SEQUENCE) == [-100, -100, 7, 8]
    assert learned_or_last(BARE) == [-100, 6]


def test_both_sides_run_over_the_same_steps(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    judged = write_lines(tmp_path / "judged.jsonl", [record_line(number) for number in range(20)])
    soft = write_lines(tmp_path / "soft.jsonl", [soft_line(number) for number in range(20)])
    flags = ["--judged", str(judged), "--soft", str(soft), "--base", str(tiny_folder), "--steps", "3", "--blocks", "1"]
    main([*flags, "--out", str(tmp_path / "result.json")])
    result: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert result == json.loads((tmp_path / "result.json").read_text())
    assert len(result["steps"]["ours"]) == len(result["steps"]["trl_sft"]) == 2
    assert result["ratio"] == pytest.approx(result["tokens_a_second"]["ours"] / result["tokens_a_second"]["trl_sft"])
    assert 0 < result["tokens_read_of_tokens_trained"] < 1
