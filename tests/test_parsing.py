"""Replies are parsed strictly: each odd one has its own status, and none becomes a value."""

import pytest

from reasonrank.engines.base import Completion
from reasonrank.parsing import is_repeated, parse_comparison, parse_reason

GOOD = "Names the hormone that lowers blood sugar."


@pytest.mark.parametrize(
    ("text", "finished", "status", "kept"),
    [
        (f"  {GOOD}\t", True, "ok", GOOD),
        (GOOD, False, "truncated", GOOD),
        ("", True, "unparsable", ""),
        ("2", True, "unparsable", "2"),  # a grade instead of a reason
        ("... !!! ---", True, "unparsable", "... !!! ---"),  # symbols only
        ("It is so. It is really so. It is really so.", True, "repeated", None),  # the same sentence twice
        ("the cat sat on the mat " * 5, True, "repeated", None),  # a loop without sentence ends
        ("the cat sat on the mat " * 5, False, "repeated", None),  # a loop that ran into the length limit
    ],
)
def test_direct_reasons(text: str, finished: bool, status: str, kept: str | None) -> None:
    parsed = parse_reason(Completion(text, finished))
    assert parsed[0] == status
    assert parsed[1] == (" ".join(text.split()) if kept is None else kept)


@pytest.mark.parametrize(
    ("text", "side", "status", "named"),
    [
        ("[A] names it, [B] does not.", 0, "ok", "{preferred} names it, {other} does not."),
        ("[A] names it, [B] does not.", 1, "ok", "{other} names it, {preferred} does not."),
        ("It names the cause outright.", 0, "unparsable", "It names the cause outright."),  # compares nothing
        ("[A] {other} beats {preferred} here.", 0, "ok", "{preferred} (other) beats (preferred) here."),  # forged names
        ("[C] is better than [D] here.", 0, "unparsable", "[C] is better than [D] here."),
        ("[A]", 0, "unparsable", "{preferred}"),
    ],
)
def test_comparisons(text: str, side: int, status: str, named: str) -> None:
    assert parse_comparison(Completion(text, True), side) == (status, named)


def test_a_cut_comparison_is_named_so() -> None:
    assert parse_comparison(Completion("[A] explains why it", False), 0) == (
        "truncated",
        "{preferred} explains why it",
    )


def test_ordinary_prose_is_not_repetition() -> None:
    assert not is_repeated("The pan is hot. The pan is large. A hot pan browns meat because water leaves at once.")
