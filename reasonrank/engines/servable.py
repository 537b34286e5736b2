"""The student as vLLM loads it: a folder or hub id for the base, its adapter beside it, and the server's command."""

from __future__ import annotations

import json
import shlex
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from reasonrank.engines.conversion import base_fingerprint
from reasonrank.engines.weights import Weights
from reasonrank.errors import EngineError, InputError, MissingDependencyError
from reasonrank.models import PACKAGED_BASE, PACKAGED_BASE_ON_HUB, load_base, packaged_gguf
from reasonrank.retrieval.base import Progress


@dataclass(frozen=True, slots=True)
class Servable:
    """Weights in the form of Hugging Face.

    Args:
        base: A folder or a hub id.
        adapter: A LoRA adapter's folder.
        adapter_name: Under which a server lists it.
        rank: Of the adapter; 0 without one.
        shown: Shown to people.
    """

    base: str
    adapter: Path | None
    adapter_name: str
    rank: int
    shown: str


def servable(weights: Weights, cache: Path, progress: Progress | None = None) -> Servable:
    """The student's weights in the form of Hugging Face; the packaged base is written to the cache, once.

    Raises:
        EngineError: The base does not load, or the adapter does not say its rank.
        MissingDependencyError: A package is missing.
    """
    base = _written_out(cache, progress) if weights.base == "default" else weights.base
    adapter = weights.adapter.path.resolve() if weights.adapter else None
    name = weights.adapter.name if weights.adapter else ""
    return Servable(base, adapter, name, adapter_rank(adapter) if adapter else 0, weights.shown)


def server_command(one: Servable, port: int = 8000) -> str:
    """What starts a vLLM server of the student.

    >>> server_command(Servable("/models/base", None, "", 0, "base"))
    'vllm serve /models/base --port 8000'
    """
    command = ["vllm", "serve", one.base, "--port", str(port)]
    if one.adapter is not None:
        command += ["--enable-lora", "--max-lora-rank", str(lora_room(one.rank))]
        command += ["--lora-modules", f"{one.adapter_name}={one.adapter}"]
    return shlex.join(command)


def lora_room(rank: int) -> int:
    """The least of the ranks that vLLM makes room for.

    Raises:
        InputError: The rank is beyond them.

    >>> lora_room(12)
    16
    """
    for room in (8, 16, 32, 64, 128, 256, 320, 512):
        if rank <= room:
            return room
    raise InputError(f"The adapter has rank {rank}, and vLLM takes at most 512; merge it into its base first.")


def adapter_rank(adapter: Path) -> int:
    try:
        return int(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EngineError(f"The adapter {adapter.name} does not say its rank in adapter_config.json.") from error


def _written_out(cache: Path, progress: Progress | None) -> str:
    """The packaged base as a folder of Hugging Face's form; the hub's id where the package is missing."""
    if packaged_gguf() is None:
        return PACKAGED_BASE_ON_HUB
    try:
        from filelock import FileLock
    except ImportError as error:
        raise MissingDependencyError("filelock", "pip install 'reasonrank[app]'") from error
    folder = cache / "models" / f"{base_fingerprint('default')[:24]}-hf" / PACKAGED_BASE
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder.parent}.lock"):
        if folder.is_dir():
            return str(folder)
        if progress:
            progress("Writing out the packaged base model, once", 0.0)
        loaded = load_base("default")
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".writing-"))
        try:
            loaded.model.save_pretrained(scratch)
            loaded.tokenizer.save_pretrained(scratch)
            scratch.chmod(0o755)
            scratch.replace(folder)
        except OSError as error:
            raise EngineError(f"The base model could not be written to {folder.parent}: {error.strerror}.") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return str(folder)
