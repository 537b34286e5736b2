"""Which weights a student's name means: a base model, and an adapter of a folder or the hub."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reasonrank.assets import assets_path
from reasonrank.errors import EngineError, InputError, MissingDependencyError
from reasonrank.models import (
    PACKAGED_BASE,
    PACKAGED_BASE_ON_HUB,
    AdapterInfo,
    LoadedModel,
    attach_adapter,
    load_base,
    packaged_gguf,
    read_adapter,
)
from reasonrank.settings import Settings

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Weights:
    """Which weights make a student: a base model as :func:`reasonrank.models.load_base` takes it, and an adapter."""

    base: str
    adapter: AdapterInfo | None
    shown: str


def resolve(settings: Settings) -> Weights:
    """The weights that ``settings.student`` means; of a hub id, fetches what tells an adapter from a model.

    Raises:
        InputError: ``none`` was given, or a folder that is neither an adapter nor a model.
        EngineError: A hub id could not be fetched.
    """
    name = settings.student
    if name == "none":
        raise InputError("The student is 'none', so there is nothing to load; choose default, base, a folder or an id.")
    shipped = assets_path() / "student"
    if name == "default" and (shipped / "adapter_config.json").is_file():
        return with_adapter(shipped, settings)
    if name in ("base", "default"):
        base = PACKAGED_BASE if settings.base == "default" else Path(settings.base).name
        return Weights(settings.base, None, f"{base} (base, untrained)")
    folder = Path(name) if is_path(name) else _fetch_adapter(name)
    if (folder / "adapter_config.json").is_file():
        return with_adapter(folder, settings)
    if is_path(name) and not (folder / "config.json").is_file():
        found = "has neither adapter_config.json nor config.json" if folder.is_dir() else "is not there"
        raise InputError(f"The student {name} {found}; give none, base, default, a folder, or a hub id.")
    return Weights(name, None, Path(name).resolve().name if is_path(name) else name.rpartition("/")[2])


def load_weights(weights: Weights, dtype: torch.dtype | None = None) -> LoadedModel:
    """The base model with the adapter merged into it."""
    loaded = load_base(weights.base, dtype=dtype)
    return attach_adapter(loaded, weights.adapter) if weights.adapter else loaded


def with_adapter(folder: Path, settings: Settings) -> Weights:
    """An adapter over the base that the settings name, else over the one that it names itself."""
    adapter = read_adapter(folder)
    base = settings.base if settings.base != "default" else adapter.base or "default"
    if base in (PACKAGED_BASE, PACKAGED_BASE_ON_HUB) or _is_packaged(base):
        base = "default"
    shown = PACKAGED_BASE if base == "default" else Path(base).name
    return Weights(base, adapter, f"{adapter.name} ({shown} + LoRA)")


def _is_packaged(base: str) -> bool:
    """Whether it is the packaged base model's folder, which a checkpoint in training names as its base."""
    gguf = packaged_gguf()
    return gguf is not None and Path(base) == gguf.parent


def is_path(name: str) -> bool:
    """Whether a student's name means a folder; a hub id is ``name`` or ``organisation/name``."""
    return Path(name).is_dir() or Path(name).is_absolute() or name.startswith(".") or name.count("/") > 1


def _fetch_adapter(name: str) -> Path:
    """The local copy of a hub repository's adapter files; an empty or partial folder where it is a model."""
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise MissingDependencyError("huggingface_hub", "pip install 'reasonrank[app]'") from error
    try:
        return Path(snapshot_download(name, allow_patterns=["adapter_*", "meta.json"]))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"The student {name!r} is no folder here and could not be fetched from the model hub "
            f"({type(error).__name__}); check the name and this machine's connection."
        ) from error


def cached_adapter(name: str) -> Path | None:
    """The folder of an adapter that was fetched before; None if this is no adapter or was not fetched."""
    if importlib.util.find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(name, "adapter_config.json")
    except ValueError as error:  # not a possible id
        raise InputError(f"The student {name!r} is no folder here and no hub id.") from error
    return Path(found).parent if isinstance(found, str) else None
