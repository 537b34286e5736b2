"""A small corpus, settings in a folder of their own, and a small encoder."""

from __future__ import annotations

from pathlib import Path

import pytest
from words_encoder import WordsEncoder

from reasonrank.corpora.base import Corpus
from reasonrank.data import Document
from reasonrank.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache=tmp_path / "cache")


@pytest.fixture
def encoder() -> WordsEncoder:
    return WordsEncoder()


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    return Corpus.of(
        "garden",
        "Garden",
        [
            Document("bees", "Bees visit flowers for nectar and carry pollen.", "Bees"),
            Document("moths", "Moths circle a lamp because the lamp is brighter than the sky.", "Moths"),
            Document("lamps", "A lamp with a warm filament draws few insects.", "Lamps on a porch"),
            Document("soil", "Soil holds water between grains of clay.", "Soil"),
            Document("queue", "Put an item into the queue.", "asyncio.Queue.put(item)"),
            Document("twin-b", "The same words stand in two documents."),
            Document("twin-a", "The same words stand in two documents."),
        ],
    )
