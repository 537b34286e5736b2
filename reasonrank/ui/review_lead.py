"""What happens at the lead's desk of the Review tab: figures, decisions, guidelines, files; no Gradio."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reasonrank.errors import ReasonRankError
from reasonrank.review.values import KINDS, Item, ReviewSet
from reasonrank.ui.review_desk import UNEXPECTED, Reply, Reviews
from reasonrank.ui.review_lead_view import (
    SHOWN,
    desk_bar,
    disagreement_view,
    figures_view,
    files_view,
    guideline_form,
    plots_view,
    queue_head,
)
from reasonrank.ui.review_who import Credentials

if TYPE_CHECKING:
    from reasonrank.review.lead import Lead
    from reasonrank.review.report import LeadReport

log = logging.getLogger(__name__)

ENDINGS = {
    "jsonl": ("jsonl", "application/jsonl"),
    "csv": ("csv", "text/csv"),
    "qrels": ("qrels", "text/plain"),
    "pairs": ("pairs.jsonl", "application/jsonl"),
    "records": ("records.jsonl", "application/jsonl"),
    "html": ("html", "text/html"),
}
QUICK = 2
"""Resamples where the intervals are known already."""


class LeadDesk:
    """The lead's desk. Every request says who asks, and is refused unless that is a lead.

    Args:
        reviews: Where the review is.
    """

    def __init__(self, reviews: Reviews) -> None:
        self._reviews = reviews
        self._known: dict[str, tuple[frozenset[str], LeadReport]] = {}
        self._lock = threading.Lock()

    def act(self, sent: Any, hub_name: str = "") -> Reply:
        """Do what the page asks for: ``look``, ``adjudicate``, ``guideline`` or ``keep``; a failure is a sentence."""
        asked = sent if isinstance(sent, Mapping) else {}
        try:
            reply = self._act(asked, Credentials.of(asked, hub_name))
        except ReasonRankError as error:
            reply = {"problem": str(error)}
        except Exception:
            log.exception("A lead's request failed")
            reply = {"problem": UNEXPECTED}
        number = asked.get("number")
        return {"order": [], "parts": {}, **reply, "answers": number if isinstance(number, int) else 0}

    def _act(self, asked: Mapping[str, Any], given: Credentials) -> Reply:
        who = self._reviews.sign_ins.identity(given)
        from reasonrank.review.lead import Lead

        lead = Lead(self._reviews.open(), who)
        does = {"look": self._look, "adjudicate": self._adjudicate, "guideline": self._guideline, "keep": self._keep}
        do = str(asked.get("do"))
        if do not in does:
            return {"problem": "The page asked for something that is not there; load it again."}
        return does[do](lead, asked)

    def _look(self, lead: Lead, asked: Mapping[str, Any], message: str = "") -> Reply:
        sets = lead.sets()
        chosen = next((one for one in sets if one.set_id == asked.get("set")), sets[0] if sets else None)
        if chosen is None:
            return _shown({"bar": desk_bar(sets, None)}, "There is no review set yet.", "")
        report, waiting = self._report(lead, chosen), lead.disagreements(chosen.set_id)
        parts = {
            "bar": desk_bar(sets, chosen),
            f"figures-{chosen.set_id}": figures_view(report, chosen),
            f"plots-{chosen.set_id}": plots_view(report),
            "queue": queue_head(waiting),
        }
        parts |= {f"decide-{one.item.item_id}": disagreement_view(one, lead.sides(one.item)) for one in waiting[:SHOWN]}
        parts["files"] = files_view()
        for kind in KINDS:
            guideline = self._reviews.open().guideline(kind)
            parts[f"guideline-{kind}-{guideline.version}"] = guideline_form(guideline)
        return _shown(parts, message, chosen.set_id)

    def _report(self, lead: Lead, chosen: ReviewSet) -> LeadReport:
        """The figures; agreement, which takes seconds to resample, only where judgements came in since."""
        judged = frozenset(one.event.event_id for item in lead.judged(chosen.set_id) for one in item.judgements)
        with self._lock:
            known = self._known.get(chosen.set_id)
        if known is not None and known[0] == judged:
            return replace(lead.report(chosen.set_id, QUICK), agreements=known[1].agreements)
        report = lead.report(chosen.set_id)
        with self._lock:
            self._known[chosen.set_id] = judged, report
        return report

    def _adjudicate(self, lead: Lead, asked: Mapping[str, Any]) -> Reply:
        item_id = str(asked.get("item"))
        waiting = lead.disagreements(str(asked.get("set")))
        item = next((one.item for one in waiting if one.item.item_id == item_id), None)
        if item is None:
            raise ReasonRankError("This item is not waiting for a decision any more; refresh the page.")
        lead.adjudicate(item_id, decision(item, asked.get("value")), event_id=asked.get("event_id"))  # type: ignore[arg-type]
        return self._look(lead, asked, "Decided and saved.")

    def _guideline(self, lead: Lead, asked: Mapping[str, Any]) -> Reply:
        sent = asked.get("value")
        value = sent if isinstance(sent, Mapping) else {}
        seen = str(value.get("seen"))
        made = lead.edit_guideline(
            str(value.get("kind")),  # type: ignore[arg-type]
            str(value.get("text", "")),
            int(seen) if seen.isascii() and seen.isdigit() else 0,
        )
        return self._look(lead, asked, f"Saved as version {made.version}; judgements from now on carry it.")

    def _keep(self, lead: Lead, asked: Mapping[str, Any]) -> Reply:
        from reasonrank.review.export import unresolved

        form = str(asked.get("form"))
        chosen = next((one for one in lead.sets() if one.set_id == asked.get("set")), None)
        if chosen is None:
            raise ReasonRankError("This review set is not there any more.")
        text = "".join(lead.export([chosen.set_id], form))
        ending, mime = ENDINGS[form]
        name = re.sub(r"\W+", "-", chosen.name).strip("-") or "review"
        message = f"{name}.{ending} is made."
        left_out = unresolved(lead.judged(chosen.set_id)) if form in ("qrels", "records") else 0
        if left_out:
            message += f" {left_out} documents without a majority have no grade in it; decide them first."
        return {"message": message, "file": {"name": f"{name}.{ending}", "mime": mime, "text": text}}


def decision(item: Item, sent: Any) -> dict[str, Any]:
    """A form's texts as the judgement they stand for; what is none is left for the check to name."""
    value = dict(sent) if isinstance(sent, Mapping) else {}
    for field in ("grade", "correct", "supported", "complete", "reason_right"):
        if isinstance(value.get(field), str) and value[field].isdecimal():
            value[field] = int(value[field])
    if item.kind == "reason":
        spans = value.get("wrong_spans") or []
        pairs = [str(span).split("-") for span in (spans if isinstance(spans, list) else [])]
        value["wrong_spans"] = [
            [int(part) for part in pair] if all(map(str.isdecimal, pair)) else pair for pair in pairs
        ]
    return value


def _shown(parts: dict[str, str], message: str, set_id: str) -> Reply:
    return {"order": list(parts), "parts": parts, "problem": "", "message": message, "set": set_id}
