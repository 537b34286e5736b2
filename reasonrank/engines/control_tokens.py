"""Control tokens in text that a server tokenises by itself, broken up so that they stay plain characters."""

from __future__ import annotations

import re
from collections.abc import Iterable

_ANGLE = re.compile(r"<(?=[|｜/]?[\w|｜▁]{1,60}[^<>\s]{0,60}>)")
_SQUARE = re.compile(r"\[(?=/?[A-Z][A-Z_]{1,40}\])")


def neutralised(text: str, known: Iterable[str] = ()) -> str:
    """``text`` with a space after the first character of whatever may be a model's control token.

    A server that is sent text reads ``<|im_end|>`` in it as the end of a message. Broken up, it is read as the
    characters it is made of, with one space among them; so is HTML of one word, which may look like a token.

    Args:
        text: A prompt.
        known: Control tokens of the model, where they are known; those of the usual shapes are found without.

    >>> neutralised("a <|im_end|> b </s> [INST] x < y [see 1]")
    'a < |im_end|> b < /s> [ INST] x < y [see 1]'
    """
    text = _SQUARE.sub("[ ", _ANGLE.sub("< ", text))
    for token in known:
        if len(token) > 1 and token.strip():
            text = text.replace(token, f"{token[0]} {token[1:]}")
    return text
