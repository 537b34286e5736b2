"""Observations in a folder, one line a list, so that a stopped run goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reasonrank.data import GRADES, Judgement
from reasonrank.errors import InputError
from train.observations import Cited, DocumentObservation, ListObservation, PairObservation, Said
from train.records import TeacherRecord
from train.split import stable_share


class ObservationFile:
    """Observations in a folder, one JSON line a list, beside what they were made with.

    Args:
        folder: Made if it is not there.
        about: Which student, engine and settings; a folder that holds those of another one is refused.

    Raises:
        InputError: The folder belongs to another student, or a line in it is not an observation.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self._path = folder / "observations.jsonl"
        marker = folder / "observed.json"
        if marker.is_file() and self._path.is_file():
            before = json.loads(marker.read_text(encoding="utf-8"))
            differ = sorted(name for name in {*before, *about} if before.get(name) != about.get(name))
            if differ:
                raise InputError(
                    f"{folder} holds observations made with another {', '.join(differ)}; choose another --out, "
                    "or delete observations.jsonl there."
                )
        folder.mkdir(parents=True, exist_ok=True)
        marker.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
        self.known = {one.query_id: one for one in self._read()}

    def _read(self) -> Iterator[ListObservation]:
        if not self._path.is_file():
            return
        lines = self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        if lines and not lines[-1].endswith("\n"):  # a kill in the middle of a write
            lines.pop()
            self._path.write_text("".join(lines), encoding="utf-8")
        for number, line in enumerate(lines, start=1):
            try:
                yield from_json(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{self._path}, line {number}: not an observation ({type(error).__name__}); delete the line."
                ) from error

    def add(self, observation: ListObservation) -> None:
        """Append one list; it is on disk when this returns."""
        self.known[observation.query_id] = observation
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(to_json(observation), ensure_ascii=False) + "\n")


def to_json(observation: ListObservation) -> dict[str, Any]:
    """Plain values of an observation; :func:`from_json` reads them back."""
    return asdict(observation)


def from_json(value: dict[str, Any]) -> ListObservation:
    """An observation from its plain values; raises KeyError, TypeError or ValueError where they are not one."""
    documents = []
    for one in value["documents"]:
        judgement = Judgement(**{k: tuple(v) if isinstance(v, list) else v for k, v in one["judgement"].items()})
        if len(judgement.label_probabilities) != len(GRADES):
            raise ValueError("three grades have three probabilities")
        swapped = None if one["swapped"] is None else Said(**one["swapped"])
        cited = None if one["cited"] is None else Cited(**one["cited"])
        documents.append(
            DocumentObservation(one["doc_id"], judgement, Said(**one["reason"]), swapped, one["cites"], cited)
        )
    pairs = []
    for one in value["pairs"]:
        first, second = one["by_order"]
        pairs.append(PairObservation(one["first_id"], one["second_id"], (first, second)))
    comparisons = tuple(Said(**one) for one in value["comparisons"])
    return ListObservation(value["query_id"], tuple(documents), tuple(pairs), comparisons)


def in_order(records: Sequence[TeacherRecord]) -> list[TeacherRecord]:
    """Fully labelled lists, in the stable order in which ``--lists N`` takes the first N.

    Raises:
        InputError: None is fully labelled.
    """
    labelled = [one for one in records if all(document.doc_id in one.labels for document in one.documents)]
    if not labelled:
        raise InputError("No list kept aside has a label for each of its documents; give other --judged files.")
    return sorted(labelled, key=lambda record: stable_share(record.query.query_id))
