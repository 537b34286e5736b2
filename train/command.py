"""The command line of a stage whose settings are a frozen dataclass, and the checks that such settings share."""

from __future__ import annotations

import logging
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from transformers import HfArgumentParser

from reasonrank.errors import InputError, ReasonRankError


def run_stage(
    name: str, kind: Any, description: str | None, work: Callable[[Any], Path], arguments: Sequence[str] | None
) -> int:
    """Read the flags, do the work, print the folder it made.

    Args:
        name: The module, as errors name it.
        kind: The settings' dataclass; every field is a flag.
        description: Shown by ``--help``.
        work: From settings to what was made.
        arguments: Of the command line.

    Returns:
        The exit code: 0, or 2 after an error, which is one sentence.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s", stream=sys.stderr)
    logging.getLogger("train").setLevel(logging.INFO)
    # Run as a module its logger is named "__main__".
    logging.getLogger("__main__").setLevel(logging.INFO)
    try:
        (config,) = HfArgumentParser(kind, description=description).parse_args_into_dataclasses(arguments)
        made = work(config)
    except ReasonRankError as error:
        sys.stderr.write(f"{name}: {error}\n")
        return 2
    sys.stdout.write(f"{made}\n")
    return 0


def check_counts(config: Any, *names: str) -> None:
    """Raises :class:`InputError` where a named setting is not at least 1."""
    for name in names:
        if getattr(config, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(config, name)}, expected at least 1.")


def check_positive(config: Any, *names: str) -> None:
    """Raises :class:`InputError` where a named setting is not a finite number above 0."""
    for name in names:
        if not math.isfinite(getattr(config, name)) or getattr(config, name) <= 0:
            raise InputError(f"--{name.replace('_', '-')} is {getattr(config, name)}, expected a positive number.")
