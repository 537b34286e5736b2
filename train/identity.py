"""What decides what a student says: its weights, engine and settings, so that kept answers of two never mix."""

from __future__ import annotations

import hashlib
from typing import Any

from reasonrank.engines.conversion import base_fingerprint, conversion_key
from reasonrank.engines.load import student_info
from reasonrank.engines.weights import resolve
from reasonrank.models import adapter_hash
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.settings import Settings

DECIDING = ("engine", "device", "mode", "samples", "max_document_tokens", "max_reason_tokens", "encoder")


def identity(settings: Settings) -> dict[str, Any]:
    """The student's name, a hash of its weights, and the settings that change its answers.

    Raises:
        InputError: The settings name a folder that is no student.
        EngineError: A hub id could not be fetched.
    """
    about: dict[str, Any] = {"student": student_info(settings).name, "weights": "", "prompt_version": PROMPT_VERSION}
    if settings.student != "none":
        weights = resolve(settings)
        base, adapter = base_fingerprint(weights.base), adapter_hash(weights.adapter.path) if weights.adapter else ""
        if settings.engine == "ctranslate2":
            about["weights"] = conversion_key(base, adapter, "")  # the way of converting decides scores too
        else:
            about["weights"] = hashlib.sha256(f"{base} {adapter}".encode()).hexdigest()
    return about | {name: getattr(settings, name) for name in DECIDING}
