"""Requests made from the OpenAPI document: no 5xx, no hang, no traceback, memory flat.

``REASONRANK_FUZZ_CASES`` is the number of cases in all. ``REASONRANK_FUZZ_STUDENT`` is ``scripted`` (the default: a
server in this process over a scripted student), ``tiny`` (the real command over a tiny random model) or any student.
``make soak`` runs 10,000 against the tiny model and 200 against the default student.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import hypothesis
import pytest
import schemathesis
from command import memory_mb, running
from hypothesis import strategies as st
from schemathesis.checks import CheckContext
from schemathesis.core.transport import Response
from schemathesis.generation import GenerationMode
from serving import served
from slow import GardenPipeline, garden_settings

CASES = int(os.environ.get("REASONRANK_FUZZ_CASES", "120"))
STUDENT = os.environ.get("REASONRANK_FUZZ_STUDENT", "scripted")
SHARES = {
    "/v1/rerank": 0.4,
    "/v2/rerank": 0.15,
    "/v1/search": 0.4,
    "/healthz": 0.01,
    "/readyz": 0.02,
    "/metrics": 0.02,
}
"""Of the cases, by endpoint."""
SLOWEST_S = 150
"""A request's own limit is 120 s; what takes longer than this hangs."""
GROWTH_MB = 200
"""What memory may grow by after the first quarter of the cases: buffers of the model and of the JVM."""


@dataclass
class Target:
    """A running server, and what is watched of it."""

    schema: schemathesis.BaseSchema
    pid: int
    wrote: Callable[[], str]
    memory: list[float] = field(default_factory=list)


class Tracebacks(logging.Handler):
    """What was logged with an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.text += self.format(record)


@pytest.fixture(scope="module")
def target(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Iterator[Target]:
    if STUDENT == "scripted":
        settings, noted = garden_settings(cache, max_documents=30), Tracebacks()
        logging.getLogger().addHandler(noted)
        with served(GardenPipeline(settings), settings) as (address, _):
            yield Target(schemathesis.openapi.from_url(address + "/openapi.json"), os.getpid(), lambda: noted.text)
        logging.getLogger().removeHandler(noted)
        return
    student = str(request.getfixturevalue("tiny_folder")) if STUDENT == "tiny" else STUDENT
    flags = ["--student", student, "--retriever", "bm25", "--no-page", "--explain", "1", "--max-documents", "30"]
    with running(tmp_path_factory.mktemp("fuzz"), *flags, "--max-reason-tokens", "12") as server:
        schema = schemathesis.openapi.from_url(server.address + "/openapi.json")
        yield Target(schema, server.process.pid, lambda: server.log)


def tells_no_internals(context: CheckContext, response: Response, case: schemathesis.Case) -> None:
    """An error is one sentence, and never a traceback or a path of the server's machine."""
    assert "Traceback" not in response.text
    assert "site-packages" not in response.text
    if response.status_code >= 400 and case.path.startswith(("/v1", "/v2")):
        value = response.json()
        assert list(value) == ["message"]
        assert 0 < len(value["message"]) <= 500


ASKED = [
    (path, mode)
    for path in SHARES
    for mode in GenerationMode
    # What takes nothing can be sent nothing wrong.
    if mode is GenerationMode.POSITIVE or path.startswith(("/v1", "/v2"))
]


@pytest.mark.parametrize(("path", "mode"), ASKED)
def test_every_endpoint_answers_whatever_it_is_sent(target: Target, path: str, mode: GenerationMode) -> None:
    (operation,) = target.schema[path].values()
    modes = sum(asked == path for asked, _ in ASKED)

    @hypothesis.settings(
        max_examples=max(1, round(CASES * SHARES[path] / modes)),
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )
    @hypothesis.given(data=st.data())
    def ask(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        case.call_and_validate(
            timeout=SLOWEST_S,
            additional_checks=[tells_no_internals],
            # Fields of other services' clients are read over, as the dialect wants it.
            excluded_checks=[
                schemathesis.checks.negative_data_rejection,
                schemathesis.checks.positive_data_acceptance,
            ],
        )
        target.memory.append(memory_mb(target.pid))

    ask()


def test_nothing_was_left_in_the_log_or_in_memory(target: Target) -> None:
    assert "Traceback" not in target.wrote()
    memory = target.memory
    assert len(memory) >= 0.9 * CASES
    early, late = memory[len(memory) // 4], memory[-1]
    print(f"{len(memory)} cases against {STUDENT}; memory after a quarter {early:.0f} MB, at the end {late:.0f} MB")
    assert late - early < GROWTH_MB
