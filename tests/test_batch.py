"""Very many lists: order and memory of the stream, and outputs that are gone on with after any kind of stop."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from reasonrank.batch import side_by_side
from reasonrank.cli import main
from reasonrank.errors import InputError
from reasonrank.seen import SeenIds

IDS = ["q1", "q2", "empty", "q3", "q4"]


@pytest.fixture
def candidates(tmp_path: Path) -> Path:
    path = tmp_path / "lists.jsonl"
    lines = [
        {
            "query_id": query_id,
            "query": f"what is {query_id}",
            "candidates": []
            if query_id == "empty"
            else [{"doc_id": f"{query_id}-{n}", "text": "It is a thing.", "score": n} for n in range(3)],
        }
        for query_id in IDS
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def rerank(candidates: Path, run: Path, objects: Path | None = None, *more: str) -> int:
    out = ["--json-out", str(objects)] if objects else []
    return main(["rerank", "--candidates", str(candidates), "--run", str(run), "--student", "none", *out, *more])


def without_times(objects: Path) -> list[dict[str, object]]:
    lines = map(json.loads, objects.read_text(encoding="utf-8").splitlines())
    return [{name: value for name, value in line.items() if name != "timings_ms"} for line in lines]


def test_many_workers_write_what_one_does(candidates: Path, tmp_path: Path) -> None:
    one, many = tmp_path / "one.trec", tmp_path / "many.trec"
    assert rerank(candidates, one, tmp_path / "one.jsonl") == 0
    assert rerank(candidates, many, tmp_path / "many.jsonl", "--workers", "3", "--resume") == 0
    assert many.read_text() == one.read_text()
    assert without_times(tmp_path / "many.jsonl") == without_times(tmp_path / "one.jsonl")
    assert [line["query_id"] for line in without_times(tmp_path / "one.jsonl")] == IDS


@pytest.mark.parametrize("with_objects", [True, False])
def test_wherever_a_kill_falls_a_resumed_rerank_ends_as_if_there_had_been_none(
    candidates: Path, tmp_path: Path, with_objects: bool
) -> None:
    whole = tmp_path / "whole.trec"
    assert rerank(candidates, whole, tmp_path / "whole.jsonl", "--resume") == 0
    run_bytes, object_bytes = whole.read_bytes(), (tmp_path / "whole.jsonl").read_bytes()
    run, objects = tmp_path / "out.trec", tmp_path / "out.jsonl"
    settings = tmp_path / "out.trec.settings.json"
    begun = json.loads((tmp_path / "whole.trec.settings.json").read_text())
    ends = [0, 1, *(i + 1 for i, byte in enumerate(run_bytes) if byte == ord("\n")), 30, 75, len(run_bytes) - 5]
    for end in ends:
        settings.write_text(json.dumps(begun | {"json_out": with_objects}))
        run.write_bytes(run_bytes[:end])
        if with_objects:
            # Both files are written list by list, the run first: of the list that the run ends in, and
            # of what follows, the rankings have half a line.
            begun_lines = run_bytes[: run_bytes.find(b"\n", end - 1) + 1].splitlines() if end else []
            kept = IDS.index(begun_lines[-1].split()[0].decode()) if begun_lines else 0
            lines = object_bytes.splitlines(keepends=True)
            objects.write_bytes(b"".join(lines[:kept]) + lines[kept][:40])
        assert rerank(candidates, run, objects if with_objects else None, "--resume") == 0
        assert run.read_bytes() == run_bytes, end
        if with_objects:
            assert without_times(objects) == without_times(tmp_path / "whole.jsonl"), end


def test_what_is_done_is_not_done_again(candidates: Path, tmp_path: Path) -> None:
    run, objects = tmp_path / "out.trec", tmp_path / "out.jsonl"
    assert rerank(candidates, run, objects, "--resume") == 0
    written = objects.read_bytes()  # with the times it took
    assert rerank(candidates, run, objects, "--resume") == 0
    assert objects.read_bytes() == written


def test_a_failure_keeps_what_was_written_only_when_it_can_be_resumed(candidates: Path, tmp_path: Path) -> None:
    lines = candidates.read_text().splitlines(keepends=True)
    candidates.write_text("".join(lines[:2]) + "{broken\n")
    run = tmp_path / "out.trec"
    assert rerank(candidates, run) == 2 and not run.exists()
    assert rerank(candidates, run, None, "--resume") == 2
    assert {line.split()[0] for line in run.read_text().splitlines()} == {"q1", "q2"}
    candidates.write_text("".join(lines))
    assert rerank(candidates, run, None, "--resume") == 0
    assert [line.split()[0] for line in run.read_text().splitlines()] == [i for i in IDS if i != "empty" for _ in "123"]


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        ("foreign", "was not begun with --resume"),
        ("settings", "begun with other settings (student 'base', now 'none')"),
        ("unreadable", "remove it and out.trec to begin anew"),
        ("no run", "which is no line of a TREC run"),
        ("no folder", "cannot be"),
    ],
)
def test_what_cannot_be_gone_on_with_is_refused_and_left_alone(
    candidates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], prepare: str, words: str
) -> None:
    run = tmp_path / ("none" if prepare == "no folder" else "") / "out.trec"
    beside = tmp_path / "out.trec.settings.json"
    if prepare == "foreign":
        run.write_text("q1 Q0 a 1 1 other\n")
    elif prepare != "no folder":
        assert rerank(candidates, run, None, "--resume") == 0
    if prepare == "settings":
        beside.write_text(json.dumps(json.loads(beside.read_text()) | {"student": "base"}))
    if prepare == "unreadable":
        beside.write_text("{")
    if prepare == "no run":
        run.write_text("one two\n")
    before = run.read_bytes() if run.exists() else None
    capsys.readouterr()
    assert rerank(candidates, run, None, "--resume") == 2
    assert words in capsys.readouterr().err
    assert (run.read_bytes() if run.exists() else None) == before


def test_workers_must_be_some(candidates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert rerank(candidates, tmp_path / "out.trec", None, "--workers", "0") == 2
    assert "--workers is 0" in capsys.readouterr().err


def test_the_stream_keeps_its_order_and_holds_few_at_a_time() -> None:
    given, made = 0, []
    lock, gate = threading.Lock(), threading.Event()

    def source() -> Iterator[int]:
        nonlocal given
        for number in range(50):
            given += 1
            yield number

    def work(number: int) -> int:
        if number == 0:
            gate.wait(10)  # the first one is the slowest
        with lock:
            made.append(number)
        if number == 5:
            gate.set()
        return number * 10

    ahead = []
    found = []
    for value in side_by_side(work, source(), 3):
        found.append(value)
        ahead.append(given - len(found))
    assert found == [number * 10 for number in range(50)]
    assert made.index(0) > 0 and max(ahead) <= 6


def test_a_failure_in_the_stream_comes_at_its_place() -> None:
    def work(number: int) -> int:
        if number == 4:
            raise InputError("four")
        return number

    found = []
    with pytest.raises(InputError, match="four"):
        for value in side_by_side(work, range(100), 3):
            found.append(value)
    assert found == [0, 1, 2, 3]


def test_seen_ids_are_told_from_new_ones() -> None:
    with SeenIds() as seen:
        assert [seen.add(name) for name in ("a", "b", "a", "", "\ud800", "")] == [True, True, False, True, True, False]
        assert "a" in seen and "c" not in seen
