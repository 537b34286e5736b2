"""From settings to a running student: which engine serves it, and what is known of it before."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

from reasonrank.engines.base import Engine
from reasonrank.engines.weights import Weights, cached_adapter, is_path, load_weights, resolve, with_adapter
from reasonrank.engines.zerogpu import BorrowedGpuEngine, is_zero_gpu
from reasonrank.errors import MissingDependencyError
from reasonrank.models import AdapterInfo, adapter_hash
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.retrieval.base import Progress
from reasonrank.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StudentInfo:
    """What is known of a student before it is loaded.

    Args:
        name: Shown to people.
        trained: Whether it was trained to judge; None where only loading would tell.
        engine: What is going to run it: ``ctranslate2``, ``transformers`` or ``none``.
        prompt_version: Of the templates it was trained with, where it says so.
    """

    name: str
    trained: bool | None
    engine: str
    prompt_version: str | None = None


def load_engine(settings: Settings, progress: Progress | None = None) -> Engine:
    """Load the student of ``settings``; on CTranslate2 it is converted at its first use.

    Raises:
        InputError: The settings name no student.
        EngineError: It could not be loaded.
        MissingDependencyError: A package is missing.
    """
    weights = resolve(settings)
    _warn_of_prompts(weights.adapter)
    if settings.engine == "openai":
        return _on_servers(weights, settings, progress)
    if settings.engine == "vllm":
        return _on_vllm(weights, settings, progress)
    if engine_choice(settings) == "transformers":
        return _on_transformers(weights, settings, progress)
    from reasonrank.engines.conversion import ConversionError

    try:
        return _on_ctranslate2(weights, settings, progress)
    except (ConversionError, MissingDependencyError) as error:
        if settings.engine == "ctranslate2":
            raise
        log.warning("%s It runs on transformers instead.", error)
        return _on_transformers(weights, settings, progress)


def student_info(settings: Settings) -> StudentInfo:
    """What the page and the doctor say of the student: nothing is loaded or fetched.

    Raises:
        InputError: The settings name a folder that is no student.
    """
    if settings.student == "none":
        return StudentInfo("none", None, "none")
    engine = engine_choice(settings)
    if engine == "openai":
        return StudentInfo(Path(settings.server_model).name or "the server's model", None, engine)
    if settings.student not in ("base", "default") and not is_path(settings.student):
        folder = cached_adapter(settings.student)
        if folder is None:
            return StudentInfo(Path(settings.student).name, None, engine)
        weights = with_adapter(folder, settings)
    else:
        weights = resolve(settings)
    if weights.adapter is not None:
        return StudentInfo(weights.shown, True, engine, weights.adapter.prompt_version)
    version = _prompt_version(Path(weights.base))
    return StudentInfo(weights.shown, version is not None, engine, version)


def engine_choice(settings: Settings) -> str:
    """``ctranslate2`` or ``transformers``: as asked; by itself, CTranslate2 on a CPU where it is installed."""
    if settings.engine != "auto":
        return settings.engine
    if settings.device in ("cuda", "mps") or importlib.util.find_spec("ctranslate2") is None:
        return "transformers"
    if settings.device == "cpu" or is_zero_gpu():
        return "ctranslate2"  # a student this small does not need a visitor's quota
    import ctranslate2  # in place of torch, which takes seconds to import

    return "transformers" if ctranslate2.get_cuda_device_count() > 0 else "ctranslate2"


def _on_servers(weights: Weights, settings: Settings, progress: Progress | None) -> Engine:
    try:
        from reasonrank.engines.openai import OpenAIEngine
        from reasonrank.engines.pool import Pool
        from reasonrank.engines.server import Server, server_addresses
        from reasonrank.engines.serving import find_served
        from reasonrank.engines.tokens import student_tokenizer
    except ImportError as error:
        raise MissingDependencyError("httpx2 or tokenizers", "pip install 'reasonrank[app]'") from error
    addresses = server_addresses(settings.server)
    if progress:
        progress("Asking the student's server" + ("s" if len(addresses) > 1 else ""), 0.0)
    key = os.environ.get("REASONRANK_SERVER_KEY", "")
    pool = Pool([Server(url, key, settings.server_timeout) for url in addresses], patience=settings.server_timeout)
    tokenizer = student_tokenizer(weights.base, settings.cache)
    adapter = weights.adapter.name if weights.adapter else None
    served = find_served(pool.servers, tokenizer, settings.server_model, adapter)
    return OpenAIEngine(pool, served, tokenizer, samples=settings.server_samples, requests=settings.server_requests)


def _on_vllm(weights: Weights, settings: Settings, progress: Progress | None) -> Engine:
    from reasonrank.engines.servable import servable
    from reasonrank.engines.vllm import VllmEngine

    student = servable(weights, settings.cache, progress)
    if progress:
        progress("vLLM loads the student", 0.5)
    return VllmEngine(student)


def _on_transformers(weights: Weights, settings: Settings, progress: Progress | None) -> Engine:
    if progress:
        progress("Loading the student", 0.0)
    try:
        from reasonrank.engines.transformers import TransformersEngine, loading_dtype, resolve_device
    except ImportError as error:
        raise MissingDependencyError("torch or transformers", "pip install 'reasonrank[app]'") from error
    device = resolve_device(settings.device)
    loaded = load_weights(weights, loading_dtype(device))
    if progress:
        progress("The student is loaded", 1.0)
    engine = TransformersEngine(
        loaded, device, settings.batch_tokens, model_name=weights.shown, threads=settings.threads
    )
    return BorrowedGpuEngine(engine) if device == "cuda" and is_zero_gpu() else engine


def _on_ctranslate2(weights: Weights, settings: Settings, progress: Progress | None) -> Engine:
    try:
        from reasonrank.engines.conversion import base_fingerprint, conversion_key, convert_once, read_converted
        from reasonrank.engines.ctranslate2 import CTranslate2Engine

        device = "cuda" if settings.device == "cuda" else "cpu"
        quantization = "int8" if device == "cpu" else "float16"
        adapter = adapter_hash(weights.adapter.path) if weights.adapter else ""
        key = conversion_key(base_fingerprint(weights.base), adapter, quantization)
    except ImportError as error:
        raise MissingDependencyError("ctranslate2", "pip install 'reasonrank[app]'") from error
    folder = settings.cache / "models" / key
    kept = read_converted(folder)
    if kept is None:
        convert_once(folder, lambda: load_weights(weights), quantization, progress)
    else:
        _warn_of_base(weights.adapter, kept.base, kept.base_weights_hash)
    return CTranslate2Engine(
        folder, weights.shown, device=device, batch_tokens=settings.batch_tokens, threads=settings.threads
    )


def _prompt_version(folder: Path) -> str | None:
    """What a trained model's own folder says in ``meta.json``, as an adapter's does."""
    try:
        version = json.loads((folder / "meta.json").read_text(encoding="utf-8")).get("prompt_version")
    except (OSError, ValueError, AttributeError):
        return None
    return None if version is None else str(version)


def _warn_of_prompts(adapter: AdapterInfo | None) -> None:
    if adapter and adapter.prompt_version not in (None, PROMPT_VERSION):
        log.warning(
            "The adapter %s was trained with prompts of version %s, and these are version %s; its scores will suffer.",
            adapter.name,
            adapter.prompt_version,
            PROMPT_VERSION,
        )


def _warn_of_base(adapter: AdapterInfo | None, base: str, weights_hash: str) -> None:
    """On a conversion from the cache; where weights are loaded, :func:`attach_adapter` warns of the same."""
    if adapter and adapter.base_weights_hash not in (None, weights_hash):
        log.warning(
            "The adapter %s was trained on other base weights than %s's; its scores will differ.", adapter.name, base
        )
