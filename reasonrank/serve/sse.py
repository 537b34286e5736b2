"""Server-sent events: a name and one line of JSON each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

PING_S = 15.0
"""Seconds of silence after which a comment keeps proxies from closing the connection."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def event(name: str, value: Any) -> bytes:
    """One event; JSON has no line ends of its own, so the text of a document cannot begin another one.

    >>> event("list", {"text": "a\\nb"})
    b'event: list\\ndata: {"text":"a\\\\nb"}\\n\\n'
    """
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text}\n\n".encode("ascii")


async def kept_alive(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The events, with a comment wherever there was silence for :data:`PING_S` seconds."""
    pending: asyncio.Task[bytes] | None = None
    try:
        while True:
            pending = pending or asyncio.ensure_future(anext(events))
            done, _ = await asyncio.wait({pending}, timeout=PING_S)
            if not done:
                yield b": still working\n\n"
                continue
            try:
                value = pending.result()
            except StopAsyncIteration:
                return
            pending = None
            yield value
    finally:
        if pending is not None:
            pending.cancel()
