"""Several servers behind one setting: the work is shared, a dying one's goes to another, and nobody is left waiting."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from completions_server import Body, CompletionsServer, Reply, event, legacy, serving

from reasonrank.engines.base import Completion, Engine
from reasonrank.engines.load import load_engine
from reasonrank.errors import EngineError
from reasonrank.prompts import LABELS, grade_prompt, reason_prompt
from reasonrank.settings import Settings

PROMPTS = [grade_prompt("moths", f"Passage number {number}.") for number in range(40)]
GRADES = Reply(legacy({" 2": -0.5, " 1": -2.0, " 0": -3.0}))


@pytest.fixture
def settings(tmp_path: Path, tiny_folder: Path) -> Settings:
    return Settings(cache=tmp_path, base=str(tiny_folder), student="base", engine="openai", server_timeout=2.0)


def grades(body: Body) -> Reply:
    return replace(GRADES, seconds=0.01)


def connected(settings: Settings, servers: str) -> Engine:
    return load_engine(replace(settings, server=servers))


def test_work_is_spread_and_bounded(settings: Settings) -> None:
    servers = [CompletionsServer(grades) for _ in range(3)]
    with serving(*servers) as addresses:
        engine = connected(replace(settings, server_requests=2), addresses)
        assert engine.name == "openai, 3 servers"
        assert len(engine.choose(PROMPTS, LABELS)) == 40
    assert min(len(server.bodies) for server in servers) >= 5
    assert sum(len(server.bodies) for server in servers) == 40
    assert max(server.most for server in servers) <= 6


def test_a_slow_server_is_given_less(settings: Settings) -> None:
    slow, quick = CompletionsServer(lambda body: replace(GRADES, seconds=0.5)), CompletionsServer(grades)
    with serving(slow, quick) as addresses:
        connected(replace(settings, server_requests=2), addresses).choose(PROMPTS, LABELS)
    assert len(slow.bodies) * 2 < len(quick.bodies)


@pytest.mark.parametrize(
    "failing",
    [
        Reply({"error": "out of memory"}, 500),
        Reply({}, 503, headers={"Retry-After": "1"}),
        Reply({}, 429),
        Reply(raw=b"garbage"),
        Reply(GRADES.value, seconds=6.0),  # hangs: three times the time it is given
    ],
)
def test_what_one_server_fails_another_does(settings: Settings, failing: Reply) -> None:
    bad, good = CompletionsServer(lambda body: failing), CompletionsServer(grades)
    with serving(bad, good) as addresses:
        found = connected(settings, addresses).choose(PROMPTS, LABELS)
    assert len({choice.probabilities for choice in found}) == 1 and len(found) == 40
    assert len(good.bodies) == 40


def test_a_server_that_dies_in_the_middle_loses_nothing(settings: Settings) -> None:
    first, second = CompletionsServer(grades), CompletionsServer(grades)
    with serving(second):
        engine = connected(settings, f"{first.url},{second.url}")
        engine.choose(PROMPTS[:4], LABELS)
        first.stop()
        assert len(engine.choose(PROMPTS, LABELS)) == 40
        assert len(second.bodies) >= 40


def test_a_server_that_is_down_at_first_is_used_once_it_is_up(settings: Settings) -> None:
    down = True
    late = CompletionsServer(lambda body: Reply({}, 503) if down else grades(body))
    with serving(late, CompletionsServer(grades)) as addresses:
        engine = connected(settings, addresses)
        engine.choose(PROMPTS, LABELS)
        down, before = False, len(late.bodies)
        for _ in range(100):
            engine.choose(PROMPTS[:4], LABELS)
            if len(late.bodies) > before + 8:
                break
            time.sleep(0.1)
    assert len(late.bodies) > before + 8


def test_a_text_goes_on_where_a_dying_server_left_it(settings: Settings) -> None:
    def dying(body: Body) -> Reply:
        return Reply(events=[event(" one"), event(" two")], hang_up=True)

    def going_on(body: Body) -> Reply:
        assert body["prompt"].endswith("Reason: one two")
        return Reply(events=[event(" three", "stop")])

    prompt = reason_prompt("moths", "Moths steer by the moon.")
    one, other = CompletionsServer(dying), CompletionsServer(dying)
    with serving(one, other) as addresses:
        engine = connected(settings, addresses)
        pieces = engine.stream(prompt, max_tokens=40)
        text = next(pieces) + next(pieces)
        one.answer = other.answer = going_on
        found = []
        while True:
            try:
                found.append(next(pieces))
            except StopIteration as end:
                completion = end.value
                break
    assert (text, found, completion) == (" one two", [" three"], Completion(" one two three", True))
    # What is left of the length is what the first server did not use.
    lengths = Counter(body["max_tokens"] for body in one.bodies + other.bodies)
    assert len(lengths) == 2 and min(lengths) < 40


@pytest.mark.parametrize("reply", [Reply({}, 503), Reply(events=[event(" on")], hang_up=True)])
def test_when_all_fail_it_is_said_in_time(settings: Settings, reply: Reply) -> None:
    with serving(CompletionsServer(lambda body: reply), CompletionsServer(lambda body: reply)) as addresses:
        engine = connected(settings, addresses)
        started = time.monotonic()
        with pytest.raises(EngineError, match="None of the 2 servers did"):
            engine.generate([reason_prompt("moths", "Moths.")], max_tokens=400)
        assert time.monotonic() - started < 60


def test_an_error_inside_a_stream_is_a_failure_of_the_server(settings: Settings) -> None:
    bad = CompletionsServer(lambda body: Reply(events=[event(" on"), {"error": {"message": "cache is full"}}]))
    with serving(bad) as address, pytest.raises(EngineError, match="failed in the middle of a text"):
        connected(settings, address).generate([reason_prompt("moths", "Moths.")], max_tokens=400)
