"""The teacher against a real server: what it asks, what it keeps, and that nothing is paid for twice."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import write_lines
from standin_server import Answer, completion, serving

from train.asking import AskOptions, Replies, Tally
from train.journal import Journal, read_json_lines
from train.records import read_records
from train.teacher import main

ROOT = Path(__file__).parents[2]


def judged(body: dict[str, Any], before: int) -> Answer:
    """A good reply for any list of two passages."""
    passages = re.findall(r"^\[\d\] (.*)$", body["messages"][-1]["content"], re.MULTILINE)
    return completion(
        json.dumps(
            {
                "passages": {
                    str(number): {"label": 2 - number % 2, "evidence": text, "direct": "It says just what was asked."}
                    for number, text in enumerate(passages, start=1)
                },
                "order": [2, 1],
                "comparisons": [{"better": 2, "worse": 1, "text": "[2] says a little more than [1] does."}],
            }
        )
    )


def lists(path: Path, count: int) -> Path:
    return write_lines(
        path,
        [
            {
                "query_id": f"q{number}",
                "query": f"query {number}",
                "candidates": [
                    {"doc_id": f"{number}-{side}", "text": f"Text {side} of list {number}."} for side in (1, 2)
                ],
            }
            for number in range(count)
        ],
    )


def command(tmp_path: Path, url: str, *more: str) -> list[str]:
    flags = {"--candidates": tmp_path / "c.jsonl", "--out": tmp_path / "r.jsonl", "--server": url, "--model": "m"}
    return [str(part) for pair in flags.items() for part in pair] + ["--comparisons", "1", *more]


def ids(path: Path) -> list[str]:
    return [record.query.query_id for record in read_records(path)]


def test_lists_become_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists(tmp_path / "c.jsonl", 5)
    with serving(judged, seconds=0.05) as server:
        more = ("--concurrency", "2", "--price-in", "10", "--price-out", "20")
        assert main(command(tmp_path, server.url, *more)) == 0
        assert main(command(tmp_path, server.url, *more)) == 0  # again: nothing is asked
    assert sum(server.asked.values()) == 5
    assert server.most_at_once == 2
    assert server.bodies[0]["response_format"]["json_schema"]["strict"] is True
    assert server.bodies[0]["temperature"] == 0
    assert ids(tmp_path / "r.jsonl") == [f"q{number}" for number in range(5)]
    record = read_records(tmp_path / "r.jsonl")[3]
    assert (record.ranking, record.labels, record.teacher) == (("3-2", "3-1"), {"3-1": 1, "3-2": 2}, "m")
    assert record.reasons["3-1"].evidence == "Text 1 of list 3."
    assert (tmp_path / "r.rejects.jsonl").read_text() == ""
    output = capsys.readouterr().out
    summary = json.loads(output[output.rindex("\n{") if "\n{" in output else 0 :])
    assert summary["records"] == 5
    assert summary["prompt_tokens"] == 500
    assert summary["cost"] == pytest.approx(500 * 10e-6 + 50 * 20e-6)
    config = json.loads((tmp_path / "r.config.json").read_text())
    assert (config["model"], config["teacher_version"], config["candidates"]) == ("m", "1", "c.jsonl")


def test_rejects_are_kept_and_asked_once_more(tmp_path: Path) -> None:
    lists(tmp_path / "c.jsonl", 3)

    def script(body: dict[str, Any], before: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        if "query 0" in prompt:  # never good
            return completion("I would rather not.")
        if "query 1" in prompt and before == 0:  # good at the second attempt
            return completion("{}", usage=False)
        return judged(body, before)

    with serving(script) as server:
        assert main(command(tmp_path, server.url)) == 0
        assert main(command(tmp_path, server.url)) == 0
    assert sum(server.asked.values()) == 5
    assert sorted(body["temperature"] for body in server.bodies) == [0, 0, 0, 0.3, 0.3]
    assert ids(tmp_path / "r.jsonl") == ["q1", "q2"]
    rejects = list(read_json_lines(tmp_path / "r.rejects.jsonl"))
    assert [(one["query_id"], one["attempt"], one["part"]) for one in rejects] == [
        *[("q0", 1, "reply"), ("q0", 2, "reply")],
        ("q1", 1, "reply"),
    ]
    assert rejects[0]["text"] == "I would rather not."
    assert Replies.read(tmp_path / "r.replies.jsonl").tally == Tally(5, 400, 40, uncounted=1)


def test_a_server_without_schemas_is_asked_without_them(tmp_path: Path) -> None:
    lists(tmp_path / "c.jsonl", 3)

    def script(body: dict[str, Any], before: int) -> Answer:
        return 400 if body.get("response_format", {}).get("type") == "json_schema" else judged(body, before)

    with serving(script) as server:
        assert main(command(tmp_path, server.url, "--concurrency", "1")) == 0
    forms = [body["response_format"]["type"] for body in server.bodies]
    assert forms == ["json_schema", "json_object", "json_object", "json_object"]
    assert len(ids(tmp_path / "r.jsonl")) == 3


def test_a_request_that_is_refused_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    lists(tmp_path / "c.jsonl", 3)

    def script(body: dict[str, Any], before: int) -> Answer:
        return 400 if "query 1" in body["messages"][-1]["content"] else judged(body, before)

    with serving(script) as server:
        assert main(command(tmp_path, server.url)) == 0
    assert ids(tmp_path / "r.jsonl") == ["q0", "q2"]
    (reject,) = read_json_lines(tmp_path / "r.rejects.jsonl")
    assert (reject["query_id"], reject["part"]) == ("q1", "request")


def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    lists(tmp_path / "c.jsonl", 2)
    with serving(lambda body, before: 503 if before == 0 else judged(body, before)) as server:
        assert main(command(tmp_path, server.url)) == 0
    assert len(ids(tmp_path / "r.jsonl")) == 2
    assert sum(server.asked.values()) == 4


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "check --server, --model"), (404, "check --server"), (500, "run the same command again")],
)
def test_a_server_that_does_not_serve_is_one_sentence(
    tmp_path: Path, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(tmp_path / "c.jsonl", 4)
    with serving(lambda body, before: status) as server:
        assert main(command(tmp_path, server.url, "--retries", "0", "--concurrency", "1")) == 2
    assert words in capsys.readouterr().err
    assert sum(server.asked.values()) <= 3


def test_lists_without_an_answer_are_open_and_asked_by_the_next_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lists(tmp_path / "c.jsonl", 3)
    well = [False]

    def script(body: dict[str, Any], before: int) -> Answer:
        return 500 if "query 1" in body["messages"][-1]["content"] and not well[0] else judged(body, before)

    with serving(script) as server:
        assert main(command(tmp_path, server.url, "--retries", "0")) == 2
        assert "1 lists have no usable answer yet" in capsys.readouterr().err
        assert ids(tmp_path / "r.jsonl") == ["q0", "q2"]
        well[0] = True
        assert main(command(tmp_path, server.url, "--retries", "0")) == 0
    assert ids(tmp_path / "r.jsonl") == ["q0", "q1", "q2"]
    assert sum(server.asked.values()) == 4


def test_nothing_is_begun_once_the_cost_is_reached(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists(tmp_path / "c.jsonl", 5)
    limit = ("--concurrency", "1", "--price-in", "10000", "--max-cost", "2")  # a reply costs 1
    with serving(judged) as server:
        assert main(command(tmp_path, server.url, *limit)) == 2
    assert "the cost reached --max-cost 2" in capsys.readouterr().err
    assert sum(server.asked.values()) == 2
    assert len(ids(tmp_path / "r.jsonl")) == 2


def run_until(tmp_path: Path, url: str, replies: int, number: signal.Signals) -> int:
    """Start the command and send it a signal once so many replies are kept."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", "train.teacher", *command(tmp_path, url, "--concurrency", "2")],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    journal = tmp_path / "r.replies.jsonl"
    while process.poll() is None and not (journal.exists() and journal.read_bytes().count(b"\n") >= replies):
        time.sleep(0.01)
    process.send_signal(number)
    return process.wait()


def test_a_kill_at_any_moment_pays_for_nothing_twice(tmp_path: Path) -> None:
    lists(tmp_path / "c.jsonl", 12)
    answered: list[str] = []
    with serving(judged, seconds=0.1) as server:
        for replies in (2, 5, 9):
            assert run_until(tmp_path, server.url, replies, signal.SIGKILL) == -signal.SIGKILL
            kept = [line["key"] for line in read_json_lines(tmp_path / "r.replies.jsonl")]
            assert kept[: len(answered)] == answered
            answered = kept
            # As a kill in the middle of a write would leave it.
            with (tmp_path / "r.replies.jsonl").open("a") as journal:
                journal.write('{"key": "torn')
        assert main(command(tmp_path, server.url)) == 0
    assert ids(tmp_path / "r.jsonl") == [f"q{number}" for number in range(12)]
    keys = [line["key"] for line in read_json_lines(tmp_path / "r.replies.jsonl")]
    assert len(keys) == len(set(keys)) == 12
    # Asked twice can only be what was under way at a kill, at most two requests each time.
    assert sum(server.asked.values()) <= 12 + 3 * 2


def test_a_polite_stop_keeps_what_is_under_way(tmp_path: Path) -> None:
    lists(tmp_path / "c.jsonl", 8)
    with serving(judged, seconds=0.2) as server:
        assert run_until(tmp_path, server.url, 2, signal.SIGTERM) == 2
        assert 2 <= len(ids(tmp_path / "r.jsonl")) < 8
        assert main(command(tmp_path, server.url)) == 0
    assert sum(server.asked.values()) == 8  # nothing at all is asked twice
    assert len(ids(tmp_path / "r.jsonl")) == 8


def test_another_model_does_not_go_on_with_the_same_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lists(tmp_path / "c.jsonl", 2)
    with serving(judged) as server:
        assert main(command(tmp_path, server.url)) == 0
        assert main(command(tmp_path, server.url, "--model", "n")) == 2
        assert "model 'm' (now 'n')" in capsys.readouterr().err
        lists(tmp_path / "c.jsonl", 3)  # the file may grow
        assert main(command(tmp_path, server.url, "--concurrency", "3")) == 0
        write_lines(
            tmp_path / "c.jsonl", [{"query_id": "x", "query": "y", "candidates": [{"doc_id": "d", "text": "t"}]}]
        )
        assert main(command(tmp_path, server.url)) == 2
    assert "holds replies for 3 lists" in capsys.readouterr().err


BAD_FLAGS: list[tuple[tuple[str, ...], str]] = [
    ((), "either --candidates with a --server, or --import"),
    (("--candidates", "c.jsonl"), "Give --server"),
    (("--candidates", "c.jsonl", "--server", "localhost", "--model", "m"), "expected a URL"),
    (("--candidates", "missing.jsonl", "--server", "http://x/v1", "--model", "m"), "could not be read"),
    (("--candidates", "c.jsonl", "--server", "http://x/v1", "--model", "m", "--concurrency", "0"), "count from 1"),
    (("--candidates", "c.jsonl", "--server", "http://x/v1", "--model", "m", "--max-cost", "1"), "needs --price-in"),
    (("--import", "missing.jsonl"), "could not be read"),
]


@pytest.mark.parametrize(("flags", "words"), BAD_FLAGS)
def test_bad_flags_are_one_sentence(
    flags: tuple[str, ...],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--out", "r.jsonl", *flags]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_journal_drops_only_an_unfinished_line(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text('{"a": 1}\n{"b":')
    assert list(read_json_lines(path)) == [{"a": 1}]
    with Journal(path) as journal:
        journal.append({"c": "\ud800 \n"})
    assert list(read_json_lines(path)) == [{"a": 1}, {"c": "\ud800 \n"}]


def test_a_tally_counts_by_hand() -> None:
    options = AskOptions(price_in=1.5, price_out=6)
    assert Tally(3, 2_000_000, 100_000).cost(options) == pytest.approx(3.6)
    assert Tally(3, 1200, 30, 1).words(options) == "1,200 tokens in, 30 out (1 replies uncounted), cost 0.0020"
