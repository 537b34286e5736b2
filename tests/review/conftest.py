"""An empty review on each kind of database."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from reasonrank.review.database import open_database
from reasonrank.review.service import Review
from reasonrank.review.store import Store
from tests.review.helpers import Clock
from tests.review.postgresql import fresh_database, server

DATABASES = ("sqlite", "postgresql")
_counter = itertools.count()


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with server() as url:
        yield url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'review.sqlite'}"
    return fresh_database(request.getfixturevalue("postgresql_server"), f"test{next(_counter)}")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def review(database_url: str, clock: Clock) -> Iterator[Review]:
    """An empty review on each kind of database."""
    database = open_database(database_url)
    yield Review(Store(database, clock))
    database.close()


@pytest.fixture
def light_review(tmp_path: Path, clock: Clock) -> Iterator[Review]:
    """An empty review on SQLite, for what does not depend on the database."""
    database = open_database(f"sqlite:///{tmp_path / 'light.sqlite'}")
    yield Review(Store(database, clock))
    database.close()
