"""Where segments lie: a folder (a Space's mounted bucket), or a private dataset repository on the hub."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from reasonrank.errors import InputError, MissingDependencyError, ReasonRankError
from reasonrank.review.journal import FOLDER, Shelf

HUB_PREFIX = "hub:"


def open_shelf(place: str) -> Shelf:
    """A shelf by its setting: ``hub:OWNER/NAME`` for a private dataset repository, else a folder.

    Raises:
        MissingDependencyError: huggingface_hub is not installed.
        InputError: The folder cannot be made, or the repository's name is not one.
        ReasonRankError: The repository cannot be reached, or is public.
    """
    if not place.startswith(HUB_PREFIX):
        return FolderShelf(Path(place))
    repository = place.removeprefix(HUB_PREFIX)
    if repository.count("/") != 1 or not all(repository.split("/")):
        raise InputError(f"Got {place!r}; expected hub:OWNER/NAME, or a folder.")
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingDependencyError("huggingface_hub", "pip install 'reasonrank[review]'") from error
    return HubShelf(HfApi(), repository)


class FolderShelf:
    """Segments as files in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / FOLDER
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"The folder {folder} cannot be used for segments: {error.strerror}.") from error

    def put(self, name: str, content: bytes) -> None:
        """Write and sync a new file; an existing one is never touched."""
        with (self._folder / name).open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        with suppress(OSError):  # a mounted bucket may not know how to sync a folder; the file itself is synced
            handle = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)

    def names(self) -> list[str]:
        return [path.name for path in self._folder.iterdir() if path.suffix == ".jsonl"]

    def get(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()


class HubClient(Protocol):
    """The part of ``huggingface_hub.HfApi`` that is used."""

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> Any: ...

    def repo_info(self, repo_id: str, *, repo_type: str) -> Any: ...

    def upload_file(
        self, *, path_or_fileobj: bytes, path_in_repo: str, repo_id: str, repo_type: str, commit_message: str
    ) -> Any: ...

    def list_repo_files(self, repo_id: str, *, repo_type: str) -> list[str]: ...

    def hf_hub_download(self, repo_id: str, filename: str, *, repo_type: str) -> str: ...


class HubShelf:
    """Segments as files of a private dataset repository, one commit each.

    Args:
        client: ``huggingface_hub.HfApi()``, with a token that may write.
        repository: ``OWNER/NAME``; made, private, if it is not there.

    Raises:
        ReasonRankError: The repository cannot be reached, or is public: judgements carry names.
    """

    def __init__(self, client: HubClient, repository: str) -> None:
        self._client, self._repository = client, repository
        try:
            client.create_repo(repository, repo_type="dataset", private=True, exist_ok=True)
            private = client.repo_info(repository, repo_type="dataset").private
        except Exception as error:
            raise ReasonRankError(
                f"The dataset repository {repository} cannot be used: {type(error).__name__}. Give the Space a token "
                "that may write to it, as the secret HF_TOKEN."
            ) from error
        if not private:
            raise ReasonRankError(
                f"The dataset repository {repository} is public, and judgements carry names; make it private."
            )

    def put(self, name: str, content: bytes) -> None:
        self._client.upload_file(
            path_or_fileobj=content,
            path_in_repo=f"{FOLDER}/{name}",
            repo_id=self._repository,
            repo_type="dataset",
            commit_message="Add judgements",
        )

    def names(self) -> list[str]:
        files = self._client.list_repo_files(self._repository, repo_type="dataset")
        inside = (Path(name) for name in files if name.startswith(f"{FOLDER}/"))
        return [path.name for path in inside if path.suffix == ".jsonl"]

    def get(self, name: str) -> bytes:
        local = self._client.hf_hub_download(self._repository, f"{FOLDER}/{name}", repo_type="dataset")
        return Path(local).read_bytes()
