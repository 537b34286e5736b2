"""What every request passes first: the host it names, its key, its size, the time its body takes; and the log line."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reasonrank.serve.metrics import Metrics
from reasonrank.serve.settings import ServeSettings

log = logging.getLogger("reasonrank.requests")

OPEN = ("/healthz", "/readyz", "/openapi.json")
"""Read without a key."""
GUARDED = ("/v1/", "/v2/", "/mcp", "/metrics")
"""The interface; all other paths are the page's, which is open and bounded by itself."""
SAFE_HEADERS = ((b"x-content-type-options", b"nosniff"),)


class _RefusedError(Exception):
    def __init__(self, status: int, message: str, *headers: tuple[bytes, bytes]) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


class Guard:
    """Middleware around the whole application.

    Args:
        app: What is guarded.
        settings: Hosts, keys and bounds.
        metrics: Told of every request.
        routes: The interface's own paths; others are counted as the page's.
    """

    def __init__(self, app: ASGIApp, settings: ServeSettings, metrics: Metrics, routes: frozenset[str]) -> None:
        self._app = app
        self._settings = settings
        self._metrics = metrics
        self._routes = routes
        self._keys = [key.encode() for key in settings.keys]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        if scope["type"] == "websocket":
            # Nothing of ours speaks it, and it would pass by what is checked below.
            await send({"type": "websocket.close", "code": 1008})
            return
        began, status = time.perf_counter(), 0
        guarded = scope["path"].startswith(GUARDED)

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                if guarded or scope["path"] in OPEN:
                    message = {**message, "headers": [*message.get("headers", ()), *SAFE_HEADERS]}
            await send(message)

        try:
            await self._answer(scope, receive, note, guarded)
        except _RefusedError as refused:
            if not status:
                await _refuse(note, refused)
        finally:
            self._tell(scope, status, time.perf_counter() - began)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, guarded: bool) -> None:
        headers = dict(scope["headers"])
        self._check_host(headers)
        if guarded:
            self._check_key(headers)
            receive = await self._read(headers, receive)
        await self._app(scope, receive, send)

    def _check_host(self, headers: dict[bytes, bytes]) -> None:
        allowed = self._settings.hosts
        if "*" in allowed:
            return
        host = headers.get(b"host", b"").decode("latin-1")
        name = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.split(":")[0]
        if name.lower() not in allowed:
            raise _RefusedError(400, "This server is not asked for under this name; see REASONRANK_ALLOWED_HOSTS.")

    def _check_key(self, headers: dict[bytes, bytes]) -> None:
        if not self._keys:
            return
        kind, _, key = headers.get(b"authorization", b"").partition(b" ")
        sent = key.strip() if kind.lower() == b"bearer" else b""
        # Every key is compared, so that the time taken does not tell which one came near.
        if not sum(hmac.compare_digest(sent, known) for known in self._keys):
            raise _RefusedError(
                401, "Send an API key of this server as 'Authorization: Bearer KEY'.", (b"www-authenticate", b"Bearer")
            )

    async def _read(self, headers: dict[bytes, bytes], receive: Receive) -> Receive:
        """Read the body, within the bounds, and give it to the application as one message."""
        most, seconds = self._settings.max_body_bytes, self._settings.body_seconds
        declared = headers.get(b"content-length", b"0")
        too_large = _RefusedError(413, f"The request is larger than {most:,} bytes; send it in parts.")
        # More than twenty digits is large by any measure, and slow to convert.
        if not declared.isdigit() or len(declared) > 20 or int(declared) > most:
            raise too_large
        body = b""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        return _replay([message], receive)
                    body += message.get("body", b"")
                    if len(body) > most:
                        raise too_large
                    if not message.get("more_body", False):
                        return _replay([{"type": "http.request", "body": body, "more_body": False}], receive)
        except TimeoutError:
            raise _RefusedError(408, f"The request did not arrive within {seconds:g} s; send it again.") from None

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        path = scope["path"]
        route = path if path in self._routes else "/mcp" if path.startswith("/mcp") else "page"
        self._metrics.answered(route, status, seconds)
        # Never the query string, which may be what somebody asked.
        log.info("%s %s %d %.0f ms", scope["method"], route, status, seconds * 1000)


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """The messages, then whatever else comes."""

    async def replayed() -> Message:
        return messages.pop(0) if messages else await receive()

    return replayed


async def _refuse(send: Any, refused: _RefusedError) -> None:
    body = json.dumps({"message": refused.message}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *refused.headers,
    ]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
