"""Explanations sampled from a student and rewarded, list by list, kept so that nothing is sampled or judged twice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reasonrank import prompts
from reasonrank.data import Document, Query
from reasonrank.engines.base import Engine
from reasonrank.parsing import parse_reason
from train.kept_lines import KeptLines
from train.records import TeacherRecord
from train.rewards import Explanation, Reward, Values, combine

MODES = ("score_then_reason", "reason_then_score")


@dataclass(frozen=True, slots=True)
class SampleOptions:
    """How explanations are sampled.

    Args:
        mode: Which judging mode's reason is written.
        samples: Explanations a document.
        temperature: Of sampling.
        max_tokens: Longest explanation.
        max_words: Documents are cut at so many words, as in training.
        seed: Decides every sample.
    """

    mode: str = "score_then_reason"
    samples: int = 4
    temperature: float = 0.9
    max_tokens: int = 64
    max_words: int = 80
    seed: int = 13


@dataclass(frozen=True, slots=True)
class Rewarded:
    """One text for a document of a record, and what it is worth; ``total`` is None where nothing could judge it."""

    doc_id: str
    text: str
    status: str
    grade: float | None
    rewards: Mapping[str, float | None]
    total: float | None


def passage_of(document: Document, max_words: int) -> str:
    """The part of a document that is read, as :class:`train.examples.SequenceWriter` cuts it."""
    return " ".join(prompts.passage_text(document.text, document.title).split(" ")[:max_words])


def reason_prompt(query: Query, document: Document, label: int | None, options: SampleOptions) -> str | None:
    """What a reason continues; None where the mode needs a label and none is known."""
    passage = passage_of(document, options.max_words)
    if options.mode == "reason_then_score":
        return prompts.reason_prompt(query.text, passage)
    return None if label is None else prompts.reason_after_grade_prompt(query.text, passage, label)


def grades_after(engine: Engine, explanations: Sequence[tuple[str, str, str]]) -> list[float]:
    """Expected grade after each (query, passage, reason), by the template of the mode reason then score."""
    asked = [prompts.grade_after_reason_prompt(*one) for one in explanations]
    choices = engine.choose(asked, prompts.LABELS) if asked else []
    return [sum(grade * p for grade, p in enumerate(choice.probabilities)) for choice in choices]


def explain_list(record: TeacherRecord, engine: Engine, options: SampleOptions) -> list[Explanation]:
    """Sampled explanations of every document, with the grade read after each usable one."""
    asked: list[tuple[Document, str]] = []
    for document in record.documents:
        prompt = reason_prompt(record.query, document, record.labels.get(document.doc_id), options)
        asked += [(document, prompt)] * options.samples if prompt is not None else []
    written = engine.generate(
        [prompt for _, prompt in asked],
        max_tokens=options.max_tokens,
        temperature=options.temperature,
        seed=options.seed,
    )
    parsed = [(document, *parse_reason(done)) for (document, _), done in zip(asked, written, strict=True)]
    usable = [number for number, (_, status, _) in enumerate(parsed) if status == "ok"]
    read = grades_after(
        engine,
        [(record.query.text, passage_of(parsed[n][0], options.max_words), parsed[n][2]) for n in usable],
    )
    grades = dict(zip(usable, read, strict=True))
    return [
        Explanation(
            record.query.query_id,
            record.query.text,
            document,
            text,
            status,
            record.labels.get(document.doc_id),
            grades.get(number),
        )
        for number, (document, status, text) in enumerate(parsed)
    ]


def rewarded(
    explanations: Sequence[Explanation], rewards: Mapping[str, Reward], weights: Mapping[str, float]
) -> list[Rewarded]:
    """Every explanation with each reward under its name and their weighted mean."""
    parts: dict[str, Values] = {name: reward(explanations) for name, reward in rewards.items()}
    totals = combine(parts, weights)
    return [
        Rewarded(
            one.document.doc_id,
            one.text,
            one.status,
            one.grade,
            {name: values[number] for name, values in parts.items()},
            totals[number],
        )
        for number, one in enumerate(explanations)
    ]


def sample_list(
    record: TeacherRecord,
    engine: Engine,
    rewards: Mapping[str, Reward],
    weights: Mapping[str, float],
    options: SampleOptions,
    kept: KeptLines,
) -> list[Rewarded]:
    """The rewarded explanations of one list, from the file where they are kept, else made now and kept."""
    stored = kept.known.get(record.query.query_id)
    if stored is None:
        found = rewarded(explain_list(record, engine, options), rewards, weights)
        kept.add({"query_id": record.query.query_id, "explanations": [_plain(one) for one in found]})
        return found
    return [Rewarded(**one) for one in stored["explanations"]]


def _plain(one: Rewarded) -> dict[str, Any]:
    return {
        "doc_id": one.doc_id,
        "text": one.text,
        "status": one.status,
        "grade": one.grade,
        "rewards": dict(one.rewards),
        "total": one.total,
    }
