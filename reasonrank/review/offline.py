"""A review set as one HTML file that works without a server; what it downloads can be imported."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import asdict
from html import escape
from importlib.resources import files

from reasonrank.errors import InputError
from reasonrank.review.values import Entries


def offline_page(entries: Entries) -> str:
    """The page for one set, with the guidelines in force.

    It shows what the set's blind-first setting allows, but the student's answers are in the file: whoever reads
    its source can see them.

    Raises:
        InputError: ``entries`` has more or fewer than one set.
    """
    if len(entries.sets) != 1:
        raise InputError(f"An offline page holds one set, got {len(entries.sets)}; choose one by its name.")
    newest = {guideline.kind: guideline for guideline in entries.guidelines}
    data = {
        "set": asdict(entries.sets[0]),
        "items": [asdict(item) for item in entries.items],
        "guidelines": {kind: asdict(guideline) for kind, guideline in newest.items()},
    }
    folder = files("reasonrank.review")
    script = (folder / "offline.js").read_text(encoding="utf-8")
    style = (folder / "offline.css").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    # In JSON, "<" can only stand inside a string, where its escape means the same and ends no element.
    plain = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Review: {escape(entries.sets[0].name)}</title><style>{style}</style></head>"
        '<body><main id="review"><noscript>This page needs JavaScript.</noscript></main>'
        f'<script type="application/json" id="data">{plain}</script><script>{script}</script></body></html>\n'
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
