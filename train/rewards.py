"""What an explanation is worth: rewards as pure functions, and ``python -m train.rewards`` to see them on samples.

Every reward takes explanations and returns a number in [0, 1] for each, or None where it cannot judge. A weighted
mean over those that can is the reward that refinement learns from (InteRank, arXiv 2504.03947: sampled explanations
are scored, and the better ones are learned).
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from reasonrank.data import GRADES, Document, Status
from reasonrank.engines.base import Engine
from reasonrank.errors import InputError
from reasonrank.evidence import SentenceEncoder, select_evidence
from reasonrank.prompts import LABELS, one_line, passage_text, verdict_prompt

MOST_WORDS = 60
"""A reason longer than this is no longer a reason for a card."""
_QUOTED = re.compile(r"[\"“]([^\"“”]{4,200})[\"”]")


@dataclass(frozen=True, slots=True)
class Explanation:
    """A sampled reason with all that a reward may look at.

    Args:
        list_id: The list it belongs to; explanations of one list are set in order.
        query: The query's text.
        document: The document.
        text: The reason.
        status: As :func:`reasonrank.parsing.parse_reason` has it.
        label: The known grade, or None.
        grade: Expected grade that was read after this reason, or None where none was read.
    """

    list_id: str
    query: str
    document: Document
    text: str
    status: Status
    label: int | None = None
    grade: float | None = None


Values = list[float | None]
Reward = Callable[[Sequence[Explanation]], Values]


def agreement(explanations: Sequence[Explanation]) -> Values:
    """How near the grade after the reason is to the known label: 1 on it, 0 at the other end of the scale."""
    return [
        None if one.label is None or one.grade is None else 1 - abs(one.grade - one.label) / GRADES[-1]
        for one in explanations
    ]


def order(explanations: Sequence[Explanation]) -> Values:
    """Share of the list's documents of another label on whose right side this grade puts the document.

    The others stand by the mean grade over their own explanations; a tie counts half.
    """
    grades: dict[tuple[str, str], list[float]] = {}
    labels: dict[tuple[str, str], int] = {}
    for one in explanations:
        if one.label is not None and one.grade is not None:
            grades.setdefault((one.list_id, one.document.doc_id), []).append(one.grade)
            labels[one.list_id, one.document.doc_id] = one.label
    means = {key: fmean(values) for key, values in grades.items()}
    found: Values = []
    for one in explanations:
        sides = [
            0.5 if one.grade == mean else float((one.grade > mean) == (one.label > labels[key]))
            for key, mean in means.items()
            if key[0] == one.list_id and one.label is not None and one.grade is not None and labels[key] != one.label
        ]
        found.append(fmean(sides) if sides else None)
    return found


def form(explanations: Sequence[Explanation]) -> Values:
    """1 for a reason that parses, ends, does not repeat itself and is not too long; else 0."""
    return [float(one.status == "ok" and len(one.text.split()) <= MOST_WORDS) for one in explanations]


def quotes(explanations: Sequence[Explanation]) -> Values:
    """Share of the quoted spans that stand in the document, white space and case aside; None without a quotation."""
    found: Values = []
    for one in explanations:
        whole = one_line(passage_text(one.document.text, one.document.title)).lower()
        spans = [one_line(span).lower().strip(" .,;") for span in _QUOTED.findall(one.text)]
        found.append(sum(span in whole for span in spans) / len(spans) if spans else None)
    return found


def evidence(encoder: SentenceEncoder) -> Reward:
    """Support of the sentence of the document that supports the reason best (:mod:`reasonrank.evidence`)."""

    def judge(explanations: Sequence[Explanation]) -> Values:
        chosen = [select_evidence(one.text, one.document, encoder) for one in explanations]
        return [None if one is None else one.support for one in chosen]

    return judge


def verdict(engine: Engine) -> Reward:
    """A judge model's verdict on any engine, also a server's: its expected grade of the reason, as a share of 2."""

    def judge(explanations: Sequence[Explanation]) -> Values:
        usable = [number for number, one in enumerate(explanations) if one.text.strip()]
        prompts = [
            verdict_prompt(one.query, passage_text(one.document.text, one.document.title), one.text)
            for one in (explanations[number] for number in usable)
        ]
        found: Values = [None] * len(explanations)
        for number, choice in zip(usable, engine.choose(prompts, LABELS) if prompts else [], strict=True):
            mean = sum(grade * p for grade, p in zip(GRADES, choice.probabilities, strict=True))
            found[number] = mean / GRADES[-1]
        return found

    return judge


def reward_model(score: Callable[[Sequence[str]], Sequence[float]]) -> Reward:
    """A reward model's score of the verdict prompt; ``score`` maps texts to [0, 1] (:func:`classifier`)."""

    def judge(explanations: Sequence[Explanation]) -> Values:
        texts = [
            verdict_prompt(one.query, passage_text(one.document.text, one.document.title), one.text)
            for one in explanations
        ]
        return [float(value) for value in score(texts)]

    return judge


def classifier(name: str) -> Callable[[Sequence[str]], list[float]]:
    """A sequence classifier of transformers with one output, through a sigmoid.

    Raises:
        InputError: The model cannot be loaded, or has more outputs than one.
    """
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    try:
        model = AutoModelForSequenceClassification.from_pretrained(name).eval()
        tokenizer = AutoTokenizer.from_pretrained(name)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"The reward model {name!r} could not be loaded ({type(error).__name__}).") from error
    if model.config.num_labels != 1:
        raise InputError(f"{name} has {model.config.num_labels} outputs; a reward model has one.")

    def score(texts: Sequence[str]) -> list[float]:
        with torch.inference_mode():
            values = []
            for text in texts:
                inputs = tokenizer(text, return_tensors="pt", truncation=True, split_special_tokens=True)
                values.append(float(torch.sigmoid(model(**inputs).logits[0, 0])))
            return values

    return score


def combine(parts: Mapping[str, Values], weights: Mapping[str, float]) -> Values:
    """The weighted mean of the parts that can judge, explanation by explanation; None where none can.

    >>> combine({"a": [1.0, None], "b": [0.0, None]}, {"a": 3.0, "b": 1.0})
    [0.75, None]
    """
    found: Values = []
    for values in zip(*parts.values(), strict=True):
        known = [(weights[name], value) for name, value in zip(parts, values, strict=True) if value is not None]
        total = sum(weight for weight, _ in known)
        found.append(sum(weight * value for weight, value in known) / total if total > 0 else None)
    return found


def table(named: Mapping[str, Sequence[float | None]]) -> str:
    """Mean, share that could be judged, and spread of each reward."""
    lines = [f"{'reward':<14}{'mean':>8}{'judged':>8}{'least':>8}{'most':>8}"]
    for name, values in named.items():
        known = [value for value in values if value is not None]
        share = len(known) / len(values) if values else 0.0
        figures = (fmean(known), share, min(known), max(known)) if known else (float("nan"), share, *[float("nan")] * 2)
        lines.append(f"{name:<14}" + "".join(f"{value:>8.3f}" for value in figures))
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command: a table of the rewards in a ``samples.jsonl`` of :mod:`train.refine`."""
    parser = argparse.ArgumentParser(prog="python -m train.rewards", description=__doc__)
    parser.add_argument("samples", type=Path, help="samples.jsonl of a refinement")
    options = parser.parse_args(arguments)
    named: dict[str, list[float | None]] = {}
    try:
        for line in options.samples.read_text(encoding="utf-8").splitlines():
            for one in json.loads(line)["explanations"]:
                for name, value in {**one["rewards"], "total": one["total"]}.items():
                    named.setdefault(name, []).append(value)
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = InputError(f"{options.samples} is no samples.jsonl of train.refine ({type(error).__name__}).")
        sys.stderr.write(f"train.rewards: {message}\n")
        return 2
    sys.stdout.write(table(named) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
