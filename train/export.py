"""Export a student: ``python -m train.export --student runs/student/adapter --out exported [--push org/name]``.

Merges the adapter into its base model and writes a folder that transformers and vLLM load (``OUT``), the same
converted for CTranslate2 (``OUT/ctranslate2``, with ``--ctranslate2``), and a model card with the data and their
terms, the figures, the prompt version and the commit. ``--adapter-only`` writes the adapter and its card alone.
``--push`` uploads the folder to the model hub, as a private repository unless ``--public`` is given.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from reasonrank.engines.conversion import convert_once
from reasonrank.engines.weights import Weights, load_weights, resolve
from reasonrank.errors import EngineError, InputError, MissingDependencyError, ReasonRankError
from reasonrank.models import LoadedModel
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.settings import Settings
from train.model_card import model_card

ADAPTER_FILES = ("adapter_config.json", "adapter_model.safetensors")
META = "meta.json"
PRECISIONS = ("bfloat16", "float16", "float32")


class Hub(Protocol):
    """What is used of ``huggingface_hub.HfApi``."""

    def create_repo(self, repo_id: str, *, private: bool, exist_ok: bool) -> Any: ...

    def upload_folder(self, *, repo_id: str, folder_path: str, commit_message: str) -> Any: ...


@dataclass(frozen=True)
class ExportConfig:
    """What is written where.

    Args:
        out: The folder; it must be empty or not there.
        adapter_only: Write the adapter instead of merged weights.
        precision: Of the merged weights.
        ctranslate2: Quantization of the CTranslate2 conversion (``int8``, ``float16``, ...), or empty for none.
        data: Rows of the card's table of data: name, what, terms.
        figures: Results of :mod:`train.evaluate` and :mod:`train.explanations` to put into the card.
        licence: The card's licence field.
    """

    out: Path
    adapter_only: bool = False
    precision: str = "bfloat16"
    ctranslate2: str = ""
    data: tuple[tuple[str, str, str], ...] = ()
    figures: tuple[Path, ...] = ()
    licence: str = "other"


def export(weights: Weights, config: ExportConfig, loaded: LoadedModel | None = None) -> Path:
    """Write everything that the configuration asks for.

    Args:
        weights: The student, of :func:`reasonrank.engines.weights.resolve`.
        config: What to write.
        loaded: The merged model in float32, if it is loaded already.

    Returns:
        The folder.

    Raises:
        InputError: The folder is not empty, or there is no adapter to write alone.
        EngineError: The model could not be loaded or converted.
    """
    if config.out.is_dir() and any(config.out.iterdir()):
        raise InputError(f"{config.out} is not empty; choose another --out, so that nothing there is overwritten.")
    meta = read_meta(weights)
    if config.adapter_only:
        if weights.adapter is None:
            raise InputError(f"{weights.shown} is no adapter, so there is none to export; leave out --adapter-only.")
        config.out.mkdir(parents=True, exist_ok=True)
        for name in ADAPTER_FILES:
            shutil.copyfile(weights.adapter.path / name, config.out / name)
    else:
        loaded = loaded or load_weights(weights)
        save_merged(loaded, config.out, config.precision)
        if config.ctranslate2:
            # Converted last: the converter takes the model apart.
            convert_once(config.out / "ctranslate2", lambda: loaded, config.ctranslate2)
        meta |= {"merged": True, "precision_of_weights": config.precision}
    (config.out / META).write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
    card = model_card(meta, config.data, [read_figures(path) for path in config.figures], config.licence)
    (config.out / "README.md").write_text(card, encoding="utf-8")
    return config.out


def save_merged(loaded: LoadedModel, folder: Path, precision: str) -> None:
    """Write a merged model and its tokenizer as transformers do; the loaded model itself stays as it was."""
    import copy

    import torch

    folder.mkdir(parents=True, exist_ok=True)
    model = copy.deepcopy(loaded.model).to(getattr(torch, precision))
    model.config.dtype = precision
    model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)


def read_meta(weights: Weights) -> dict[str, Any]:
    """What the student's own ``meta.json`` says; for one that has none, its name and the templates' version."""
    folder = weights.adapter.path if weights.adapter else Path(weights.base)
    path = folder / META
    if path.is_file():
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is not valid JSON ({error}); mend it, or train again.") from error
        if isinstance(value, dict):
            return value
    return {"name": weights.shown, "prompt_version": PROMPT_VERSION, "base": weights.base}


def read_figures(path: Path) -> dict[str, Any]:
    """A ``metrics.json`` or ``explanations.json``; raises :class:`InputError` where it is neither."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as JSON ({type(error).__name__}); give a metrics.json.") from error
    if not isinstance(value, dict) or not ({"measures"} <= set(value) or {"about", "figures"} <= set(value)):
        raise InputError(f"{path} is neither a metrics.json of train.evaluate nor an explanations.json.")
    return value


def push(folder: Path, repository: str, hub: Hub, *, public: bool = False) -> None:
    """Upload a folder to the model hub; the repository is made if it is not there.

    Raises:
        InputError: The name cannot be a repository's.
        EngineError: The hub refused, or cannot be reached.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise InputError(f"{repository!r} cannot be a repository; expected name or organisation/name.") from error
    try:
        hub.create_repo(repository, private=not public, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=str(folder), commit_message="Upload a ReasonRank student")
    except (OSError, ValueError) as error:  # the hub's own errors are OSErrors
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise EngineError(f"{repository} could not be uploaded ({first}); log in with: hf auth login") from error


def parser() -> argparse.ArgumentParser:
    """The command's flags."""
    made = argparse.ArgumentParser(
        prog="python -m train.export", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--student", default=None, help="default, an adapter's or model's folder, or a hub id")
    made.add_argument("--base", default=None, help="base model below the adapter; by default the one it names")
    made.add_argument("--out", type=Path, required=True, help="folder to write, empty or not there")
    made.add_argument("--adapter-only", action="store_true", help="the adapter and its card, without merged weights")
    made.add_argument("--precision", default="bfloat16", choices=PRECISIONS, help="of the merged weights")
    made.add_argument("--ctranslate2", default="", help="convert too, with this quantization: int8, float16, float32")
    made.add_argument(
        "--data", nargs=3, action="append", default=[], metavar=("NAME", "WHAT", "TERMS"), help="a row of the card"
    )
    made.add_argument("--figures", type=Path, nargs="*", default=[], help="metrics.json and explanations.json files")
    made.add_argument("--licence", default="other", help="the card's licence field; the strictest of the data's terms")
    made.add_argument("--push", default="", metavar="REPOSITORY", help="upload to the hub under this name")
    made.add_argument("--public", action="store_true", help="with --push: a public repository")
    return made


def main(arguments: Sequence[str] | None = None, hub: Hub | None = None) -> int:
    """The command; returns its exit code. ``hub`` stands in for the model hub."""
    options = parser().parse_args(arguments)
    try:
        config = ExportConfig(
            options.out,
            options.adapter_only,
            options.precision,
            options.ctranslate2,
            tuple((name, what, terms) for name, what, terms in options.data),
            tuple(options.figures),
            options.licence,
        )
        folder = export(resolve(Settings.load(student=options.student, base=options.base)), config)
        if options.push:
            push(folder, options.push, hub or _hub(), public=options.public)
    except ReasonRankError as error:
        sys.stderr.write(f"train.export: {error}\n")
        return 2
    sys.stdout.write(f"{folder}\n")
    return 0


def _hub() -> Hub:
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingDependencyError("huggingface_hub", "pip install 'reasonrank[train]'") from error
    hub: Hub = HfApi()
    return hub


if __name__ == "__main__":
    raise SystemExit(main())
