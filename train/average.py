"""Averages adapters that were trained one from the other: ``python -m train.average A B C --out D``.

Steps at a high learning rate leave weights that jump about a good place; the mean of several lies nearer to it than
each ("model soups", Wortsman et al., arXiv 2203.05482). The low-rank matrices are averaged as they are, which is only
sensible where one run went on from another: then they share a basis.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from reasonrank.errors import InputError, ReasonRankError
from reasonrank.models import adapter_hash, read_adapter
from train.commit import git_commit
from train.distill import ADAPTER_WEIGHTS, write_weights


def average(folders: Sequence[Path], out: Path) -> Path:
    """Write the mean of some adapters, in bfloat16, with a ``meta.json`` that names them.

    Args:
        folders: Adapters on the same base weights, for the same prompts or for those of the last one.
        out: Made if it is not there.

    Raises:
        InputError: They are fewer than two, or do not fit each other.
    """
    if len(folders) < 2:
        raise InputError(f"Got {len(folders)} adapter, expected at least two to average.")
    adapters = [read_adapter(folder) for folder in folders]
    bases = {one.base_weights_hash for one in adapters if one.base_weights_hash}
    if len(bases) > 1:
        raise InputError("The adapters were trained on different base weights, so their mean would mean nothing.")
    try:
        states = [load_file(str(folder / ADAPTER_WEIGHTS)) for folder in folders]
    except (OSError, SafetensorError) as error:
        raise InputError(f"An adapter's weights cannot be read: {error}") from error
    shapes = [{name: tensor.shape for name, tensor in state.items()} for state in states]
    if any(one != shapes[0] for one in shapes):
        raise InputError("The adapters have other layers or ranks than each other; average those of one line of runs.")
    mean = {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}
    write_weights(mean, out)
    last = folders[-1]
    shutil.copyfile(last / "adapter_config.json", out / "adapter_config.json")
    meta_file = last / "meta.json"
    meta = json.loads(meta_file.read_text(encoding="utf-8")) if meta_file.is_file() else {}
    meta.pop("held_out", None)  # measured of the last one, not of the mean
    meta |= {
        "name": out.name,
        "average_of": [{"name": one.name, "hash": adapter_hash(one.path)} for one in adapters],
        "commit": git_commit(),
    }
    (out / "meta.json").write_text(json.dumps(meta, indent=2) + "\n", encoding="utf-8")
    return out


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; errors are one sentence and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m train.average", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("adapters", type=Path, nargs="+", help="adapters' folders; prompts and settings of the last")
    parser.add_argument("--out", type=Path, required=True, help="folder for the mean")
    options = parser.parse_args(arguments)
    try:
        made = average(options.adapters, options.out)
    except ReasonRankError as error:
        sys.stderr.write(f"train.average: {error}\n")
        return 2
    sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
