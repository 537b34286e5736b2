"""A real server for tests: the application over a pipeline, on loopback, in a thread of its own."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from reasonrank.pipeline import Pipeline
from reasonrank.serve.app import create_app
from reasonrank.serve.desk import Desk
from reasonrank.serve.settings import ServeSettings


@contextmanager
def served(pipeline: Pipeline, settings: ServeSettings) -> Iterator[tuple[str, Desk]]:
    """The server's address and its desk."""
    desk = Desk.of(pipeline, settings)
    config = uvicorn.Config(
        create_app(desk, prepare=False), access_log=False, log_config=None, timeout_graceful_shutdown=2
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", desk
        finally:
            server.should_exit = True
            thread.join(10)
