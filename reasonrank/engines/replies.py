"""What a completions server's reply says, validated: the likeliest next tokens, or a piece of text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reasonrank.engines.base import Choice
from reasonrank.errors import EngineError

TOKEN_ID = "token_id:"
"""How vLLM writes a token when it is asked for ids."""
_MOST_LISTED = 1000
_SLACK = 0.01
"""By which rounded probabilities may sum to more than 1."""
_ROUNDING = 1e-6


class ReplyShapeError(EngineError):
    """A reply is not what the completions protocol promises."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One of the likeliest next tokens: its text, its id where the server tells it, its log-probability."""

    text: str
    token_id: int | None
    logprob: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Text of one reply or event; ``reason`` is why the text ended, None while it goes on."""

    text: str
    reason: str | None


def read_piece(reply: dict[str, Any]) -> Piece:
    """The text of the first choice.

    Raises:
        ReplyShapeError: There is none.
    """
    choice = _choices(reply)[0]
    return _piece(choice)


def read_pieces(reply: dict[str, Any]) -> list[Piece]:
    """The texts of all choices, in the reply's order."""
    return [_piece(choice) for choice in _choices(reply)]


def read_listed(reply: dict[str, Any]) -> list[Listed] | None:
    """The likeliest tokens at the first position; None where the server gave no log-probabilities.

    Two forms are in use: the completions protocol's own (vLLM, OpenAI) and the chat protocol's, which llama.cpp
    uses here too.

    Raises:
        ReplyShapeError: What stands there is no list of log-probabilities.
    """
    said = _choices(reply)[0].get("logprobs")
    if not isinstance(said, dict):
        return None
    content, legacy = said.get("content"), said.get("top_logprobs")
    if isinstance(content, list) and content and isinstance(content[0], dict):
        found = _by_entries(content[0].get("top_logprobs"))
    elif isinstance(legacy, list) and legacy and isinstance(legacy[0], dict):
        found = [_listed(text, None, logprob) for text, logprob in list(legacy[0].items())[:_MOST_LISTED]]
    else:
        return None
    kept = [one for one in found if one is not None]
    if sum(math.exp(one.logprob) for one in kept) > 1 + _SLACK:
        raise ReplyShapeError("The server's log-probabilities add up to more than 1, so they are something else.")
    return kept or None


def bounded_choice(logprobs: Sequence[float | None], listed: Sequence[Listed]) -> Choice:
    """The choices' probabilities where only the likeliest tokens are known.

    A choice that is not listed is given the most it can have: no more than the least likely listed token, and no
    more than what the listed ones leave. It is flagged, and it is never zero.

    Args:
        logprobs: Of each choice; None where it is not listed.
        listed: All that the server listed, at least one.

    >>> listed = [Listed("2", 2, math.log(0.5)), Listed("1", 1, math.log(0.3)), Listed("x", 9, math.log(0.05))]
    >>> choice = bounded_choice([None, math.log(0.3), math.log(0.5)], listed)
    >>> [round(p, 4) for p in choice.probabilities], round(choice.mass, 4), choice.bounded
    ([0.0588, 0.3529, 0.5882], 0.85, (0,))
    """
    known = [math.exp(one.logprob) for one in listed]
    most = min(min(known), max(1 - sum(known), _ROUNDING))
    weights = [most if logprob is None else math.exp(logprob) for logprob in logprobs]
    total = sum(weights)
    missing = tuple(position for position, logprob in enumerate(logprobs) if logprob is None)
    return Choice(tuple(weight / total for weight in weights), min(total, 1.0), bounded=missing)


def drawn_choice(counts: Sequence[int], drawn: int) -> Choice:
    """The choices' probabilities estimated from tokens that were drawn.

    Half a token is added to each choice (Jeffreys' prior), so that one that never came is not taken for impossible.

    Args:
        counts: How often each choice came.
        drawn: How many tokens were drawn, the others among them.

    >>> drawn_choice([0, 4, 15], 20).probabilities[0] > 0
    True
    """
    weights = [count + 0.5 for count in counts]
    return Choice(tuple(weight / sum(weights) for weight in weights), sum(counts) / drawn, drawn=drawn)


def _choices(reply: dict[str, Any]) -> list[dict[str, Any]]:
    choices = reply.get("choices")
    if not isinstance(choices, list) or not choices or not all(isinstance(one, dict) for one in choices):
        raise ReplyShapeError("The server's reply has no choices, so it does not speak the completions protocol.")
    return choices


def _piece(choice: dict[str, Any]) -> Piece:
    text, reason = choice.get("text"), choice.get("finish_reason")
    if not isinstance(text, str) or not (reason is None or isinstance(reason, str)):
        raise ReplyShapeError("The server's reply has a choice without text.")
    return Piece(text, reason)


def _by_entries(entries: Any) -> list[Listed | None]:
    if not isinstance(entries, list):
        return []
    return [
        _listed(entry.get("token"), entry.get("id"), entry.get("logprob"))
        for entry in entries[:_MOST_LISTED]
        if isinstance(entry, dict)
    ]


def _listed(text: Any, token_id: Any, logprob: Any) -> Listed | None:
    """One entry; None where its probability is 0, which some write as minus infinity."""
    if isinstance(logprob, bool) or not isinstance(logprob, int | float) or not isinstance(text, str):
        raise ReplyShapeError("The server's list of likeliest tokens has an entry without a token or a number.")
    if logprob == -math.inf:
        return None
    if not math.isfinite(logprob) or logprob > _SLACK:
        raise ReplyShapeError(f"The server gave {logprob} as a log-probability; expected at most 0.")
    if text.startswith(TOKEN_ID) and text[len(TOKEN_ID) :].isdecimal():
        token_id = int(text[len(TOKEN_ID) :])
    known = isinstance(token_id, int) and not isinstance(token_id, bool)
    return Listed(text, token_id if known else None, min(float(logprob), 0.0))
