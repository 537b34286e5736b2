"""Measure a student's explanations on judged lists kept aside: ``python -m train.explanations --judged F ... --out D``.

The student is asked everything once (grades, reasons, the same under another list's query, scores around the cited
sentence, comparisons of all pairs), by the functions and on the engine that the app uses; what it says is kept in
``observations.jsonl``, so that a stopped run goes on where it was. From it ``explanations.json`` and a table are made,
each figure with a 95% bootstrap interval over lists and beside a baseline that would expose a trick.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, is_dataclass, replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from reasonrank import __version__
from reasonrank.encoder import load_encoder
from reasonrank.engines.load import engine_choice, load_engine
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.evidence import SentenceEncoder
from reasonrank.settings import Settings
from reasonrank.student import Student
from train.abstention import abstention_figures
from train.faithfulness import faithfulness_figures
from train.grade_measures import JudgedList, grade_figures
from train.identity import identity
from train.observation_file import ObservationFile, in_order
from train.observations import observe, other_queries
from train.pair_measures import pair_figures
from train.reason_measures import decision_figures, match_figures, status_figures
from train.records import TeacherRecord, read_records
from train.split import split_records


def explanation_figures(lists: Sequence[JudgedList], encoder: SentenceEncoder) -> dict[str, Any]:
    """Every section of ``explanations.json`` that measures something."""
    return {
        "grades": grade_figures(lists),
        "texts": status_figures(lists),
        "reason_match": match_figures(lists, encoder),
        "faithfulness": faithfulness_figures(lists),
        "decision_from_reason": decision_figures(lists),
        "pairs": pair_figures(lists),
        "abstention": abstention_figures(lists),
    }


def observe_all(
    records: Sequence[TeacherRecord], queries: dict[str, str], file: ObservationFile, make: Callable[[], Student]
) -> list[JudgedList]:
    """Ask the student about every list that the file does not know yet; it is loaded only if one is missing."""
    missing = [record for record in records if record.query.query_id not in file.known]
    if missing:
        student = make()
        for record in tqdm(missing, unit=" lists", file=sys.stderr):
            file.add(observe(record, student, queries.get(record.query.query_id)))
    return [JudgedList(record, file.known[record.query.query_id]) for record in records]


def held_out_lists(paths: Sequence[Path], *, everything: bool) -> list[TeacherRecord]:
    """The labelled lists kept aside from training, in a stable order.

    Raises:
        InputError: A file is not one of teacher records, or nothing is kept aside or labelled.
    """
    records = [record for path in paths for record in read_records(path)]
    held = records if everything else split_records(records)[1]
    if not held:
        raise InputError("No list fell on the kept-aside side; give more lists, or --all to measure on every list.")
    return in_order(held)


# -- results ------------------------------------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """Figures as JSON objects, whatever holds them."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value


def table(results: Sequence[dict[str, Any]]) -> Iterator[str]:
    """Results side by side, a figure a line: its mean and, where there is one, its 95% interval."""
    yield " " * 46 + "".join(f"{result['about']['student'][:30]:<32}" for result in results).rstrip()
    yield " " * 46 + "".join(f"{result['about']['lists']} lists{'':<24}"[:32] for result in results).rstrip()
    for section in results[0]["figures"]:
        yield section.replace("_", " ")
        rows: dict[str, list[str]] = {}
        for place, result in enumerate(results):
            for name, text in _rows(result["figures"].get(section, {})):
                rows.setdefault(name, [""] * len(results))[place] = text
        for name, texts in rows.items():
            yield f"  {name:<44}" + "".join(f"{text:<32}" for text in texts).rstrip()


def _rows(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and set(value) == {"value", "low", "high", "count"}:
        if value["value"] is None:
            yield name, "not measured"
        else:
            yield name, f"{value['value']:.3f} [{value['low']:.3f}, {value['high']:.3f}] n={value['count']}"
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _rows(inner, f"{name}, {key.replace('_', ' ')}" if name else key.replace("_", " "))
    else:
        yield name, "not measured" if value is None else f"{value:.3f}"


def read_results(path: Path) -> dict[str, Any]:
    """An ``explanations.json`` of another run; raises :class:`InputError` where it is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
        if {"about", "figures"} <= set(value):
            return dict(value)
    except (OSError, ValueError, TypeError):
        pass
    raise InputError(f"{path} is no explanations.json of this command; give the file that another run wrote.")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.explanations", description=__doc__)
    parser.add_argument("--judged", type=Path, nargs="+", required=True, help="teacher records with labels and reasons")
    parser.add_argument("--all", action="store_true", help="measure on every list, not only on those kept aside")
    parser.add_argument("--lists", type=int, default=None, help="take the first so many lists (the order is stable)")
    parser.add_argument("--student", default=None, help="base, default, a folder or a hub id")
    parser.add_argument("--engine", default=None, choices=("auto", "ctranslate2", "transformers"))
    parser.add_argument("--device", default=None, help="auto, cpu, cuda or mps")
    parser.add_argument("--mode", default=None, choices=("score_then_reason", "reason_then_score"))
    parser.add_argument("--no-swapped", action="store_true", help="leave out the reasons under another list's query")
    parser.add_argument(
        "--beside", type=Path, nargs="*", default=[], help="other runs' explanations.json, in the table"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for observations, figures and the table")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.load(
            student=options.student, engine=options.engine, mode=options.mode, device=options.device
        )
        settings = replace(settings, engine=engine_choice(settings))  # said, and never changed by itself
        others = [read_results(path) for path in options.beside]
        records = held_out_lists(options.judged, everything=options.all)
        queries = {} if options.no_swapped else other_queries(records)
        about = identity(settings) | {"reasons_for_another_query": not options.no_swapped}
        file = ObservationFile(options.out, about)
        encoder = load_encoder(settings)
        lists = observe_all(
            records[: options.lists], queries, file, lambda: Student(load_engine(settings, _tell), settings, encoder)
        )
        files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in options.judged}
        about |= {"lists": len(lists), "documents": sum(len(one.seen.documents) for one in lists), "files": files}
        about |= {"kept_aside": not options.all, "version": __version__}
        result = {"about": about, "figures": plain(explanation_figures(lists, encoder))}
        text = "".join(f"{line}\n" for line in table([result, *others]))
        (options.out / "explanations.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
        (options.out / "explanations.txt").write_text(text, encoding="utf-8")
    except ReasonRankError as error:
        sys.stderr.write(f"train.explanations: {error}\n")
        return 2
    sys.stdout.write(text)
    return 0


def _tell(what: str, fraction: float) -> None:
    sys.stderr.write(f"{fraction:4.0%} {what}\n")


if __name__ == "__main__":
    raise SystemExit(main())
