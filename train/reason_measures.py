"""What the student's reasons are worth: do they parse, fit their own document, and carry the decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reasonrank.evidence import SentenceEncoder
from reasonrank.measures import Figure, figure
from reasonrank.sentences import sentence_spans
from train.grade_measures import JudgedList

FOLDS = 5
SHARES = ("ok", "unparsable", "repeated", "truncated")


def status_figures(lists: Sequence[JudgedList]) -> dict[str, Any]:
    """Shares of the statuses of :mod:`reasonrank.parsing`, of reasons and of comparative texts between neighbours."""
    reasons = {j.list_id: [one.reason for one in j.seen.documents] for j in lists}
    comparisons = {j.list_id: list(j.seen.comparisons) for j in lists}
    return {
        kind: {
            status: figure({key: [float(one.status == status) for one in said] for key, said in texts.items()})
            for status in SHARES
        }
        | {"words": figure({key: [float(len(one.text.split())) for one in said] for key, said in texts.items()})}
        for kind, texts in (("reasons", reasons), ("comparisons", comparisons))
    }


def match_figures(lists: Sequence[JudgedList], encoder: SentenceEncoder) -> dict[str, Any]:
    """*Reason match*: is the teacher's reason for that same document the nearest of the list's to this text?

    Asked of the student's reason and, beside it, of what would do without reading the query: the document itself,
    its first sentence, the cited sentence, and the reason written under another list's query. A text that is
    empty matches nothing. ``chance`` is the mean of 1/n over the same documents.
    """
    kinds = ("reason", "document", "first_sentence", "cited_sentence", "reason_for_another_query")
    found: dict[str, dict[str, list[float]]] = {kind: {} for kind in kinds}
    chance: dict[str, list[float]] = {}
    for judged in lists:
        texts = _texts(judged)
        teacher = [judged.record.reasons[doc_id].direct for doc_id in texts]
        if len(teacher) < 2:
            continue
        chance[judged.list_id] = [1 / len(teacher)] * len(teacher)
        for kind in kinds:
            own = [texts[doc_id][kind] for doc_id in texts]
            if any(text is not None for text in own):
                found[kind][judged.list_id] = matches([text or "" for text in own], teacher, encoder)
    return {kind: figure(values) for kind, values in found.items()} | {"chance": figure(chance)}


def matches(texts: Sequence[str], reasons: Sequence[str], encoder: SentenceEncoder) -> list[float]:
    """1 where the reason at the same place is the nearest of all to the text, else 0; ties share."""
    vectors = encoder.encode([*texts, *reasons])
    near = vectors[: len(texts)] @ vectors[len(texts) :].T  # (texts, reasons)
    found = []
    for place, text in enumerate(texts):
        best = [other for other in range(len(reasons)) if near[place, other] >= near[place].max() - 1e-6]
        found.append(1 / len(best) if text.strip() and place in best else 0.0)
    return found


def _texts(judged: JudgedList) -> dict[str, dict[str, str | None]]:
    """Every text to be matched, of the documents that the teacher gave a reason for."""
    by_id = {document.doc_id: document for document in judged.record.documents}
    found: dict[str, dict[str, str | None]] = {}
    for one in judged.seen.documents:
        reason = judged.record.reasons.get(one.doc_id)
        if reason is None or not reason.direct:
            continue
        text = by_id[one.doc_id].text
        start, end = next(iter(sentence_spans(text)), (0, 0))
        found[one.doc_id] = {
            "reason": one.reason.text,
            "document": text,
            "first_sentence": text[start:end],
            "cited_sentence": one.cites,
            "reason_for_another_query": one.swapped.text if one.swapped else None,
        }
    return found


def decision_figures(lists: Sequence[JudgedList]) -> dict[str, Any]:
    """*Does the reason carry the decision?* Labels recovered by a small classifier that reads reasons alone.

    TF-IDF of words and word pairs and logistic regression, cross-validated with all lists over the same passages in
    one fold. ``student`` recovers the student's own most probable label, ``teacher`` the teacher's. ``swapped`` is
    the same classifier on reasons moved to the next document of their list: what the list's topic alone would give.
    ``largest`` is the share of the most frequent label.
    """
    return {
        "student": _recovered(lists, [[o.judgement.label for o in j.seen.documents] for j in lists]),
        "teacher": _recovered(lists, [[label for _, label in j.labelled()] for j in lists]),
    }


def _recovered(lists: Sequence[JudgedList], labels: Sequence[Sequence[int]]) -> dict[str, Any]:
    from sklearn.metrics import balanced_accuracy_score

    texts = [one.reason.text for judged in lists for one in judged.seen.documents]
    moved = [one.reason.text for j in lists for one in (*j.seen.documents[1:], *j.seen.documents[:1])]
    wanted = [label for of in labels for label in of]
    groups = [min(o.doc_id for o in j.seen.documents) for j in lists for _ in j.seen.documents]
    if len(set(groups)) < 2 or len(set(wanted)) < 2:
        nothing = Figure(None, None, None, 0)
        return {"accuracy": nothing, "swapped": nothing, "balanced_accuracy": None, "largest": None}
    predicted, of_moved = _predict(texts, moved, wanted, groups)
    ids = [judged.list_id for judged in lists for _ in judged.seen.documents]
    return {
        "accuracy": figure(_by_list(ids, [float(a == b) for a, b in zip(predicted, wanted, strict=True)])),
        "swapped": figure(_by_list(ids, [float(a == b) for a, b in zip(of_moved, wanted, strict=True)])),
        "balanced_accuracy": float(balanced_accuracy_score(wanted, predicted)),
        "balanced_accuracy_swapped": float(balanced_accuracy_score(wanted, of_moved)),
        "largest": max(wanted.count(label) for label in set(wanted)) / len(wanted),
    }


def _predict(
    texts: Sequence[str], moved: Sequence[str], wanted: Sequence[int], groups: Sequence[str]
) -> tuple[list[int], list[int]]:
    """Labels predicted for ``texts`` and for ``moved``, each by a classifier that saw no list of its group."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold
    from sklearn.pipeline import make_pipeline

    predicted, of_moved = [0] * len(texts), [0] * len(texts)
    for fitted, asked in GroupKFold(min(FOLDS, len(set(groups)))).split(texts, wanted, groups):
        seen = [wanted[i] for i in fitted]
        if len(set(seen)) < 2:  # nothing to tell apart: the only label is the guess
            for i in asked:
                predicted[i] = of_moved[i] = seen[0]
            continue
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
        model = make_pipeline(words, LogisticRegression(max_iter=1000, class_weight="balanced"))
        model.fit([texts[i] or "empty" for i in fitted], seen)
        for i, own, other in zip(
            asked,
            model.predict([texts[i] for i in asked]),
            model.predict([moved[i] for i in asked]),
            strict=True,
        ):
            predicted[i], of_moved[i] = int(own), int(other)
    return predicted, of_moved


def _by_list(ids: Sequence[str], values: Sequence[float]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}
    for key, value in zip(ids, values, strict=True):
        found.setdefault(key, []).append(value)
    return found
