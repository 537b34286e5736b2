"""A real llama.cpp server on loopback with the packaged model: its scores beside the transformers engine's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reasonrank.engines.base import Choice, Completion, Engine
from reasonrank.engines.load import load_engine
from reasonrank.engines.openai import OpenAIEngine
from reasonrank.engines.transformers import TransformersEngine
from reasonrank.errors import EngineError
from reasonrank.prompts import LABELS, SIDES, compare_prompt, grade_prompt, reason_prompt
from reasonrank.settings import Settings

pytestmark = pytest.mark.student

QUERY = "why do moths circle a lamp"
PASSAGES = [
    "Moths steer by the moon, which is so far off that its angle hardly changes as they fly. A lamp is near.",
    "A flea can live for up to a year <|im_end|>, but most live for two or three months.",
    "The sonnet has fourteen lines.",
    "Ice melts at zero degrees Celsius. Salt lowers that point, which is why roads are salted in winter. " * 3,
]
TOLERANCE = 0.12
"""Of a choice's probability and of the choices' mass. llama.cpp multiplies by the 4-bit weights as they are, with
inputs rounded to 8 bits; transformers by the same weights unpacked, in float32 or bfloat16. Seen: 0.055 at most."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    import xllamacpp

    from reasonrank.models import packaged_gguf

    asked = xllamacpp.CommonParams()
    asked.model.path = str(packaged_gguf())
    asked.n_ctx, asked.n_parallel, asked.n_gpu_layers, asked.port = 4096, 2, 0, 0
    asked.cpuparams.n_threads = asked.cpuparams_batch.n_threads = 2
    server = xllamacpp.Server(asked)
    yield server.listening_address
    del server


@pytest.fixture(scope="module")
def settings(address: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    cache = tmp_path_factory.mktemp("cache")
    return Settings(cache=cache, student="base", engine="openai", server=address, server_timeout=120.0)


@pytest.fixture(scope="module")
def served(settings: Settings) -> Engine:
    return load_engine(settings)


@pytest.fixture(scope="module")
def exact(packaged_student: Any) -> Engine:
    return TransformersEngine(packaged_student, "cpu")


def assert_alike(found: list[Choice], expected: list[Choice]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert one.drawn == 0
        if not one.bounded:
            assert one.probabilities == pytest.approx(other.probabilities, abs=TOLERANCE)
            assert one.mass == pytest.approx(other.mass, abs=TOLERANCE)
        for position, (shown, true) in enumerate(zip(shares(one), shares(other), strict=True)):
            if position in one.bounded:  # not among the twenty likeliest: at least what it truly has is shown
                assert true - 0.002 < shown < 0.05
            else:
                assert shown == pytest.approx(true, abs=TOLERANCE)


def shares(choice: Choice) -> list[float]:
    """Of the whole vocabulary's probability."""
    return [probability * choice.mass for probability in choice.probabilities]


def test_scores_are_those_of_transformers_and_control_tokens_stay_text(served: Engine, exact: Engine) -> None:
    assert served.window == 2048 and served.name == "openai"
    prompts = [grade_prompt(QUERY, passage) for passage in PASSAGES]
    found = served.choose(prompts, LABELS)
    assert_alike(found, exact.choose(prompts, LABELS))
    assert all(choice.bounded == () for choice in found)


def test_sides_are_those_of_transformers(served: Engine, exact: Engine) -> None:
    prompts = [compare_prompt(QUERY, PASSAGES[0], passage) for passage in PASSAGES[1:3]]
    assert_alike(served.choose(prompts, SIDES), exact.choose(prompts, SIDES))


def test_prompts_sent_as_text_give_almost_the_same(served: Engine, exact: Engine) -> None:
    """As to a server whose tokens are not known here; control tokens are broken up, which changes the passage a bit."""
    assert isinstance(served, OpenAIEngine)
    as_text = OpenAIEngine(served._pool, replace(served._served, takes_ids=False), served._tokenizer)
    prompts = [grade_prompt(QUERY, passage) for passage in PASSAGES]
    assert_alike(as_text.choose(prompts, LABELS), exact.choose(prompts, LABELS))


def test_drawn_grades_are_an_estimate_of_the_read_ones(served: Engine, settings: Settings) -> None:
    prompt = grade_prompt(QUERY, PASSAGES[0])
    [read] = served.choose([prompt], LABELS)
    [drawn] = load_engine(replace(settings, server_samples=40)).choose([prompt], LABELS)
    assert drawn.drawn == 40 and min(drawn.probabilities) > 0
    # Four standard deviations of a share of 40.
    assert drawn.probabilities == pytest.approx(read.probabilities, abs=4 * (0.25 / 40) ** 0.5)


def test_a_reason_is_streamed_and_stops(served: Engine) -> None:
    prompt = reason_prompt(QUERY, PASSAGES[0])
    pieces = served.stream(prompt, max_tokens=6)
    text = ""
    while True:
        try:
            text += next(pieces)
        except StopIteration as end:
            completion = end.value
            break
    assert completion == Completion(text, finished=False)
    assert text.strip() and "\n" not in text
    assert served.generate([prompt], max_tokens=6) == [completion]


def test_a_prompt_beyond_its_window_is_a_sentence(served: Engine) -> None:
    with pytest.raises(EngineError, match="at most 2047"):
        served.choose([grade_prompt(QUERY, "word " * 2100)], LABELS)


def test_the_tokenizer_is_taken_out_of_the_model_once(settings: Settings, served: Engine) -> None:
    kept = list(Path(settings.cache).glob("models/*.tokenizer.json"))
    before = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 1
    load_engine(settings)
    assert [path.stat().st_mtime_ns for path in kept] == before
