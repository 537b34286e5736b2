"""Where the files that come with the project lie: in a checkout's ``assets/`` or inside the installed package."""

from __future__ import annotations

from pathlib import Path


def assets_path() -> Path:
    """The folder of the sample corpus and the trained adapter: an installed wheel's, else the checkout's."""
    package = Path(__file__).resolve().parent
    installed = package / "assets"
    return installed if installed.is_dir() else package.parent / "assets"
