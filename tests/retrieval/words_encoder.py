"""An encoder of a few lines, for tests in which the encoder itself is not under test."""

from __future__ import annotations

import hashlib

import numpy as np

from reasonrank.encoder import Encoder, EncoderIdentity


class WordsEncoder(Encoder):
    """Adds up a fixed pseudo-random vector a word; remembers what it was asked to encode."""

    dimensions = 32

    def __init__(self, fingerprint: str = "one") -> None:
        self.identity = EncoderIdentity("words", fingerprint)
        self.asked: list[str] = []

    def _encode(self, texts: list[str], as_query: bool) -> np.ndarray:
        self.asked += texts
        return np.stack([np.sum([word_vector(word) for word in text.lower().split()], axis=0) for text in texts])


def word_vector(word: str) -> np.ndarray:
    seed = int.from_bytes(hashlib.sha256(word.encode("utf-8", "replace")).digest()[:4], "big")
    return np.random.default_rng(seed).standard_normal(WordsEncoder.dimensions)
