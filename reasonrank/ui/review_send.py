"""Sends a document, a comparison or the whole list of the Search tab to a review set."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from reasonrank.errors import InputError, ReasonRankError
from reasonrank.review.values import KINDS, Kind
from reasonrank.ui.lab import NO_LIST, sheet
from reasonrank.ui.markup import attr, esc, plural
from reasonrank.ui.render import Value, sentence_block
from reasonrank.ui.review_desk import UNEXPECTED, Reviews
from reasonrank.ui.review_who import Credentials
from reasonrank.ui.runs import Visitors

log = logging.getLogger(__name__)

TITLE = "Send to review"
FIRST_NAME = "From the search page"
"""The set's name that the form suggests."""
KIND = "send"


class Sender:
    """Sends what a visitor has before them.

    Args:
        reviews: Where to.
        visitors: Whose lists.
    """

    def __init__(self, reviews: Reviews, visitors: Visitors) -> None:
        self._reviews = reviews
        self._visitors = visitors

    def open(self, session: str | None, sent: Any) -> Value:
        """The form for what was chosen: ``doc``, or ``first`` and ``second``, or nothing for the whole list."""
        visitor = self._visitors.get(session)
        run = self._visitors.begin_comparison(visitor)
        if visitor.ranking is None:
            return sheet(run, TITLE, KIND, sentence_block(NO_LIST))
        return sheet(run, TITLE, KIND, send_form(_plain(sent), ask_name=self._reviews.sign_ins.mode == "local"))

    def send(self, session: str | None, sent: Any, hub_name: str = "") -> Value:
        """Send it, and say what became of it."""
        visitor = self._visitors.get(session)
        run = self._visitors.begin_comparison(visitor)
        try:
            told = self._send(visitor.ranking, _plain(sent), Credentials.of(sent, hub_name))
            return sheet(run, TITLE, KIND, sentence_block(told, bad=False))
        except ReasonRankError as error:
            told = str(error)
        except Exception:
            log.exception("Sending to review failed")
            told = UNEXPECTED
        return sheet(run, TITLE, KIND, sentence_block(told))

    def _send(self, ranking: Any, sent: Mapping[str, str], given: Credentials) -> str:
        who = self._reviews.sign_ins.identity(given)
        if ranking is None:
            raise InputError(NO_LIST)
        from reasonrank.review.create import send_to_review
        from reasonrank.review.lead import Lead

        kinds, doc_ids = chosen_part(sent)
        count = sent.get("annotators", "")
        made, added = send_to_review(
            Lead(self._reviews.open(), who),
            sent.get("set_name", ""),
            ranking,
            kinds=kinds,
            doc_ids=doc_ids,
            annotators_per_item=int(count) if count.isascii() and count.isdigit() else 0,
            blind_first=sent.get("blind") == "yes",
        )
        if not added:
            return f"All of it is in “{made.name}” already."
        return f"{plural(added, 'item')} sent to “{made.name}”. Judge them on the Review tab."


def chosen_part(sent: Mapping[str, str]) -> tuple[tuple[Kind, ...], tuple[str, ...] | None]:
    """Kinds and doc_ids of what was chosen: a comparison, a document without comparisons, or everything."""
    if sent.get("first") and sent.get("second"):
        return ("pair",), (sent["first"], sent["second"])
    if sent.get("doc"):
        return tuple(kind for kind in KINDS if kind != "pair"), (sent["doc"],)
    return KINDS, None


def send_form(sent: Mapping[str, str], *, ask_name: bool) -> str:
    """Which set it goes to; a set that is not there yet is made, and only then the other two answers count."""
    what = {2: "The comparison of these two", 1: "This document, with its reason", 0: "The whole list"}
    hidden = "".join(
        f'<input type="hidden" name="{name}"{attr("value", sent[name])}>'
        for name in ("doc", "first", "second")
        if sent.get(name)
    )
    count = 2 if sent.get("first") else 1 if sent.get("doc") else 0
    name = (
        '<label>Your name <input name="name" maxlength="80" autocomplete="username" '
        'placeholder="as signed in on the Review tab"></label>'
        if ask_name
        else ""
    )
    return (
        f'<form class="rr-lab rr-rv-send" data-act="send"><p>{what[count]}, frozen as it is now. What was sent before '
        f"is not sent twice.</p>{hidden}"
        f'<label>Review set <input name="set_name" maxlength="80" required value="{esc(FIRST_NAME)}"></label>'
        '<label>People who judge each item <input name="annotators" type="number" min="1" max="100" value="2"></label>'
        '<label class="rr-check"><input type="checkbox" name="blind" value="yes" checked> ask for the grade before '
        f"the student’s answer shows</label>{name}"
        '<button type="submit" class="rr-button">Send</button></form>'
    )


def _plain(sent: Any) -> Mapping[str, str]:
    """What was sent, as far as it is text."""
    given = sent if isinstance(sent, Mapping) else {}
    return {str(name): value for name, value in given.items() if isinstance(value, str)}
