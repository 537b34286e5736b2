"""A stand-in for the hub's client that keeps a repository's files in a folder."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace


class FolderHub:
    """The part of ``huggingface_hub.HfApi`` that segments need; ``fail`` makes the next uploads raise."""

    def __init__(self, folder: Path, *, private: bool = True) -> None:
        self.folder, self.private, self.fail, self.uploads = folder, private, 0, 0

    def create_repo(self, repo_id: str, *, repo_type: str, private: bool, exist_ok: bool) -> None:
        assert (repo_type, private, exist_ok) == ("dataset", True, True)
        (self.folder / repo_id).mkdir(parents=True, exist_ok=True)

    def repo_info(self, repo_id: str, *, repo_type: str) -> SimpleNamespace:
        return SimpleNamespace(private=self.private)

    def upload_file(
        self, *, path_or_fileobj: bytes, path_in_repo: str, repo_id: str, repo_type: str, commit_message: str
    ) -> None:
        if self.fail:
            self.fail -= 1
            raise ConnectionError("the hub is away")
        self.uploads += 1
        path = self.folder / repo_id / path_in_repo
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:  # never overwritten
            file.write(path_or_fileobj)

    def list_repo_files(self, repo_id: str, *, repo_type: str) -> list[str]:
        root = self.folder / repo_id
        return [path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()]

    def hf_hub_download(self, repo_id: str, filename: str, *, repo_type: str) -> str:
        return str(self.folder / repo_id / filename)
