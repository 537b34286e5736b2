"""Indexes on disk: built once, checked when opened, replaced whole.

``<cache>/indexes/<corpus>-<kind>-<hash>/`` holds a ``manifest.json`` and the folder of files that it names. A build
fills a folder of its own; then the manifest is replaced, at once, and the old folder goes. Whatever interrupts a build
leaves the old index as it was.
"""

from __future__ import annotations

import shlex
import shutil
import uuid
from pathlib import Path

from reasonrank.corpora.base import Corpus
from reasonrank.encoder import Encoder, encoder_identity, load_encoder
from reasonrank.errors import IndexDamagedError, InputError, ReasonRankError
from reasonrank.retrieval.base import Progress, Retriever
from reasonrank.retrieval.build_lock import build_lock
from reasonrank.retrieval.fusion import HybridRetriever
from reasonrank.retrieval.kinds import IndexKind, bm25_kind, dense_kind
from reasonrank.retrieval.manifest import Manifest, read_manifest
from reasonrank.settings import Settings

RETRIEVERS = ("bm25", "dense", "hybrid")
_BUILD, _UNFINISHED = "build-", "unfinished-"


def open_retriever(
    name: str,
    corpus: Corpus,
    settings: Settings,
    progress: Progress | None = None,
    *,
    rebuild: bool = False,
    encoder: Encoder | None = None,
) -> Retriever:
    """A retriever over a corpus. Its indexes are built now if they are not there, or if what they depend on changed.

    They lie in a folder on this machine, or in Milvus where ``settings.milvus_uri`` names one.

    Args:
        name: ``bm25``, ``dense`` or ``hybrid``.
        corpus: What is searched.
        settings: Where indexes are kept, the encoder, the parameters.
        progress: Told how far a build is. What it raises stops the build; the old index stays.
        rebuild: Build even if the index is there.
        encoder: Used instead of the one of ``settings``.

    Raises:
        InputError: There is no such retriever.
        IndexDamagedError: An index's files are not what was written; the message says how to rebuild.
        MissingDependencyError: Java, Lucene, FAISS, the encoder or the client of Milvus is missing.
        ReasonRankError: The index could not be written, or Milvus does not answer.
    """
    progress = progress or _silent
    if name in RETRIEVERS and settings.milvus_uri:
        from reasonrank.retrieval.milvus import open_milvus

        return open_milvus(name, corpus, settings, progress, rebuild=rebuild, encoder=encoder)
    if name == "hybrid":
        parts = [
            open_retriever(part, corpus, settings, progress, rebuild=rebuild, encoder=encoder)
            for part in RETRIEVERS[:2]
        ]
        return HybridRetriever(parts, settings.rrf_k)
    if name == "bm25":
        return _open(bm25_kind(corpus, settings), progress, rebuild)
    if name == "dense":
        loaded = encoder or load_encoder(settings)
        return _open(dense_kind(corpus, settings, loaded.identity, lambda: loaded), progress, rebuild)
    raise _unknown(name)


def is_built(name: str, corpus: Corpus, settings: Settings) -> bool:
    """Whether :func:`open_retriever` would find its indexes; looks at names and sizes only, and loads nothing.

    Raises:
        InputError: There is no such retriever.
    """
    if name not in RETRIEVERS:
        raise _unknown(name)
    if settings.milvus_uri:
        from reasonrank.retrieval.milvus import is_in_milvus

        return is_in_milvus(corpus, settings)
    if name == "hybrid":
        return all(is_built(part, corpus, settings) for part in RETRIEVERS[:2])
    if name == "bm25":
        kind = bm25_kind(corpus, settings)
    else:
        identity = encoder_identity(settings.encoder)
        if identity is None:
            return False
        kind = dense_kind(corpus, settings, identity, lambda: load_encoder(settings))
    try:
        manifest = read_manifest(kind.parent)
        if manifest is None or manifest.stamp != kind.stamp:
            return False
        manifest.check_sizes(kind.parent)
    except IndexDamagedError:
        return False
    return True


def _unknown(name: str) -> InputError:
    return InputError(f"There is no retriever {name!r}; expected {', '.join(RETRIEVERS)}.")


def _open(kind: IndexKind, progress: Progress, rebuild: bool) -> Retriever:
    if not rebuild:
        retriever = _open_built(kind)
        if retriever is not None:
            return retriever
    with build_lock(kind.parent, progress):
        # Another process may have built it while this one waited.
        retriever = None if rebuild else _open_built(kind)
        if retriever is None:
            _build(kind, progress)
            retriever = _open_built(kind)
    if retriever is None:
        raise IndexDamagedError(_how_to_rebuild(kind, f"{kind.parent} lost its index while it was being opened."))
    return retriever


def _open_built(kind: IndexKind) -> Retriever | None:
    """The retriever on the index that is there; None if there is none, or one of something else."""
    for last in (False, True):
        try:
            manifest = read_manifest(kind.parent)
            if manifest is None or manifest.stamp != kind.stamp:
                return None
            manifest.check(kind.parent)
            return kind.open(kind.parent / manifest.folder)
        except IndexDamagedError as error:
            # Another process may have replaced it between the two readings: look once more.
            if last:
                raise IndexDamagedError(_how_to_rebuild(kind, str(error))) from error
    return None


def _how_to_rebuild(kind: IndexKind, problem: str) -> str:
    return (
        f"The {kind.stamp.index} index of {kind.stamp.corpus} is damaged: {problem} Rebuild it with: "
        f"reasonrank index --corpus {shlex.quote(kind.corpus.origin)} --retriever {kind.stamp.index} --rebuild"
    )


def _build(kind: IndexKind, progress: Progress) -> None:
    """Build under the lock: into a new folder, then the manifest, then away with what is old."""
    try:
        _clean(kind.parent, keep=_current_folder(kind.parent))
        number = uuid.uuid4().hex[:12]
        unfinished, built = kind.parent / (_UNFINISHED + number), kind.parent / (_BUILD + number)
        unfinished.mkdir()
        try:
            kind.build(unfinished, progress)
            unfinished.rename(built)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
        Manifest.of(kind.stamp, built, kind.corpus.origin).write(kind.parent)
        _clean(kind.parent, keep=built.name)
        _remove_orphans(kind.parent.parent, keep=kind.parent)
    except OSError as error:
        raise ReasonRankError(
            f"The index could not be written to {kind.parent} ({error.strerror or error}); free some space, or name "
            "another folder with REASONRANK_CACHE."
        ) from error


def _current_folder(parent: Path) -> str | None:
    try:
        manifest = read_manifest(parent)
    except IndexDamagedError:
        return None
    return manifest.folder if manifest else None


def _clean(parent: Path, keep: str | None) -> None:
    """Remove folders that no manifest names. On Linux and macOS who has one open keeps reading it."""
    for folder in parent.iterdir():
        if folder.is_dir() and folder.name != keep and folder.name.startswith((_BUILD, _UNFINISHED)):
            shutil.rmtree(folder, ignore_errors=True)


def remove_orphans(cache: Path) -> None:
    """Remove the indexes of files that are gone; ``cache`` is the folder of the settings."""
    if (cache / "indexes").is_dir():
        _remove_orphans(cache / "indexes")


def _remove_orphans(indexes: Path, keep: Path | None = None) -> None:
    """Remove the indexes of files that are gone, so that visitors' uploads do not fill the disk."""
    for parent in indexes.iterdir():
        if parent == keep or not parent.is_dir():
            continue
        try:
            manifest = read_manifest(parent)
        except IndexDamagedError:
            continue
        if manifest is not None and manifest.is_orphan:
            shutil.rmtree(parent, ignore_errors=True)


def _silent(what: str, fraction: float) -> None:
    return
