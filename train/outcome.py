"""The files of a stage that asks a server: named after its output, guarded by a lock, made again from its journal."""

from __future__ import annotations

import contextlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError, MissingDependencyError, ReasonRankError
from reasonrank.formats import replacing
from train.asking import Asked, Tally
from train.record_lines import check_plain


@dataclass(frozen=True, slots=True)
class OutputFiles:
    """The files beside ``out``.

    Args:
        out: What the stage is for.
        rejects: What was not used, and why.
        replies: The journal: every reply that was paid for.
        config: How the run was started.
        lock: Held while a run writes.
    """

    out: Path
    rejects: Path
    replies: Path
    config: Path
    lock: Path

    @classmethod
    def of(cls, out: Path) -> OutputFiles:
        """The files for an output.

        Raises:
            InputError: The name ends in .gz, or its folder is not there.
        """
        check_plain(out)
        if not out.parent.is_dir():
            raise InputError(f"The folder {out.parent} is not there; make it, or choose another --out.")
        stem = out.name.removesuffix(".jsonl")
        names = ("rejects.jsonl", "replies.jsonl", "config.json", "lock")
        return cls(out, *(out.with_name(f"{stem}.{name}") for name in names))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other runs away: two would pay for the same lists.

        Raises:
            InputError: Another run writes these files.
            MissingDependencyError: filelock is missing.
        """
        try:
            from filelock import FileLock, Timeout
        except ImportError as error:
            raise MissingDependencyError("filelock", "pip install 'reasonrank[train]'") from error
        lock = FileLock(self.lock)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(f"Another run writes {self.out}; wait for it, or choose another --out.") from None
        try:
            yield
        finally:
            lock.release()

    def keep_config(self, config: Mapping[str, Any], changeable: Iterable[str] = ()) -> None:
        """Save how the run was started; going on with other settings than the replies there were made with is an error.

        Raises:
            InputError: A setting outside ``changeable`` differs from the run before.
        """
        if self.config.exists() and (self.replies.exists() or self.out.exists()):
            before = json.loads(self.config.read_text(encoding="utf-8"))
            changed = sorted(
                name for name in config if name not in set(changeable) and config[name] != before.get(name)
            )
            if changed:
                listed = ", ".join(f"{name} {before.get(name)!r} (now {config[name]!r})" for name in changed)
                raise InputError(f"{self.out} was begun with {listed}; keep that, or choose another --out.")
        with replacing(self.config) as file:
            file.write(json.dumps(config, indent=2, ensure_ascii=False) + "\n")


def counted(reasons: Iterable[str], most: int = 12) -> dict[str, int]:
    """How often each kind of fault came up; numbers and quoted parts do not make kinds of their own.

    >>> counted(["the order has 3 above 1", "the order has 2 above 5", "no text"])
    {'the order has N above N': 2, 'no text': 1}
    """
    kinds = Counter(re.sub(r"\d+", "N", re.sub(r"\([^)]*\)|\[[^\]]*\]|'[^']*'", "…", one)) for one in reasons)
    return dict(kinds.most_common(most))


def tally_summary(tally: Tally, cost: float) -> dict[str, Any]:
    """Tokens and cost for a summary."""
    return {
        "replies": tally.replies,
        "prompt_tokens": tally.prompt_tokens,
        "completion_tokens": tally.completion_tokens,
        "replies_uncounted": tally.uncounted,
        "cost": round(cost, 6),
    }


def check_complete(asked: Asked, open_lists: int) -> None:
    """Raises :class:`ReasonRankError` where lists are left to be asked."""
    if open_lists:
        why = asked.stopped or next(iter(asked.unanswered.values()), "they were not reached")
        raise ReasonRankError(
            f"{open_lists} lists have no usable answer yet ({why}); what was answered is kept: run the same command "
            "again to go on."
        )
