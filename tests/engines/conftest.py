"""Both engines over the same tiny model in float32, so that they can be held to the same values."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tiny import convert

from reasonrank.engines.base import Engine

EngineMaker = Callable[[Any], Engine]


@pytest.fixture(params=["transformers", "ctranslate2"])
def serve(request: pytest.FixtureRequest, tmp_path: Path) -> EngineMaker:
    """Puts a loaded model on one of the engines; the tests run on each."""
    from reasonrank.engines.ctranslate2 import CTranslate2Engine
    from reasonrank.engines.transformers import TransformersEngine

    number = itertools.count()

    def make(student: Any) -> Engine:
        if request.param == "transformers":
            own = replace(student, model=copy.deepcopy(student.model))
            return TransformersEngine(own, "cpu", batch_tokens=256, dtype=student.model.dtype)
        return CTranslate2Engine(convert(student, tmp_path / str(next(number)), "float32"), batch_tokens=256, threads=1)

    return make


@pytest.fixture
def engine(serve: EngineMaker, tiny_student: Any) -> Engine:
    return serve(tiny_student)
