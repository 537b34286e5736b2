"""What a teacher is asked of one list, and its reply to a record: strictly, with every fault named.

A reply whose frame is broken (not JSON, other passages than the list's, labels outside 0 to 2, an order that is not
one or contradicts the labels), or most of whose reasons are rejected, is rejected whole. Otherwise a reason whose
evidence is not in the passage, or a comparison that contradicts the order or names another passage, is rejected alone.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reasonrank.data import GRADES, Document, Query
from reasonrank.parsing import is_repeated
from reasonrank.prompts import PROMPT_VERSION, TEACHER_ROLE, one_line, passage_text, teacher_prompt
from train.endpoint import Reply, Request
from train.records import ComparisonText, Reason, TeacherRecord
from train.verbatim import verbatim

MIN_WORDS, MAX_WORDS = 5, 80
"""Of a reason; it is asked for in 15 to 32."""
LEAST_REASONS = 0.5
"""Where a smaller part of a reply's reasons stands, the whole is rejected."""
_NUMBER = re.compile(r"\[(\d+)\]")
_BARE_NUMBER = re.compile(r"\bpassages?\s*#?\d", re.IGNORECASE)
_FENCED = re.compile(r"```(?:json)?\s*\n(.*)\n\s*```", re.DOTALL)


@dataclass(frozen=True, slots=True)
class ListToJudge:
    """A query with the documents that a teacher judges together."""

    query: Query
    documents: tuple[Document, ...]

    @property
    def key(self) -> str:
        """Identifies the list by what is in it."""
        parts = [self.query.query_id, self.query.text]
        parts += [part for one in self.documents for part in (one.doc_id, one.title, one.text)]
        return hashlib.sha256(json.dumps(parts).encode("ascii")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Reject:
    """Something a teacher said that is not used.

    Args:
        part: ``reply``, ``reason of ID`` or ``comparison NUMBER``.
        why: What was expected and what stood there.
        text: What was said.
    """

    part: str
    why: str
    text: str


@dataclass(frozen=True, slots=True)
class Judged:
    """A reply's worth: a record, or None where the whole reply was rejected, and what was rejected."""

    record: TeacherRecord | None
    rejects: tuple[Reject, ...] = ()


class FaultError(Exception):
    """The frame of a reply is broken."""


def request_for(listed: ListToJudge, comparisons: int, max_words: int) -> Request:
    """The request for one list; passages are shown up to ``max_words`` words."""
    count = len(listed.documents)
    pairs = comparisons if count > 1 else 0
    passages = [
        " ".join(passage_text(document.text, document.title).split(" ")[:max_words]) for document in listed.documents
    ]
    prompt = teacher_prompt(listed.query.text, passages, pairs)
    return Request(listed.key, listed.query.query_id, TEACHER_ROLE, prompt, reply_schema(count, pairs))


def reply_schema(documents: int, comparisons: int) -> dict[str, Any]:
    """JSON schema of a reply for a list of so many documents: each stands in it exactly once."""
    numbers = list(range(1, documents + 1))
    text = {"type": "string"}
    passage = _object(label={"type": "integer", "enum": list(GRADES)}, evidence=text, direct=text)
    number = {"type": "integer", "enum": numbers}
    return _object(
        passages=_object(**{str(one): passage for one in numbers}),
        order={"type": "array", "items": number, "minItems": documents, "maxItems": documents},
        comparisons={
            "type": "array",
            "items": _object(better=number, worse=number, text=text),
            "minItems": comparisons,
            "maxItems": comparisons,
        },
    )


def judge_reply(listed: ListToJudge, reply: Reply, teacher: str) -> Judged:
    """What a reply is worth; see the module's docstring for what is rejected whole and what alone."""
    try:
        value = parse_object(reply, {"passages", "order", "comparisons"})
        said = _passages(value["passages"], len(listed.documents))
        labels = [_label(number, one) for number, one in enumerate(said, start=1)]
        order = _order(value["order"], labels)
        pairs = value["comparisons"]
        if not isinstance(pairs, list):
            raise FaultError("comparisons is not an array")
    except FaultError as fault:
        return Judged(None, (Reject("reply", str(fault), reply.text),))
    rejects: list[Reject] = []
    ids = [document.doc_id for document in listed.documents]
    reasons: dict[str, Reason] = {}
    for document, one, label in zip(listed.documents, said, labels, strict=True):
        try:
            reasons[document.doc_id] = _reason(document, one, label)
        except FaultError as fault:
            rejects.append(Reject(f"reason of {document.doc_id}", str(fault), json.dumps(one, ensure_ascii=False)))
    if len(reasons) < LEAST_REASONS * len(ids):
        why = f"only {len(reasons)} of {len(ids)} reasons stand, so its labels are not believed either"
        return Judged(None, (Reject("reply", why, reply.text), *rejects))
    comparisons: list[ComparisonText] = []
    for place, pair in enumerate(pairs, start=1):
        try:
            comparisons.append(_comparison(pair, ids, order, labels, comparisons))
        except FaultError as fault:
            rejects.append(Reject(f"comparison {place}", str(fault), json.dumps(pair, ensure_ascii=False)))
    record = TeacherRecord(
        listed.query,
        listed.documents,
        ranking=tuple(ids[number - 1] for number in order),
        labels=dict(zip(ids, labels, strict=True)),
        reasons=reasons,
        comparisons=tuple(comparisons),
        source="teacher",
        teacher=teacher,
        prompt_version=PROMPT_VERSION,
    )
    return Judged(record, tuple(rejects))


def parse_object(reply: Reply, keys: set[str]) -> dict[str, Any]:
    """The JSON object that a reply is, with exactly ``keys``; a code fence around all of it is taken off.

    Raises:
        FaultError: It is cut off, no JSON, or another object.
    """
    if reply.finish == "length":
        raise FaultError("the reply was cut off at its longest length; raise --max-tokens")
    text = reply.text.strip()
    fenced = _FENCED.fullmatch(text)
    try:
        value = json.loads(fenced.group(1) if fenced else text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise FaultError(f"not valid JSON ({str(error)[:80]})") from error
    if not isinstance(value, dict) or set(value) != keys:
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise FaultError(f"expected an object with {sorted(keys)}, got {str(found)[:120]}")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _object(**properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _passages(value: Any, count: int) -> list[dict[str, Any]]:
    numbers = [str(number) for number in range(1, count + 1)]
    if not isinstance(value, dict) or set(value) != set(numbers):
        found = sorted(value) if isinstance(value, dict) else type(value).__name__
        raise FaultError(f"expected the passages 1 to {count}, got {str(found)[:120]}")
    for number in numbers:
        one = value[number]
        if not isinstance(one, dict) or set(one) != {"label", "evidence", "direct"}:
            raise FaultError(f"passage {number} is not an object with label, evidence and direct")
    return [value[number] for number in numbers]


def _label(number: int, one: dict[str, Any]) -> int:
    label = one["label"]
    if isinstance(label, bool) or not isinstance(label, int) or label not in GRADES:
        raise FaultError(f"the label of passage {number} is {str(label)[:20]!r}, expected 0, 1 or 2")
    return label


def _order(value: Any, labels: Sequence[int]) -> list[int]:
    numbers = list(range(1, len(labels) + 1))
    plain = isinstance(value, list) and all(type(number) is int for number in value)
    if not plain or sorted(value) != numbers:
        raise FaultError(f"the order is {str(value)[:60]}, expected each of 1 to {len(labels)} once")
    for upper, lower in itertools.pairwise(value):
        if labels[upper - 1] < labels[lower - 1]:
            raise FaultError(
                f"the order has passage {upper} (label {labels[upper - 1]}) above {lower} (label {labels[lower - 1]})"
            )
    return list(value)


def _reason(document: Document, one: dict[str, Any], label: int) -> Reason:
    direct = _text(one["direct"], "the reason")
    if _NUMBER.search(direct) or _BARE_NUMBER.search(direct):
        raise FaultError("the reason names a passage by its number")
    quote = one["evidence"]
    if not isinstance(quote, str):
        raise FaultError("the evidence is no text")
    if not quote.strip():
        if label:
            raise FaultError(f"label {label} without evidence")
        return Reason(direct)
    evidence = verbatim(document.text, quote)
    if not evidence or len(quote.split()) < min(3, len(document.text.split())):
        raise FaultError("the evidence does not stand in the passage")
    return Reason(direct, evidence=evidence)


def _comparison(
    pair: Any, ids: Sequence[str], order: Sequence[int], labels: Sequence[int], before: Sequence[ComparisonText]
) -> ComparisonText:
    if not isinstance(pair, dict) or set(pair) != {"better", "worse", "text"}:
        raise FaultError("not an object with better, worse and text")
    better, worse = pair["better"], pair["worse"]
    if any(type(number) is not int or number not in order for number in (better, worse)) or better == worse:
        raise FaultError("better and worse are not two passages of the list")
    if order.index(better) > order.index(worse):
        raise FaultError(f"it prefers passage {better}, which the order has below {worse}")
    if (ids[better - 1], ids[worse - 1]) in [(one.preferred_id, one.other_id) for one in before]:
        raise FaultError("the same two passages are compared twice")
    text = _text(pair["text"], "the comparison").replace("{", "(").replace("}", ")")
    named = {int(number) for number in _NUMBER.findall(text)}
    if named != {better, worse}:
        raise FaultError(f"it names {sorted(named)}, expected [{better}] and [{worse}]")
    names = {better: "{preferred}", worse: "{other}"}
    text = _NUMBER.sub(lambda match: names[int(match.group(1))], text)
    # "passage [1]" is the natural way to write it; the placeholder is the whole name.
    text = re.sub(r"\b[Pp]assage (?=\{(?:preferred|other)\})", "", text)
    if _BARE_NUMBER.search(text):
        raise FaultError("it names a passage by a number without brackets")
    return ComparisonText(ids[better - 1], ids[worse - 1], text)


def _text(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise FaultError(f"{what} is no text")
    text = one_line(value)
    words = len(text.split())
    if not MIN_WORDS <= words <= MAX_WORDS:
        raise FaultError(f"{what} has {words} words, expected {MIN_WORDS} to {MAX_WORDS}")
    if is_repeated(text):
        raise FaultError(f"{what} says the same again and again")
    return text
