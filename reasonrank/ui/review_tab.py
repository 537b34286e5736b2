"""The Review tab as Gradio components: the annotator's desk and the lead's, each with events of its own."""

from __future__ import annotations

import os
from typing import Any

import gradio as gr

from reasonrank.settings import Settings
from reasonrank.ui.review_desk import Desk, Reviews
from reasonrank.ui.review_lead import LeadDesk
from reasonrank.ui.review_send import Sender
from reasonrank.ui.review_who import mode_of
from reasonrank.ui.runs import Visitors

AT_ONCE = 16
"""Requests that may be at work at once; each is a short transaction."""
LEADS_AT_ONCE = 2
"""Leads' requests at once; figures take seconds of computing."""
DESK_TEMPLATE = (
    '<div class="rr-rv-who-host"></div><div class="rr-rv-head"><div class="rr-rv-bar-host"></div>'
    '<p class="rr-rv-told" role="status"></p></div><div class="rr-rv"></div>'
)
LEAD_TEMPLATE = '<p class="rr-rv-told" role="status"></p><div class="rr-rv-leading"></div>'
LEAD_SCRIPT = "window.reasonrank.attachLead(element, props, watch, trigger, ['lead'])"
DESK_SCRIPT = "window.reasonrank.attachReview(element, props, watch, trigger, ['act'])"
NOTHING: dict[str, Any] = {"answers": 0, "order": [], "parts": {}}
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private", "trigger_mode": "multiple"}


def build_review_tab(reviews: Reviews, settings: Settings) -> None:
    """Lay out the tab within an open page, and connect it."""
    if mode_of(settings, os.environ) == "hub":
        gr.LoginButton()  # anywhere else, Gradio would ask for a token of the hub
    desk = Desk(reviews)
    shown = _html(DESK_TEMPLATE, DESK_SCRIPT, "rr-review")

    def act(event: gr.EventData, profile: gr.OAuthProfile | None) -> Any:
        return desk.act(event._data, hub_name(profile))

    # Apart from searches and from the lead's figures, so that a save waits for neither.
    shown.act(act, None, shown, concurrency_id="review", concurrency_limit=AT_ONCE, **QUIET)

    leading = LeadDesk(reviews)
    desk_of_lead = _html(LEAD_TEMPLATE, LEAD_SCRIPT, "rr-lead")

    def lead(event: gr.EventData, profile: gr.OAuthProfile | None) -> Any:
        return leading.act(event._data, hub_name(profile))

    desk_of_lead.lead(lead, None, desk_of_lead, concurrency_id="review-lead", concurrency_limit=LEADS_AT_ONCE, **QUIET)


def connect_sending(reviews: Reviews, visitors: Visitors, results: gr.HTML, panel: gr.HTML) -> None:
    """Connect "send to review" of the Search tab's list with its sheet."""
    sender = Sender(reviews, visitors)

    def open_form(request: gr.Request, event: gr.EventData) -> Any:
        return sender.open(request.session_hash, event._data)

    def send(request: gr.Request, event: gr.EventData, profile: gr.OAuthProfile | None) -> Any:
        return sender.send(request.session_hash, event._data, hub_name(profile))

    for listen, work in ((results.review, open_form), (panel.send, send)):
        listen(work, None, panel, concurrency_id="review", concurrency_limit=AT_ONCE, **QUIET)


def hub_name(profile: gr.OAuthProfile | None) -> str:
    """The user name of a Hugging Face sign-in; empty without one."""
    return "" if profile is None else profile.username


def _html(template: str, script: str, name: str) -> gr.HTML:
    return gr.HTML(NOTHING, html_template=template, js_on_load=script, apply_default_css=False, elem_id=name)
