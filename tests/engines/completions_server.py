"""A real HTTP server on loopback that answers as it is told: what clients of completions servers are tested against."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]


@dataclass
class Reply:
    """What is sent back: JSON, or raw bytes, or events one by one; ``hang_up`` leaves out the stream's end."""

    value: Any = None
    status: int = 200
    raw: bytes | None = None
    events: list[Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0
    hang_up: bool = False


Answer = Callable[[Body], Reply]


def legacy(top: dict[str, float], text: str = " 2") -> Body:
    """A completion with log-probabilities as the completions protocol has them."""
    said = {"tokens": [text], "token_logprobs": [0.0], "top_logprobs": [top], "text_offset": [0]}
    return {"choices": [{"index": 0, "text": text, "finish_reason": "length", "logprobs": said}]}


def event(text: str, reason: str | None = None) -> Body:
    return {"choices": [{"index": 0, "text": text, "finish_reason": reason, "logprobs": None}]}


class CompletionsServer:
    """Lists one model, tokenises where it is given a function for it, and answers completions by ``answer``.

    Attributes:
        bodies: The completions requests so far.
        keys: Their Authorization headers.
        hung_up: Streams that the client closed before their end.
        most: Requests that were being answered at the same time, at most.
    """

    def __init__(self, answer: Answer, tokenize: Callable[[str], list[int]] | None = None, model: str = "m") -> None:
        self.answer, self.tokenize, self.models = answer, tokenize, [model]
        self.window = 4096
        self.bodies: list[Body] = []
        self.keys: list[str | None] = []
        self.hung_up = self.most = self._now = 0
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Die: nothing is answered any more, and open connections break."""
        self._http.shutdown()
        self._http.server_close()
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def reply_to(self, path: str, body: Body | None) -> Reply:
        if path == "/v1/models":
            return Reply({"data": [{"id": model, "max_model_len": self.window} for model in self.models]})
        if path == "/tokenize" and self.tokenize is not None and body is not None:
            return Reply({"tokens": self.tokenize(body["prompt"])})
        if path == "/v1/completions" and body is not None:
            return self.answer(body)
        return Reply({"error": {"message": "no such path"}}, 404)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self) -> None:
                super().setup()
                outer._connections.add(self.connection)

            def finish(self) -> None:
                outer._connections.discard(self.connection)
                with suppress(OSError):
                    super().finish()

            def do_GET(self) -> None:
                self._send(outer.reply_to(self.path, None))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with outer._lock:
                    outer._now += 1
                    outer.most = max(outer.most, outer._now)
                    if self.path == "/v1/completions":
                        outer.bodies.append(body)
                        outer.keys.append(self.headers.get("Authorization"))
                try:
                    self._send(outer.reply_to(self.path, body))
                except (BrokenPipeError, ConnectionResetError):
                    with outer._lock:
                        outer.hung_up += 1
                finally:
                    with outer._lock:
                        outer._now -= 1

            def _send(self, reply: Reply) -> None:
                if reply.events is not None:
                    self._stream(reply)
                    return
                time.sleep(reply.seconds)
                content = json.dumps(reply.value).encode() if reply.raw is None else reply.raw
                self.send_response(reply.status)
                for name, value in {**reply.headers, "Content-Length": str(len(content))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            def _stream(self, reply: Reply) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                for value in reply.events or []:
                    self.wfile.write(b": a comment\n\ndata: " + json.dumps(value).encode() + b"\r\n\r\n")
                    self.wfile.flush()
                    time.sleep(reply.seconds)
                if not reply.hang_up:
                    self.wfile.write(b"data: [DONE]\n\n")
                self.close_connection = True

            def log_message(self, *_: Any) -> None:
                return

        return Handler


@contextmanager
def serving(*servers: CompletionsServer) -> Iterator[str]:
    """The servers' addresses as a setting; they stop afterwards."""
    try:
        yield ",".join(server.url for server in servers)
    finally:
        for server in servers:
            server.stop()
