"""One server over the scripted garden for a module's tests, and an index that all of them share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serving import served
from slow import GardenPipeline, HeldEngine, garden_settings


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def garden(cache: Path) -> Iterator[tuple[str, GardenPipeline]]:
    settings = garden_settings(cache, running=1, waiting=2, max_documents=20, max_document_chars=2_000)
    pipeline = GardenPipeline(settings)
    with served(pipeline, settings) as (address, _):
        yield address, pipeline


@pytest.fixture
def address(garden: tuple[str, GardenPipeline]) -> str:
    return garden[0]


@pytest.fixture
def engine(garden: tuple[str, GardenPipeline]) -> Iterator[HeldEngine]:
    """The engine behind the server; let go of when the test ends."""
    held = garden[1].engine
    assert isinstance(held, HeldEngine)
    yield held
    held.let_go()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=30) as opened:
        yield opened
