"""Which commit of the code runs, for what is saved beside an output."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_commit() -> str:
    """The commit, with ``-dirty`` where files differ from it; empty outside a repository."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
