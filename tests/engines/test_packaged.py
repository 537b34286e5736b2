"""The packaged student on both engines: their agreement, within the tolerance that the README states."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from reasonrank.data import Judgement
from reasonrank.engines.base import Engine
from reasonrank.engines.ctranslate2 import CTranslate2Engine
from reasonrank.engines.transformers import TransformersEngine
from reasonrank.prompts import LABELS, SIDES, compare_prompt, grade_prompt, reason_prompt

pytestmark = pytest.mark.student

PASSAGES = [
    "Moths steer by the moon, which is so far off that its angle hardly changes as they fly. A lamp is near.",
    "A flea can live for up to a year, but most live for two or three months.",
    "The sonnet has fourteen lines.",
    "Ice melts at zero degrees Celsius. Salt lowers that point, which is why roads are salted in winter. " * 3,
]
QUERY = "why do moths circle a lamp"
TOLERANCE = 0.2
"""int8 against float32, on a label's probability, the labels' mass and the expected grade. Over 30 dl19 passages the
trained student's grades differ by 0.04 on average and 0.11 at most (0.44 and 0.96 when CTranslate2 rounds by itself on
a processor without VNNI)."""


@pytest.fixture(scope="module")
def quantized(packaged_converted: Path) -> Engine:
    return CTranslate2Engine(packaged_converted)


@pytest.fixture(scope="module")
def exact(packaged_student: Any) -> Engine:
    return TransformersEngine(packaged_student, "cpu")


def test_the_engines_agree_on_labels(quantized: Engine, exact: Engine) -> None:
    prompts = [grade_prompt(QUERY, passage) for passage in PASSAGES]
    for one, other in zip(quantized.choose(prompts, LABELS), exact.choose(prompts, LABELS), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=TOLERANCE)
        assert one.mass == pytest.approx(other.mass, abs=TOLERANCE)
        grades = [Judgement(tuple(c.probabilities), c.mass).expected_grade for c in (one, other)]  # type: ignore[arg-type]
        assert grades[0] == pytest.approx(grades[1], abs=TOLERANCE)


def test_the_engines_agree_on_sides(quantized: Engine, exact: Engine) -> None:
    prompts = [compare_prompt(QUERY, PASSAGES[0], passage) for passage in PASSAGES[1:]]
    for one, other in zip(quantized.choose(prompts, SIDES), exact.choose(prompts, SIDES), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=TOLERANCE)


@pytest.mark.parametrize("which", ["quantized", "exact"])
def test_padding_and_batching_change_nothing(which: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(which)
    prompts = [grade_prompt(QUERY, passage) for passage in PASSAGES[:3]]
    together = engine.choose([*prompts, prompts[0]], LABELS)
    for prompt, choice in zip(prompts, together, strict=False):
        [alone] = engine.choose([prompt], LABELS)
        assert choice.probabilities == pytest.approx(alone.probabilities, abs=1e-3)
        assert math.isclose(sum(choice.probabilities), 1.0, abs_tol=1e-6) and 0 <= choice.mass <= 1


@pytest.mark.parametrize("which", ["quantized", "exact"])
def test_a_streamed_reason_is_one_line_of_plain_text(which: str, request: pytest.FixtureRequest) -> None:
    engine: Engine = request.getfixturevalue(which)
    prompt = reason_prompt(QUERY, PASSAGES[0])
    text = "".join(engine.stream(prompt, max_tokens=16))
    assert text.strip() and "\n" not in text and "<|" not in text
    assert engine.generate([prompt], max_tokens=16)[0].text == text
