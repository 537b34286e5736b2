"""Prompts to token ids, the same way for engines and trainer; control tokens in data stay plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reasonrank.errors import EngineError


def encode(tokenizer: Any, text: str) -> list[int]:
    """Token ids of ``text`` without any special token: ``<|im_end|>`` in data is encoded as its characters."""
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def encode_choice(tokenizer: Any, prompt: str, choices: Sequence[str]) -> tuple[list[int], list[int]]:
    """Token ids up to the place where ``choices`` part, and the one token that tells each choice.

    Tokenizers differ in whether ``" 1"`` is one token or a space and a digit, so the common beginning of the
    choices moves into the prompt.

    Args:
        tokenizer: A Hugging Face tokenizer.
        prompt: A text whose last line the choices continue.
        choices: Completions, for example :data:`reasonrank.prompts.LABELS`.

    Returns:
        Prompt ids, and one token id a choice.

    Raises:
        EngineError: The tokenizer needs more than one token to tell the choices apart.
    """
    head, newline, anchor = prompt.rpartition("\n")
    tails = [encode(tokenizer, anchor + choice) for choice in choices]
    shared = 0
    while all(len(tail) > shared and tail[shared] == tails[0][shared] for tail in tails):
        shared += 1
    if any(len(tail) != shared + 1 for tail in tails) or len({tail[shared] for tail in tails}) != len(choices):
        raise EngineError(
            f"This model's tokenizer does not give each of {list(choices)} a token of its own, "
            "so it cannot serve as the student. Choose another model."
        )
    ids = encode(tokenizer, head + newline) + tails[0][:shared]
    return ids, [tail[shared] for tail in tails]
