"""Texts to vectors, for dense retrieval and for choosing evidence: one encoder, loaded once."""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reasonrank.encoder_files import (
    INSTALL_PACKAGED,
    PACKAGED,
    EncoderIdentity,
    encoder_folder,
    encoder_identity,
    encoder_location,
)
from reasonrank.errors import EngineError, MissingDependencyError
from reasonrank.kept import Kept
from reasonrank.settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

__all__ = ["Encoder", "EncoderIdentity", "SentenceEncoder", "encoder_identity", "encoder_location", "load_encoder"]

BATCH = 32
_loaded: Kept[Encoder] = Kept(2)


class Encoder(ABC):
    """Encodes texts; the cosine of two texts is the product of their vectors.

    Attributes:
        identity: Its name and fingerprint.
        dimensions: Length of a vector.
    """

    identity: EncoderIdentity
    dimensions: int

    @property
    def name(self) -> str:
        return self.identity.name

    @property
    def fingerprint(self) -> str:
        return self.identity.fingerprint

    def encode(self, texts: Sequence[str], *, as_query: bool = False) -> Vectors:
        """Vectors of length 1, float32, shape (texts, dimensions); from any thread.

        Args:
            texts: Any texts; one longer than the encoder's window is cut there.
            as_query: Encode as questions, for encoders that tell questions and passages apart.
        """
        import numpy as np

        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        vectors = np.asarray(self._encode(list(texts), as_query), dtype=np.float32)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)  # (texts, 1)
        return np.ascontiguousarray(vectors / np.maximum(lengths, 1e-12))

    @abstractmethod
    def _encode(self, texts: list[str], as_query: bool) -> Any: ...


class SentenceEncoder(Encoder):
    """An encoder of sentence-transformers.

    Args:
        name: ``default`` (the packaged all-MiniLM-L6-v2), a folder, or a hub id.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises:
        MissingDependencyError: sentence-transformers or the packaged encoder is missing.
        EngineError: The encoder could not be loaded.
    """

    def __init__(self, name: str = "default", device: str = "auto") -> None:
        folder = encoder_folder(name)
        if folder is None and name == "default":
            raise MissingDependencyError(f"The encoder {PACKAGED}", INSTALL_PACKAGED)
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise MissingDependencyError("sentence-transformers", "pip install 'reasonrank[app]'") from error
        on_disk = name == "default" or Path(name).is_dir()
        try:
            with _no_bars():
                self._model = SentenceTransformer(
                    os.fspath(folder) if on_disk and folder else name,
                    device=_device(device),
                    local_files_only=on_disk,
                )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise EngineError(
                f"The encoder {name!r} could not be loaded ({_first_line(error)}); check the name, the folder, or this "
                "machine's connection to the model hub."
            ) from error
        self.dimensions = int(self._model.get_embedding_dimension() or 0)
        self.identity = encoder_identity(name) or EncoderIdentity(name, "unknown")
        self._lock = threading.Lock()

    def _encode(self, texts: list[str], as_query: bool) -> Any:
        encode = self._model.encode_query if as_query else self._model.encode_document
        # Tokenizers and the model's own buffers are not made for several threads.
        with self._lock:
            return encode(texts, batch_size=BATCH, convert_to_numpy=True, show_progress_bar=False)


def load_encoder(settings: Settings) -> Encoder:
    """The encoder of ``settings``, loaded at the first call and shared after it.

    Raises:
        MissingDependencyError: sentence-transformers or the packaged encoder is missing.
        EngineError: The encoder could not be loaded.
    """
    name, device = settings.encoder, settings.device
    return _loaded.get((name, device), lambda: SentenceEncoder(name, device))


def _device(device: str) -> str | None:
    if device != "auto":
        return device
    # On ZeroGPU a GPU exists only inside a decorated call, which an encoder this small is not worth.
    return "cpu" if os.environ.get("SPACES_ZERO_GPU") else None


@contextmanager
def _no_bars() -> Iterator[None]:
    """Keep transformers from drawing its own progress bar."""
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
