"""Text on both sides of a model: ids of a prompt, the cut of a long text, a completion read token by token."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from tokenizers.decoders import DecodeStream

from reasonrank.engines.base import Completion
from reasonrank.errors import EngineError
from reasonrank.prompts import STOP
from reasonrank.sentences import cut_at_sentence, encodable

_REMEMBERED = 8
"""Prompt tokens that the decoder is given, so that it keeps the space of a completion's first word."""


class TextTokenizer:
    """A model's tokenizer without torch or transformers; safe to use from several threads.

    It is called as Hugging Face tokenizers are, so that :mod:`reasonrank.encoding` takes either, and it always
    encodes special tokens that stand in a text as the plain characters they are made of.

    Args:
        tokenizer: Of the library ``tokenizers``; it is copied.
        end_ids: Token ids that end a text besides the tokenizer's own special tokens.
    """

    def __init__(self, tokenizer: Tokenizer, end_ids: Iterable[int] = ()) -> None:
        self._tokenizer = Tokenizer.from_str(tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._tokenizer.encode_special_tokens = True
        added = self._tokenizer.get_added_tokens_decoder()
        self.end_ids = frozenset(end_ids) | {number for number, token in added.items() if token.special}
        self.control_tokens = tuple(token.content for token in added.values() if token.special)

    @classmethod
    def of(cls, tokenizer: Any, end_ids: Iterable[int] = ()) -> TextTokenizer:
        """From a Hugging Face tokenizer.

        Raises:
            EngineError: It is of the slow kind, which cannot say where in a text its tokens lie.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if not isinstance(backend, Tokenizer):
            raise EngineError(
                f"This model's tokenizer ({type(tokenizer).__name__}) has no tokenizer.json form; "
                "choose a model that has one."
            )
        return cls(backend, end_ids)

    @classmethod
    def load(cls, path: Path, end_ids: Iterable[int] = ()) -> TextTokenizer:
        """From a ``tokenizer.json`` file."""
        return cls(Tokenizer.from_file(str(path)), end_ids)

    def save(self, path: Path) -> None:
        self._tokenizer.save(str(path))

    def __call__(
        self, text: str, add_special_tokens: bool = False, split_special_tokens: bool = True
    ) -> dict[str, list[int]]:
        if add_special_tokens or not split_special_tokens:
            raise ValueError("TextTokenizer encodes plain text only.")
        return {"input_ids": list(self._tokenizer.encode(encodable(text), add_special_tokens=False).ids)}

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """Token ids as the vocabulary's own strings."""
        return [self._tokenizer.id_to_token(number) or "" for number in ids]

    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        """``text`` cut at a sentence end to at most ``max_tokens`` tokens, and whether it was cut."""
        kept, cut = text, False
        bound = max_tokens
        while bound > 0:
            offsets = self._tokenizer.encode(encodable(kept), add_special_tokens=False).offsets
            if len(offsets) <= max_tokens:
                return kept, cut
            # Cutting inside a word can make its beginning more tokens than before, hence the smaller bound.
            shorter, left_out = cut_at_sentence(kept, offsets, bound)
            kept, cut, bound = shorter, cut or left_out, bound - 1
        return "", True

    def reader(self, prompt_ids: Sequence[int]) -> CompletionReader:
        """Reads a completion of this prompt."""
        return CompletionReader(self._tokenizer, self.end_ids, prompt_ids)


class CompletionReader:
    """Turns tokens into text as they come, up to the stop or the first special token.

    Attributes:
        text: What was read so far, whole characters only.
        finished: The stop or a special token was met; further tokens are ignored.
    """

    def __init__(self, tokenizer: Tokenizer, end_ids: frozenset[int], prompt_ids: Sequence[int]) -> None:
        self._tokenizer = tokenizer
        self._end_ids = end_ids
        self._stream = DecodeStream(ids=list(prompt_ids)[-_REMEMBERED:], skip_special_tokens=True)
        self.text = ""
        self.finished = False

    def feed(self, token_id: int) -> str:
        """The text that this token completes; empty where a character is still open or the text has ended."""
        if self.finished or token_id in self._end_ids:
            self.finished = True
            return ""
        piece, stop, _ = (self._stream.step(self._tokenizer, token_id) or "").partition(STOP)
        self.finished = bool(stop)
        self.text += piece
        return piece

    def completion(self) -> Completion:
        return Completion(self.text, self.finished)
