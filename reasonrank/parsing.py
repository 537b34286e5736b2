"""Completion to value, strictly: a reply that is not as asked has a status that says so, never a guess."""

from __future__ import annotations

import re
from collections import Counter

from reasonrank.data import Status
from reasonrank.engines.base import Completion
from reasonrank.prompts import SIDE_NAMES

MIN_WORDS = 3
MAX_REPEATS = 3
_SIDE = re.compile(r"\[([AB])\]")
_WORD = re.compile(r"\w+")


def parse_reason(completion: Completion) -> tuple[Status, str]:
    """A direct reason: ``(status, text)``; the text is kept whatever the status, so that it can be shown.

    ``unparsable``: fewer than three words, or nothing but symbols. ``repeated``: it says the same again and
    again (:func:`is_repeated`). ``truncated``: the length cut it off before its end.
    """
    text = " ".join(completion.text.split())
    if len(_WORD.findall(text)) < MIN_WORDS:
        return "unparsable", text
    if is_repeated(text):
        return "repeated", text
    return ("ok" if completion.finished else "truncated"), text


def parse_comparison(completion: Completion, side: int) -> tuple[Status, str]:
    """A comparative reason written for the passage on ``side``, with the two named ``{preferred}`` and ``{other}``.

    Braces that the model wrote are dropped first, so that only our own names are placeholders.
    ``unparsable`` also where the text names neither passage: it compares nothing.
    """
    status, text = parse_reason(completion)
    named = name_sides(text, side)
    if status == "ok" and "{" not in named:
        return "unparsable", named
    return status, named


def name_sides(text: str, side: int) -> str:
    """``[A]`` and ``[B]`` as ``{preferred}`` (the one on ``side``) and ``{other}``; braces in the text become round."""
    names = {SIDE_NAMES[side][1]: "{preferred}", SIDE_NAMES[1 - side][1]: "{other}"}
    return _SIDE.sub(lambda match: names[match.group(1)], text.replace("{", "(").replace("}", ")"))


def is_repeated(text: str) -> bool:
    """Whether some run of four words stands in the text more than three times, or a sentence twice."""
    words = [word.lower() for word in _WORD.findall(text)]
    runs = Counter(tuple(words[i : i + 4]) for i in range(len(words) - 3))
    if runs and max(runs.values()) > MAX_REPEATS:
        return True
    sentences = [part.strip().lower() for part in re.split(r"(?<=[.!?])\s+", text) if len(part.split()) > MIN_WORDS]
    return len(sentences) != len(set(sentences))
