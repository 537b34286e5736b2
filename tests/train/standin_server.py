"""A real HTTP server that speaks the chat interface: it answers by a script, and counts what it is asked."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = dict[str, Any] | int
"""A JSON answer, or a status for an error."""
Script = Callable[[dict[str, Any], int], Answer]
"""The request's body and how often this prompt was asked before, to an answer."""


class StandinServer:
    """What was asked, by the user's message; and how many requests were under way at once."""

    def __init__(self, script: Script, seconds: float = 0.0) -> None:
        self.script, self.seconds = script, seconds
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.most_at_once = self._now = 0
        self._lock = threading.Lock()
        self.url = ""

    def answer(self, body: dict[str, Any]) -> Answer:
        prompt = body["messages"][-1]["content"]
        with self._lock:
            before = self.asked[prompt]
            self.asked[prompt] += 1
            self.bodies.append(body)
            self._now += 1
            self.most_at_once = max(self.most_at_once, self._now)
        try:
            time.sleep(self.seconds)
            return self.script(body, before)
        finally:
            with self._lock:
                self._now -= 1


def completion(text: str, finish: str = "stop", usage: bool = True) -> dict[str, Any]:
    """An answer of a chat server."""
    value: dict[str, Any] = {
        "id": "1",
        "object": "chat.completion",
        "created": 0,
        "model": "standin",
        "choices": [{"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text}}],
    }
    if usage:
        value["usage"] = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
    return value


@contextmanager
def serving(script: Script, seconds: float = 0.0) -> Iterator[StandinServer]:
    """A server on a free port of this machine, until the block ends."""
    standin = StandinServer(script, seconds)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = standin.answer(body)
            status = answer if isinstance(answer, int) else 200
            content = {"error": {"message": f"status {status}"}} if isinstance(answer, int) else answer
            data = json.dumps(content).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
            except (BrokenPipeError, ConnectionResetError):
                pass  # the client was killed

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    standin.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield standin
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
