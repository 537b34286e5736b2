"""The client of completions servers, against real HTTP servers on loopback that answer, fail and lie as told."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from completions_server import Answer, Body, CompletionsServer, Reply, event, legacy, serving

from reasonrank.encoding import encode, encode_choice
from reasonrank.engines.base import Completion, Engine
from reasonrank.engines.control_tokens import neutralised
from reasonrank.engines.load import StudentInfo, load_engine, student_info
from reasonrank.engines.server import MOST_BYTES, server_addresses
from reasonrank.errors import Cancelled, EngineError, InputError
from reasonrank.prompts import LABELS, grade_prompt, reason_prompt
from reasonrank.settings import Settings

PROMPT = grade_prompt("why do moths circle a lamp", "Moths steer by the moon <|im_end|> and not by lamps.")
WRITE = reason_prompt("why do moths circle a lamp", "Moths steer by the moon.")


@pytest.fixture
def settings(tmp_path: Path, tiny_folder: Path) -> Settings:
    folder = str(tiny_folder)
    return Settings(cache=tmp_path, base=folder, student="base", engine="openai", server_timeout=5.0)


def listing(top: dict[str, float]) -> Answer:
    """Answers with these probabilities."""
    logs = {token: math.log(probability) for token, probability in top.items()}
    return lambda body: Reply(legacy(logs))


GRADES = listing({" 2": 0.5, " 1": 0.2, " 0": 0.1, " the": 0.05})


def connected(settings: Settings, server: str, **changes: Any) -> Engine:
    return load_engine(replace(settings, server=server, **changes))


def drained(pieces: Any) -> tuple[list[str], Completion]:
    found = []
    while True:
        try:
            found.append(next(pieces))
        except StopIteration as end:
            return found, end.value


# -- probabilities -------------------------------------------------------------------------------------------


def test_listed_labels_are_exact_and_their_mass_is_theirs(settings: Settings) -> None:
    with serving(CompletionsServer(GRADES)) as server:
        [choice] = connected(settings, server).choose([PROMPT], LABELS)
    assert choice.probabilities == pytest.approx((0.125, 0.25, 0.625))
    assert choice.mass == pytest.approx(0.8)
    assert choice.bounded == () and choice.drawn == 0


@pytest.mark.parametrize(
    ("top", "most"),
    [
        ({" 2": 0.5, " 1": 0.2, " a": 0.1, " b": 0.05}, 0.05),  # no more than the least likely listed
        ({" 2": 0.7, " 1": 0.2, " a": 0.09}, 0.01),  # no more than the listed ones leave
        ({" 2": 0.8, " 1": 0.2}, 1e-6),  # nothing is left, up to rounding
    ],
)
def test_a_label_that_is_not_listed_is_bounded_and_flagged_never_zero(
    settings: Settings, top: dict[str, float], most: float
) -> None:
    with serving(CompletionsServer(listing(top))) as server:
        [choice] = connected(settings, server).choose([PROMPT], LABELS)
    total = top[" 1"] + top[" 2"] + most
    expected = (most / total, top[" 1"] / total, top[" 2"] / total)
    assert choice.probabilities == pytest.approx(expected, rel=1e-3)
    assert choice.mass == pytest.approx(min(total, 1.0))
    assert choice.bounded == (0,) and choice.probabilities[0] > 0


def test_a_shared_beginning_that_is_a_token_of_its_own_joins_the_prompt(settings: Settings) -> None:
    def answer(body: Body) -> Reply:
        top = {"2": 0.5, "1": 0.2, "0": 0.1} if body["prompt"].endswith("Grade: ") else {" ": 0.9, "\n": 0.01}
        return listing(top)(body)

    server = CompletionsServer(answer)
    with serving(server) as address:
        engine = connected(settings, address)
        [choice] = engine.choose([PROMPT], LABELS)
        assert choice.probabilities == pytest.approx((0.125, 0.25, 0.625))
        engine.choose([PROMPT, PROMPT], LABELS)
    assert [body["prompt"].endswith(" ") for body in server.bodies] == [False, True, True, True]  # learned once


def test_a_server_that_tokenises_as_the_student_does_is_sent_ids(settings: Settings, tiny_tokenizer: Any) -> None:
    ids, labels = encode_choice(tiny_tokenizer, PROMPT, LABELS)
    top = {f"token_id:{label}": p for label, p in zip(labels, (0.1, 0.2, 0.5), strict=True)} | {"token_id:7": 0.01}
    server = CompletionsServer(listing(top), lambda text: encode(tiny_tokenizer, text))
    with serving(server) as address:
        [choice] = connected(settings, address).choose([PROMPT], LABELS)
    assert choice.probabilities == pytest.approx((0.125, 0.25, 0.625))
    [body] = server.bodies
    assert body["prompt"] == ids and tiny_tokenizer.convert_tokens_to_ids("<|im_end|>") not in ids
    assert (body["logprobs"], body["max_tokens"], body["logprob_token_ids"]) == (20, 1, labels)


@pytest.mark.parametrize("tokenize", [None, lambda text: [1, 2, 3]])
def test_other_servers_are_sent_text_without_control_tokens(settings: Settings, tokenize: Any) -> None:
    server = CompletionsServer(GRADES, tokenize)
    with serving(server) as address:
        connected(settings, address).choose([PROMPT], LABELS)
    [body] = server.bodies
    assert body["prompt"] == PROMPT.replace("<|im_end|>", "< |im_end|>")
    assert ("top_k" in body) is (tokenize is not None)  # OpenAI's own service refuses what it does not know


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<|im_start|>user", "< |im_start|>user"),
        ("<<|im_end|>|im_end|>", "<< |im_end|>|im_end|>"),
        ("<｜begin▁of▁sentence｜>", "< ｜begin▁of▁sentence｜>"),
        ("</s><s>", "< /s>< s>"),
        ("[INST] [/INST] [MASK]", "[ INST] [ /INST] [ MASK]"),
        ("a < b > c, f(x) <= 2, [1], [see]", "a < b > c, f(x) <= 2, [1], [see]"),
        ("say ~end~ now", "say ~ end~ now"),  # known to be this model's
    ],
)
def test_control_tokens_of_every_shape_are_broken_up(text: str, expected: str) -> None:
    assert neutralised(text, ["~end~"]) == expected


def test_fewer_are_asked_for_where_twenty_are_refused(settings: Settings) -> None:
    def answer(body: Body) -> Reply:
        if body["logprobs"] > 5:
            return Reply({"error": {"message": "Invalid value for 'logprobs': maximum value is 5."}}, 400)
        return GRADES(body)

    server = CompletionsServer(answer)
    with serving(server) as address:
        engine = connected(settings, address)
        engine.choose([PROMPT], LABELS)
        engine.choose([PROMPT], LABELS)
    assert [body["logprobs"] for body in server.bodies] == [20, 5, 5]


# -- servers without log-probabilities -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "said", [None, {}, {"top_logprobs": [{}]}, {"top_logprobs": None}, {"content": []}, {"content": [{}]}]
)
def test_a_server_without_log_probabilities_is_refused_in_a_sentence(settings: Settings, said: Any) -> None:
    reply = {"choices": [{"text": " 2", "finish_reason": "length", "logprobs": said}]}
    with serving(CompletionsServer(lambda body: Reply(reply))) as server:
        engine = connected(settings, server)
        with pytest.raises(EngineError, match=r"tells no log-probabilities.*--server-samples 20"):
            engine.choose([PROMPT], LABELS)


@pytest.mark.parametrize("at_once", [100, 1])
def test_by_choice_grades_are_drawn_and_counted(settings: Settings, at_once: int) -> None:
    texts = [" 2", "2 x", " 1.", " 25", "2"]
    given = 0

    def answer(body: Body) -> Reply:
        nonlocal given
        if body["n"] > at_once:
            return Reply({"error": {"message": "Field 'n': too many"}}, 400)
        drawn = [texts[(given + i) % 5] for i in range(body["n"])]
        given += body["n"]
        return Reply({"choices": [{"text": text, "finish_reason": "length"} for text in drawn]})

    server = CompletionsServer(answer)
    with serving(server) as address:
        engine = connected(settings, address, server_samples=10)
        [choice] = engine.choose([PROMPT], LABELS)
    # 0, 2 and 6 of 10, and half a token more for each.
    assert choice.probabilities == pytest.approx((0.5 / 9.5, 2.5 / 9.5, 6.5 / 9.5))
    assert (choice.mass, choice.drawn) == (pytest.approx(0.8), 10)
    assert all(body["temperature"] == 1.0 for body in server.bodies)
    assert engine.name == "openai, 10 drawn"


# -- what a server must not get away with --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(raw=b"<html>hello"), "not JSON"),
        (Reply(raw=b"[" * 100_000), "not JSON"),
        (Reply([1, 2]), "no object but list"),
        (Reply({"choices": []}), "no choices"),
        (Reply({"choices": ["x"]}), "no choices"),
        (Reply(raw=b"x" * (MOST_BYTES + 1)), "more than 8 MiB"),
        (Reply(legacy({" 2": 0.5})), "0.5 as a log-probability"),
        (Reply(legacy({" 2": math.nan})), "nan as a log-probability"),
        (Reply(legacy({" 2": "much"})), "without a token or a number"),  # type: ignore[dict-item]
        (Reply(legacy({" 2": -0.1, " 1": -0.1})), "more than 1"),
        (Reply({}, 401), "REASONRANK_SERVER_KEY"),
        (Reply({"error": {"message": "This is\n\x1b[31mtoo long" + "g" * 500}}, 400), r"HTTP 400: This is \[31mtoo"),
        (Reply({}, 307, headers={"Location": "http://elsewhere.invalid/"}), "another address"),
    ],
)
def test_a_wrong_reply_is_a_sentence_and_never_a_score(settings: Settings, reply: Reply, words: str) -> None:
    with serving(CompletionsServer(lambda body: reply)) as server:
        engine = connected(settings, server, server_timeout=1.0)
        with pytest.raises(EngineError, match=words) as raised:
            engine.choose([PROMPT], LABELS)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 500


def test_a_label_of_no_probability_at_all_is_bounded(settings: Settings) -> None:
    reply = legacy({" 2": -0.7, " 1": -1.5, " 0": -math.inf})
    with serving(CompletionsServer(lambda body: Reply(reply))) as server:
        [choice] = connected(settings, server).choose([PROMPT], LABELS)
    assert choice.bounded == (0,) and choice.probabilities[0] > 0


# -- texts ---------------------------------------------------------------------------------------------------


def test_a_text_is_streamed_up_to_its_line_end(settings: Settings) -> None:
    events = [event(" It"), event(" tells."), event("", "stop"), {"choices": [], "usage": {}}]
    server = CompletionsServer(lambda body: Reply(events=events))
    with serving(server) as address:
        engine = connected(settings, address)
        assert drained(engine.stream(WRITE, max_tokens=9)) == ([" It", " tells."], Completion(" It tells.", True))
        assert engine.generate([WRITE], max_tokens=9) == [Completion(" It tells.", True)]
    assert server.bodies[0]["stop"] == ["\n"] and server.bodies[0]["stream"] is True


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([event(" It", "length")], Completion(" It", False)),
        ([event(" It\nPassage: more"), event(" and more")], Completion(" It", True)),  # a server that reads over stops
    ],
)
def test_how_a_text_ended_is_told(settings: Settings, events: list[Body], expected: Completion) -> None:
    with serving(CompletionsServer(lambda body: Reply(events=events))) as server:
        assert connected(settings, server).generate([WRITE], max_tokens=9) == [expected]


def test_each_prompt_has_a_seed_of_its_own(settings: Settings) -> None:
    server = CompletionsServer(lambda body: Reply(events=[event(f" {body['seed']}", "stop")]))
    with serving(server) as address:
        texts = connected(settings, address).generate([WRITE] * 3, max_tokens=5, temperature=1.0, seed=40)
    assert [one.text for one in texts] == [" 40", " 41", " 42"]
    assert {body["temperature"] for body in server.bodies} == {1.0}


def test_a_server_that_does_not_stop_is_stopped(settings: Settings) -> None:
    endless = CompletionsServer(lambda body: Reply(events=[event("x" * 500)] * 50))
    with serving(endless) as server, pytest.raises(EngineError, match="does not stop after 9 tokens"):
        connected(settings, server).generate([WRITE], max_tokens=9)


def test_closing_a_stream_hangs_up(settings: Settings) -> None:
    server = CompletionsServer(lambda body: Reply(events=[event(" x" * 50)] * 2000, seconds=0.01))
    with serving(server) as address:
        pieces = connected(settings, address).stream(WRITE, max_tokens=20_000)
        next(pieces)
        assert isinstance(pieces, Generator)
        pieces.close()
        for _ in range(500):
            if server.hung_up:
                break
            time.sleep(0.02)
    assert server.hung_up == 1


def test_cancelling_stops_choices_and_texts(settings: Settings) -> None:
    cancelled = threading.Event()

    def slow(body: Body) -> Reply:
        cancelled.set()
        if body.get("stream"):
            return Reply(events=[event(" x")] * 500, seconds=0.02)
        return Reply(legacy({" 2": -0.1}), seconds=0.2)

    server = CompletionsServer(slow)
    with serving(server) as address:
        engine = connected(settings, address, server_requests=2)
        with pytest.raises(Cancelled):
            engine.choose([PROMPT] * 200, LABELS, cancelled.is_set)
        assert len(server.bodies) < 10
        cancelled.clear()
        with pytest.raises(Cancelled):
            engine.generate([WRITE] * 200, max_tokens=400, cancel=cancelled.is_set)
        assert len(server.bodies) < 20


# -- connecting ----------------------------------------------------------------------------------------------


def test_addresses_are_read_and_refused() -> None:
    assert server_addresses("http://a:1, https://b/v1/,http://a:1/v1") == ["http://a:1", "https://b"]
    for wrong in ("", " , ", "ftp://a", "localhost:8000", "http://", "http://u:p@a", "http://a/?k=1", "http://a:x"):
        with pytest.raises(InputError, match="http://HOST:PORT"):
            server_addresses(wrong)


def test_the_key_of_the_environment_is_sent(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    server = CompletionsServer(GRADES)
    with serving(server) as address:
        connected(settings, address).choose([PROMPT], LABELS)
        monkeypatch.setenv("REASONRANK_SERVER_KEY", "secret")
        connected(settings, address).choose([PROMPT], LABELS)
    assert server.keys == [None, "Bearer secret"]


def test_the_model_is_found_chosen_or_asked_for(settings: Settings) -> None:
    server = CompletionsServer(GRADES, model="folder/one")
    with serving(server) as address:
        assert connected(settings, address).model_name == "one"
        server.models.append("two")
        with pytest.raises(EngineError, match=r"serves 2 models \(folder/one, two\); choose with --server-model"):
            connected(settings, address)
        assert connected(settings, address, server_model="two").model_name == "two"
        with pytest.raises(EngineError, match="does not serve 'three' but folder/one, two"):
            connected(settings, address, server_model="three")
        assert student_info(replace(settings, server=address)) == StudentInfo("the server's model", None, "openai")


def test_servers_of_different_models_are_refused(settings: Settings) -> None:
    two = CompletionsServer(GRADES, model="a"), CompletionsServer(GRADES, model="b")
    with serving(*two) as servers, pytest.raises(EngineError, match="do not serve the same: 'a' on one, 'b' on"):
        connected(settings, servers)


def test_no_server_at_all_is_a_sentence(settings: Settings) -> None:
    gone = CompletionsServer(GRADES)
    gone.stop()
    with pytest.raises(EngineError, match=r"cannot be reached.*Check that it runs"):
        connected(settings, gone.url)


def test_a_prompt_beyond_the_servers_window_is_refused(settings: Settings, tiny_tokenizer: Any) -> None:
    server = CompletionsServer(GRADES, lambda text: encode(tiny_tokenizer, text))
    server.window = 64
    with serving(server) as address:
        engine = connected(settings, address)
        with pytest.raises(EngineError, match="reads at most 63"):
            engine.choose([PROMPT], LABELS)
    assert server.bodies == []
