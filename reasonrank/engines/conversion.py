"""Merged weights converted for CTranslate2: once, into the cache, so that later starts need neither torch nor them."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reasonrank.engines.text import TextTokenizer
from reasonrank.errors import EngineError, MissingDependencyError
from reasonrank.models import PACKAGED_BASE_ON_HUB, LoadedModel, packaged_gguf
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.retrieval.base import Progress

ABOUT = "reasonrank.json"
TOKENIZER = "tokenizer.json"
_FORMAT = 2
_WHOLE_BYTES = 256 * 2**20
_INSTALL = "pip install 'reasonrank[app]'"


class ConversionError(EngineError):
    """The model could not be converted; transformers may still run it."""


@dataclass(frozen=True, slots=True)
class Converted:
    """What a converted model's folder says of itself.

    Args:
        base: Name of the base model.
        base_weights_hash: Of the base weights, as :func:`reasonrank.models.weights_hash` makes it.
        window: Tokens that prompt and completion may hold together.
        end_ids: Token ids that end a text.
        quantization: CTranslate2's name of the number format.
    """

    base: str
    base_weights_hash: str
    window: int
    end_ids: tuple[int, ...]
    quantization: str


def base_fingerprint(name: str) -> str:
    """Tells base weights apart without loading them.

    The packaged base by its file's hash; a folder by its files (those above 256 MiB by size, time and first
    mebibyte); a hub id by the commit that is in the local cache, or, before the first download, the hub's.

    Raises:
        EngineError: The hub id is neither cached nor reachable.
    """
    gguf = packaged_gguf() if name == "default" else None
    if gguf is not None:
        return _mark(gguf)
    target = PACKAGED_BASE_ON_HUB if name == "default" else name
    folder = Path(target)
    if folder.is_dir():
        kinds = (".safetensors", ".bin", ".gguf", ".json", ".model")
        marks = [f"{path.name} {_mark(path)}" for path in sorted(folder.iterdir()) if path.suffix in kinds]
        return hashlib.sha256("\n".join(marks).encode()).hexdigest()
    return _hub_commit(target)


def conversion_key(base: str, adapter: str, quantization: str) -> str:
    """Names a conversion by what goes into it: base weights, adapter, number format, CTranslate2, the prompts."""
    import ctranslate2

    parts = json.dumps([base, adapter, quantization, ctranslate2.__version__, _FORMAT, PROMPT_VERSION])
    return hashlib.sha256(parts.encode()).hexdigest()[:24]


def read_converted(folder: Path) -> Converted | None:
    """What a folder says of itself; None if there is no finished conversion in it."""
    try:
        stored = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        return Converted(**{**stored, "end_ids": tuple(stored["end_ids"])})
    except (OSError, ValueError, TypeError, KeyError):
        return None


def convert_once(
    folder: Path, load: Callable[[], LoadedModel], quantization: str, progress: Progress | None = None
) -> Converted:
    """The conversion in ``folder``, made now if it is not there.

    Whoever asks at the same time, also in another process, waits for the one that converts. The files are written
    beside ``folder`` and renamed when they are complete, so an interrupted conversion is never taken for a model;
    what a killed one leaves is removed by the next.

    Args:
        folder: Where it belongs, named after its key.
        load: Loads the model with its adapter merged; called only when there is something to convert.
        quantization: CTranslate2's name of the number format.
        progress: Told of the steps.

    Raises:
        ConversionError: The architecture does not convert, or the disk refuses.
        EngineError: The model does not load.
        MissingDependencyError: A package is missing.
    """
    try:
        from filelock import FileLock, Timeout
    except ImportError as error:
        raise MissingDependencyError("filelock", _INSTALL) from error
    tell = progress or (lambda what, fraction: None)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        tell("Waiting for another conversion of this model", 0.0)
        lock.acquire()
    try:
        done = read_converted(folder)
        return done or _convert_into(folder, load, quantization, tell)
    finally:
        lock.release()


def _convert_into(folder: Path, load: Callable[[], LoadedModel], quantization: str, tell: Progress) -> Converted:
    for remains in [folder, *folder.parent.glob(f".{folder.name}-*")]:
        shutil.rmtree(remains, ignore_errors=True)
    tell("Loading the student to convert it, once", 0.0)
    loaded = load()
    from reasonrank.engines.transformers import end_ids, window_of

    ends = tuple(end_ids(loaded))
    window = window_of(loaded.model.config.get_text_config())
    about = Converted(loaded.name, loaded.weights_hash, window, ends, quantization)
    tell("Converting the student, once", 0.4)
    try:
        scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
        try:
            _write_weights(loaded, scratch, quantization)  # makes the folder anew, so it comes first
            TextTokenizer.of(loaded.tokenizer).save(scratch / TOKENIZER)
            (scratch / ABOUT).write_text(json.dumps(asdict(about), indent=2) + "\n", encoding="utf-8")
            scratch.chmod(0o755)
            scratch.replace(folder)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    except OSError as error:
        reason = error.strerror or error
        raise ConversionError(f"The converted student could not be written to {folder.parent}: {reason}.") from error
    tell("The student is converted", 1.0)
    return about


def _write_weights(loaded: LoadedModel, folder: Path, quantization: str) -> None:
    from ctranslate2.converters import TransformersConverter

    from reasonrank.engines.quantization import rounding
    from reasonrank.engines.smoothing import smooth

    class FromMemory(TransformersConverter):
        """Takes the merged model as it is, instead of reading it back from a folder."""

        def load_model(self, *_: Any, **__: Any) -> Any:
            return loaded.model

        def load_tokenizer(self, *_: Any, **__: Any) -> Any:
            return loaded.tokenizer

        def _load(self) -> Any:
            spec = super()._load()
            return rounding(spec, choices) if quantization == "int8" else spec

    choices = smooth(loaded.model, loaded.tokenizer) if quantization == "int8" else []
    with tempfile.TemporaryDirectory() as described:
        loaded.model.config.save_pretrained(described)
        try:
            FromMemory(described).convert(str(folder), quantization=quantization, force=True)
        except (ValueError, NotImplementedError, KeyError, AttributeError, TypeError) as error:
            first = str(error).partition("(supported")[0].strip() or type(error).__name__
            raise ConversionError(f"{loaded.name} does not convert for CTranslate2 ({first}).") from error


def _mark(path: Path) -> str:
    """A file's hash, or for a large one a cheap stand-in."""
    status = path.stat()
    with path.open("rb") as file:
        if status.st_size <= _WHOLE_BYTES:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return f"{hashlib.sha256(file.read(2**20)).hexdigest()} {status.st_size} {status.st_mtime_ns}"


def _hub_commit(name: str) -> str:
    try:
        from huggingface_hub import model_info, snapshot_download
        from huggingface_hub.errors import LocalEntryNotFoundError
    except ImportError as error:
        raise MissingDependencyError("huggingface_hub", _INSTALL) from error
    try:
        try:
            return f"{name}@{Path(snapshot_download(name, local_files_only=True)).name}"
        except LocalEntryNotFoundError:
            return f"{name}@{model_info(name).sha}"
    except (OSError, ValueError) as error:
        raise EngineError(
            f"The model {name!r} is no folder here and could not be found on the model hub "
            f"({type(error).__name__}); check the name and this machine's connection."
        ) from error
