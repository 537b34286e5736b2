"""Ready records to our own terms: mojibake mended, quotations checked, and comparisons that name one other passage.

Records from elsewhere (Reason-to-Rank's teacher data is the model) hold comparative reasons that were written over
the whole list and name other passages by their number, in the order of ``documents``. What becomes of one:

- It names no other passage: kept as it is.
- It names exactly one: becomes a comparison of the two, preferred by the ranking, with both named as placeholders.
- It names several, or one outside the list: rejected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from reasonrank.data import Document, Query
from reasonrank.errors import MissingDependencyError
from train.judging import Judged, Reject
from train.records import ComparisonText, Reason, TeacherRecord, parse_record
from train.verbatim import verbatim

_AND = r"(?:\s*,\s*(?:and|or)\s+|\s*,\s*|\s+(?:and|or)\s+|\s*&\s*)"
_LIST = rf"\[?\d{{1,2}}\]?(?:{_AND}\[?\d{{1,2}}\]?)*"
_NAMED = re.compile(rf"(?:\b(?:the\s+)?(?:passages?|documents?|texts?)\s+)({_LIST})(?!\w|\.?\d|\s?%)", re.IGNORECASE)
_LONE = re.compile(
    rf"(?:\b(?:than|with|to|and|or|as|like)\s+)({_LIST})(?=\s+(?:because|since|as|but)\b)", re.IGNORECASE
)
_BRACKETED = re.compile(r"\[\d{1,2}\]")
_ITSELF = re.compile(r"\b(?:this (?:passage|one|document|text))\b", re.IGNORECASE)
_LEADING_IT = re.compile(r"^(While|Although|Though|Since|Because) (?:it|this)\b|^(?:It|This)(?= [a-z])")


def imported_record(line: Mapping[str, Any]) -> Judged:
    """A record of an import file and what of it was rejected.

    Raises:
        InputError: The line is not a teacher record, or repeats an id.
        MissingDependencyError: ftfy is missing.
    """
    record = mended(parse_record(line))
    rejects: list[Reject] = []
    reasons: dict[str, Reason] = {}
    comparisons = list(record.comparisons)
    for number, document in enumerate(record.documents, start=1):
        if document.doc_id not in record.reasons:
            continue
        reason = record.reasons[document.doc_id]
        evidence = verbatim(document.text, reason.evidence)
        if reason.evidence and not evidence:
            rejects.append(Reject(f"evidence of {document.doc_id}", "does not stand in the passage", reason.evidence))
        comparative, pair, why = _comparative(reason.comparative, number, record)
        if pair is not None:
            comparisons.append(pair)
        if why:
            rejects.append(Reject(f"comparative of {document.doc_id}", why, reason.comparative))
        reasons[document.doc_id] = Reason(reason.direct, comparative, evidence)
    return Judged(replace(record, source="imported", reasons=reasons, comparisons=tuple(comparisons)), tuple(rejects))


def mended(record: TeacherRecord) -> TeacherRecord:
    """A record with its mojibake repaired, in query, documents and all that was written of them.

    Raises:
        MissingDependencyError: ftfy is missing.
    """
    try:
        from ftfy import fix_encoding
    except ImportError as error:
        raise MissingDependencyError("ftfy", "pip install 'reasonrank[train]'") from error
    return replace(
        record,
        query=Query(record.query.query_id, fix_encoding(record.query.text)),
        documents=tuple(
            Document(one.doc_id, fix_encoding(one.text), fix_encoding(one.title)) for one in record.documents
        ),
        reasons={
            doc_id: Reason(fix_encoding(one.direct), fix_encoding(one.comparative), fix_encoding(one.evidence))
            for doc_id, one in record.reasons.items()
        },
        comparisons=tuple(replace(one, text=fix_encoding(one.text)) for one in record.comparisons),
    )


def named_passages(text: str) -> set[int]:
    """The numbers by which a comparative text names passages.

    >>> sorted(named_passages("Less specific than passages 2, 3, and [5], unlike the 16 hours of sleep."))
    [2, 3, 5]
    """
    lists = [match.group(1) for pattern in (_NAMED, _LONE) for match in pattern.finditer(text)]
    lists += _BRACKETED.findall(text)
    return {int(number) for one in lists for number in re.findall(r"\d+", one)}


def _comparative(text: str, own: int, record: TeacherRecord) -> tuple[str, ComparisonText | None, str]:
    """The text to keep as it is, or the comparison it becomes, or why it is neither."""
    named = named_passages(text)
    others = named - {own}
    if not named:
        return text, None, ""
    if len(others) > 1:
        return "", None, f"names {len(others)} other passages"
    if not others or not 1 <= min(others) <= len(record.documents):
        return "", None, "names itself alone by number, or a passage that is not there"
    pair = _pair(text, own, others.pop(), record)
    return ("", None, "cannot be told which of the two it is about") if pair is None else ("", pair, "")


def _pair(text: str, own: int, other: int, record: TeacherRecord) -> ComparisonText | None:
    """The text as a comparison, with both passages named; None where the own one, or the order, is not clear."""
    one, another = (record.documents[number - 1].doc_id for number in (own, other))
    if one not in record.ranking or another not in record.ranking:
        return None
    own_is_better = record.ranking.index(one) < record.ranking.index(another)
    names = {own: "{preferred}" if own_is_better else "{other}", other: "{other}" if own_is_better else "{preferred}"}
    text = text.replace("{", "(").replace("}", ")")

    def placeholder(match: re.Match[str]) -> str:
        found = re.findall(r"\d+", match.group(1) if match.lastindex else match.group(0))
        lead = match.group(0)[: match.start(1) - match.start()] if match.re is _LONE else ""
        return lead + " and ".join(names[int(number)] for number in dict.fromkeys(found))

    for pattern in (_NAMED, _LONE, _BRACKETED):
        text = pattern.sub(placeholder, text)
    text = _ITSELF.sub(names[own], text)
    if names[own] not in text:
        text = _LEADING_IT.sub(lambda match: f"{match.group(1)} {names[own]}" if match.group(1) else names[own], text)
    if names[own] not in text or names[other] not in text:
        return None
    preferred, lower = (one, another) if own_is_better else (another, one)
    return ComparisonText(preferred, lower, text)
