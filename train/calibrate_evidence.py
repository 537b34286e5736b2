"""Fit what "supports" means: ``python -m train.calibrate_evidence --judged records.jsonl.gz ...``.

From teacher records with direct reasons and deciding sentences, a logistic function of two signs (cosine and shared
content words, :mod:`reasonrank.evidence`) is fitted to tell a reason beside its own passage from the same reason
beside another one, half of these from the same list. Lists kept aside by passage give the figures: how often the
selected sentence is the teacher's, and how well ``support`` tells right from wrong passages and is calibrated.
The three numbers are printed; they are set in :mod:`reasonrank.evidence` by hand.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reasonrank.data import Document
from reasonrank.encoder import Encoder, load_encoder
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.evidence import THRESHOLD, sentence_features, support
from reasonrank.settings import Settings
from train.records import TeacherRecord, read_records
from train.split import split_records

BINS = 10


@dataclass(frozen=True, slots=True)
class Pair:
    """A reason beside a passage; ``evidence`` is the teacher's sentence where the passage is the reason's own."""

    reason: str
    document: Document
    own: bool
    evidence: str = ""


def make_pairs(records: Sequence[TeacherRecord], draw: random.Random) -> Iterator[Pair]:
    """Each reason beside its own passage, another one of its list, and one of another list."""
    for record in records:
        for document in record.documents:
            reason = record.reasons.get(document.doc_id)
            if reason is None or not reason.direct:
                continue
            yield Pair(reason.direct, document, True, reason.evidence)
            others = [other for other in record.documents if other is not document]
            if others:
                yield Pair(reason.direct, draw.choice(others), False)
            yield Pair(reason.direct, draw.choice(draw.choice(records).documents), False)


def best_features(pair: Pair, encoder: Encoder) -> tuple[str, float, float] | None:
    """Text, cosine and overlap of the sentence that would be selected."""
    found = sentence_features(pair.reason, pair.document.text, encoder)
    if not found:
        return None
    start, end, cosine, shared = max(found, key=lambda item: support(item[2], item[3]))
    return pair.document.text[start:end], cosine, shared


def fit(pairs: Sequence[Pair], encoder: Encoder) -> tuple[float, float, float]:
    """Intercept and the weights of cosine and overlap, classes weighted alike."""
    from sklearn.linear_model import LogisticRegression

    rows = [(found[1:], pair.own) for pair in pairs if (found := best_features(pair, encoder))]
    model = LogisticRegression(class_weight="balanced").fit([x for x, _ in rows], [y for _, y in rows])
    return float(model.intercept_[0]), float(model.coef_[0][0]), float(model.coef_[0][1])


def figures(pairs: Sequence[Pair], encoder: Encoder) -> dict[str, Any]:
    """How the numbers that are set now do on these pairs."""
    from sklearn.metrics import roc_auc_score

    rows = [(pair, found) for pair in pairs if (found := best_features(pair, encoder))]
    own = [pair.own for pair, _ in rows]
    strengths = [support(cosine, shared) for _, (_, cosine, shared) in rows]
    told = [(pair.evidence, text) for pair, (text, _, _) in rows if pair.own and pair.evidence]
    weights = {True: 0.5 / own.count(True), False: 0.5 / own.count(False)}
    error = 0.0
    for low in range(BINS):
        inside = [n for n, s in enumerate(strengths) if min(int(s * BINS), BINS - 1) == low]
        mass = sum(weights[own[n]] for n in inside)
        if mass:
            mean = sum(weights[own[n]] * strengths[n] for n in inside) / mass
            share = sum(weights[own[n]] for n in inside if own[n]) / mass
            error += mass * abs(mean - share)
    return {
        "pairs": len(rows),
        "sentence is the teacher's": sum(a in b or b in a for a, b in told) / len(told),
        "area under the curve, own passage against another": float(roc_auc_score(own, strengths)),
        "own passages supported": sum(s >= THRESHOLD for s, o in zip(strengths, own, strict=True) if o)
        / own.count(True),
        "other passages not supported": sum(s < THRESHOLD for s, o in zip(strengths, own, strict=True) if not o)
        / own.count(False),
        "expected calibration error, classes weighted alike": error,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(prog="python -m train.calibrate_evidence", description=__doc__)
    parser.add_argument("--judged", type=Path, nargs="+", required=True, help="teacher records with reasons")
    parser.add_argument("--lists", type=int, default=200, help="lists taken to fit, and at most as many to measure")
    options = parser.parse_args(arguments)
    try:
        kept, held = split_records([record for path in options.judged for record in read_records(path)])
        if not held:
            raise InputError("No list fell on the kept-aside side; give more lists.")
        draw = random.Random(13)
        encoder = load_encoder(Settings.load())
        fitted = fit(list(make_pairs(draw.sample(kept, min(options.lists, len(kept))), draw)), encoder)
        found = figures(list(make_pairs(held[: options.lists], draw)), encoder)
    except ReasonRankError as error:
        sys.stderr.write(f"train.calibrate_evidence: {error}\n")
        return 2
    names = ("INTERCEPT", "COSINE_WEIGHT", "OVERLAP_WEIGHT")
    sys.stdout.write(
        json.dumps({"fitted": dict(zip(names, fitted, strict=True)), "kept aside": found}, indent=2) + "\n"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
