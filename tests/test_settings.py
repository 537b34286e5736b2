"""Settings: flag over variable over default, and a sentence for what is wrong."""

from pathlib import Path

import pytest

from reasonrank.errors import InputError
from reasonrank.settings import Settings


def test_a_flag_wins_over_the_variable_and_the_variable_over_the_default() -> None:
    environment = {"REASONRANK_K": "7", "REASONRANK_EXPLAIN": "3", "REASONRANK_LONG_QUERIES": "yes"}
    settings = Settings.load(environment, k=9, explain=None)
    assert (settings.k, settings.explain, settings.long_queries) == (9, 3, True)
    assert settings.samples == Settings().samples


def test_the_cache_is_the_users_own_unless_named(tmp_path: Path) -> None:
    assert Settings.load({}).cache.is_absolute()
    assert Settings.load({"REASONRANK_CACHE": str(tmp_path)}).cache == tmp_path


@pytest.mark.parametrize(
    ("environment", "flags", "words"),
    [
        ({"REASONRANK_K": "many"}, {}, "REASONRANK_K is 'many'; expected a whole number"),
        ({"REASONRANK_BM25_B": "x"}, {}, "expected a number"),
        ({"REASONRANK_LONG_QUERIES": "perhaps"}, {}, "expected true or false"),
        ({}, {"k": 0}, "k is 0; it must be at least 1"),
        ({}, {"retriever": "magic"}, "must be one of bm25, dense, hybrid"),
        ({}, {"colour": "red"}, "no setting named colour"),
    ],
)
def test_what_is_wrong_is_a_sentence(environment: dict[str, str], flags: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        Settings.load(environment, **flags)
