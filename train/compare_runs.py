"""Two evaluations of the same judgements set against each other: ``python -m train.compare_runs OURS THEIRS --out D``.

Reads the ``per_query.csv`` that :mod:`train.evaluate` writes into its ``--out``. For each measure: both means, the
mean difference with its 95% bootstrap interval over queries, the p of a paired sign-flip test, and how many queries
are better, equal and worse. One measure is drawn as a plot, a bar a query.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError, MissingDependencyError, ReasonRankError
from reasonrank.measures import interval, paired_p_value

Values = dict[str, dict[str, float]]
"""``{measure: {query_id: value}}``."""
OF_FIRST_STAGE = "first_stage "
EQUAL = 1e-9


def read_per_query(folder: Path, *, first_stage: bool = False) -> Values:
    """The values of ``per_query.csv``, of the run or of its first stage.

    Raises:
        InputError: There is no such file, or it is not as :mod:`train.evaluate` writes it.
    """
    path = folder / "per_query.csv"
    values: Values = {}
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                for name, value in row.items():
                    if name != "query_id" and name.startswith(OF_FIRST_STAGE) is first_stage:
                        values.setdefault(name.removeprefix(OF_FIRST_STAGE), {})[row["query_id"]] = float(value)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is no per_query.csv of train.evaluate ({type(error).__name__}).") from error
    if not values:
        raise InputError(f"{path} holds no values; evaluate with --out first.")
    return values


def compare(ours: Values, theirs: Values) -> dict[str, dict[str, Any]]:
    """By measure: both means, the difference, its p, and counts of queries.

    Raises:
        InputError: The two are not over the same queries, so a paired comparison means nothing.
    """
    found = {}
    for name in (name for name in ours if name in theirs):
        if ours[name].keys() != theirs[name].keys():
            raise InputError("The two runs were measured on different queries; evaluate both on the same judgements.")
        change = differences(ours[name], theirs[name])
        found[name] = {
            "ours": sum(ours[name].values()) / len(change),
            "theirs": sum(theirs[name].values()) / len(change),
            "difference": asdict(interval(list(change.values()))),
            "p": paired_p_value(ours[name], theirs[name]),
            "better": sum(value > EQUAL for value in change.values()),
            "equal": sum(abs(value) <= EQUAL for value in change.values()),
            "worse": sum(value < -EQUAL for value in change.values()),
        }
    if not found:
        raise InputError("The two runs share no measure; evaluate both with the same --rel-cutoff.")
    return found


def differences(ours: dict[str, float], theirs: dict[str, float]) -> dict[str, float]:
    """Ours minus theirs by query_id, the largest first."""
    change = {query_id: ours[query_id] - theirs[query_id] for query_id in ours}
    return dict(sorted(change.items(), key=lambda pair: (-pair[1], pair[0])))


def plot(change: dict[str, float], measure: str, path: Path, names: tuple[str, str]) -> None:
    """Draw one bar a query, the largest gain first, and the mean as a line; SVG or PNG by the file's name.

    Raises:
        MissingDependencyError: matplotlib is missing.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("matplotlib", "pip install 'reasonrank[train]'") from error
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    values = list(change.values())
    axes.bar(range(len(values)), values, width=0.9, color=["#2a6f97" if value >= 0 else "#bc4b51" for value in values])
    mean = sum(values) / len(values)
    axes.axhline(0, color="black", linewidth=0.6)
    axes.axhline(mean, color="black", linewidth=0.8, linestyle="--", label=f"mean {mean:+.3f}")
    axes.set(xlabel=f"{len(values)} queries, largest gain first", ylabel=f"change of {measure}", xticks=[])
    axes.set_title(f"{names[0]} against {names[1]}")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.compare_runs", description=__doc__)
    parser.add_argument("ours", type=Path, help="folder of an evaluation (its --out)")
    parser.add_argument("theirs", type=Path, nargs="?", help="another one; without it, the first stage of ours")
    parser.add_argument("--measure", default="nDCG@10", help="what is drawn")
    parser.add_argument("--out", type=Path, default=None, help="folder for comparison.json and differences.svg")
    options = parser.parse_args(arguments)
    try:
        ours = read_per_query(options.ours)
        theirs = read_per_query(options.theirs or options.ours, first_stage=options.theirs is None)
        found = compare(ours, theirs)
        if options.measure not in found:
            raise InputError(f"--measure is {options.measure!r}; these runs have {', '.join(found)}.")
        names = (options.ours.name, options.theirs.name if options.theirs else "its first stage")
        if options.out is not None:
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "comparison.json").write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
            change = differences(ours[options.measure], theirs[options.measure])
            plot(change, options.measure, options.out / "differences.svg", names)
    except ReasonRankError as error:
        sys.stderr.write(f"train.compare_runs: {error}\n")
        return 2
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
