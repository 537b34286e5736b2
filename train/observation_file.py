"""Observations as JSON lines, and the order in which lists are observed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reasonrank.data import GRADES, Judgement
from reasonrank.errors import InputError
from train.kept_lines import KeptLines
from train.observations import Cited, DocumentObservation, ListObservation, PairObservation, Said
from train.records import TeacherRecord
from train.split import stable_share


class ObservationFile:
    """``observations.jsonl`` of a folder, by query_id.

    Args:
        folder: Made if it is not there.
        about: Which student, engine and settings; a folder that holds those of another one is refused.

    Raises:
        InputError: The folder belongs to another student, or a line in it is not an observation.
    """

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self._lines = KeptLines(folder, "observations", about)
        self.known: dict[str, ListObservation] = {}
        for query_id, value in self._lines.known.items():
            try:
                self.known[query_id] = from_json(value)
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(
                    f"{self._lines.path}, query_id {query_id}: not an observation ({type(error).__name__}); "
                    "delete that line."
                ) from error

    def add(self, observation: ListObservation) -> None:
        """Append one list; it is on disk when this returns."""
        self.known[observation.query_id] = observation
        self._lines.add(to_json(observation))


def to_json(observation: ListObservation) -> dict[str, Any]:
    """Plain values of an observation; :func:`from_json` reads them back."""
    return asdict(observation)


def judgement_from_json(value: dict[str, Any]) -> Judgement:
    """A judgement from its plain values; raises TypeError or ValueError where they are not one."""
    fields: dict[str, Any] = {name: tuple(of) if isinstance(of, list) else of for name, of in value.items()}
    judgement = Judgement(**fields)
    if len(judgement.label_probabilities) != len(GRADES):
        raise ValueError("three grades have three probabilities")
    return judgement


def from_json(value: dict[str, Any]) -> ListObservation:
    """An observation from its plain values; raises KeyError, TypeError or ValueError where they are not one."""
    documents = []
    for one in value["documents"]:
        swapped = None if one["swapped"] is None else Said(**one["swapped"])
        cited = None if one["cited"] is None else Cited(**one["cited"])
        judgement, reason = judgement_from_json(one["judgement"]), Said(**one["reason"])
        documents.append(DocumentObservation(one["doc_id"], judgement, reason, swapped, one["cites"], cited))
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
