"""The student's tokenizer without its weights: what a server that holds the weights is sent token ids with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tokenizers import Tokenizer

from reasonrank.engines.conversion import base_fingerprint
from reasonrank.engines.text import TextTokenizer
from reasonrank.errors import EngineError, MissingDependencyError
from reasonrank.models import PACKAGED_BASE_ON_HUB, packaged_gguf


def student_tokenizer(base: str, cache: Path) -> TextTokenizer:
    """The tokenizer of a base model; out of a GGUF file it is taken once, and kept.

    Args:
        base: As :func:`reasonrank.models.load_base` takes it.
        cache: The app's folder for what is made once.

    Raises:
        EngineError: The model has no ``tokenizer.json``, or is not here and cannot be fetched.
        MissingDependencyError: A package is missing.
    """
    gguf = packaged_gguf() if base == "default" else None
    if gguf is not None:
        return TextTokenizer.load(_from_gguf(gguf, cache))
    name = PACKAGED_BASE_ON_HUB if base == "default" else base
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else _from_hub(name)
    if not path.is_file():
        raise EngineError(f"{name} has no tokenizer.json, by which prompts are cut and sent; name a model that has.")
    return TextTokenizer.load(path)


def _from_gguf(gguf: Path, cache: Path) -> Path:
    key = hashlib.sha256(f"tokenizer {base_fingerprint('default')}".encode()).hexdigest()[:24]
    kept = cache / "models" / f"{key}.tokenizer.json"
    if kept.is_file():
        return kept
    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError("transformers", "pip install 'reasonrank[app]'") from error
    backend = getattr(AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name), "backend_tokenizer", None)
    if not isinstance(backend, Tokenizer):
        raise EngineError(f"The tokenizer in {gguf.name} has no tokenizer.json form; name another base model.")
    kept.parent.mkdir(parents=True, exist_ok=True)
    from reasonrank.formats import replacing

    with replacing(kept) as file:
        file.write(backend.to_str())
    return kept


def _from_hub(name: str) -> Path:
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingDependencyError("huggingface_hub", "pip install 'reasonrank[app]'") from error
    try:
        return Path(hf_hub_download(name, "tokenizer.json"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"The tokenizer of {name!r} could not be fetched from the model hub ({type(error).__name__}); "
            "check the name and this machine's connection."
        ) from error
