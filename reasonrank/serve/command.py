"""The commands ``reasonrank serve`` and ``reasonrank mcp``: a server started, and ended with nobody left waiting."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import logging
import os
import sys
import threading
from dataclasses import fields
from types import FrameType
from typing import TYPE_CHECKING, Any

from reasonrank.errors import MissingDependencyError, ReasonRankError
from reasonrank.serve.settings import ServeSettings
from reasonrank.settings import Settings

if TYPE_CHECKING:
    from reasonrank.serve.desk import Desk
    from reasonrank.serve.work import Office

log = logging.getLogger(__name__)

INSTALL = "pip install 'reasonrank[app,serve]'"
LAST_WORDS_S = 1.5
"""Between the end of all work and the end of connections: what was reached is being sent."""
OWN = tuple(item.name for item in fields(ServeSettings) if item.name not in Settings.__dataclass_fields__)


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The server's own settings as flags, except the keys."""
    for name in OWN:
        item = ServeSettings.__dataclass_fields__[name]
        if not item.repr:
            continue
        flag, text = "--" + name.replace("_", "-"), item.metadata["help"]
        if isinstance(item.default, bool):
            parser.add_argument(flag, action=argparse.BooleanOptionalAction, default=None, help=text)
        else:
            parser.add_argument(flag, type=type(item.default), default=None, help=f"{text} ({item.default})")


def load_settings(options: argparse.Namespace) -> ServeSettings:
    """The settings of a command line and the environment.

    Raises:
        InputError: A value is not as expected.
    """
    names = ServeSettings.__dataclass_fields__
    return ServeSettings.load(**{name: getattr(options, name) for name in names if hasattr(options, name)})


def serve(options: argparse.Namespace) -> int:
    """Serve until told to stop; 2 when the settings are wrong or the port is taken."""
    settings = load_settings(options)
    _check_installed("fastapi", "uvicorn", "prometheus_client", *["gradio"] * settings.page, *["mcp"] * settings.mcp)
    from reasonrank.pipeline import Pipeline
    from reasonrank.serve.desk import Desk

    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s", force=True)
    if not settings.keys:
        log.warning("No API keys are set (REASONRANK_API_KEYS), so only programs on this machine can connect.")
    return serve_desk(Desk.of(Pipeline(settings), settings))


def _check_installed(*packages: str) -> None:
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise MissingDependencyError(package, INSTALL)


def serve_desk(desk: Desk) -> int:
    """Serve over a desk until told to stop.

    Raises:
        ReasonRankError: The address is taken, or cannot be listened at.
    """
    import uvicorn

    from reasonrank.serve.app import create_app

    settings = desk.settings
    config = uvicorn.Config(
        create_app(desk),
        host=settings.host,
        port=settings.port,
        access_log=False,  # it would have the query strings
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=round(settings.drain_seconds + LAST_WORDS_S),
        h11_max_incomplete_event_size=64 << 10,
    )
    server = _server(config, desk.office)
    try:
        server.run()
    except SystemExit as error:
        raise ReasonRankError(f"The server could not listen at {settings.host}:{settings.port}.") from error
    except KeyboardInterrupt:
        log.info("Stopped.")
    _leave(desk.office, 0 if server.started else 2)
    return 0 if server.started else 2


def _server(config: Any, office: Office) -> Any:
    """A uvicorn server that lets requests finish when told to stop, and tells those that cannot."""
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            if not office.stopping:
                office.refuse()
                timer = threading.Timer(office.settings.drain_seconds, office.end_all)
                timer.daemon = True
                timer.start()
            super().handle_exit(sig, frame)

    return Server(config)


def _leave(office: Office, code: int) -> None:
    """End the process where a thread of the student is still computing: it cannot be stopped, nor be waited for."""
    if office.under_way:
        log.warning("Left %d computations unfinished.", office.under_way)
        logging.shutdown()
        sys.stderr.flush()
        os._exit(code)


def mcp(options: argparse.Namespace) -> int:
    """Speak the Model Context Protocol over standard input and output until the client closes it."""
    settings = load_settings(options)
    _check_installed("fastapi", "prometheus_client", "mcp")
    from reasonrank.pipeline import Pipeline
    from reasonrank.serve.desk import Desk
    from reasonrank.serve.mcp_tools import build_mcp

    desk = Desk.of(Pipeline(settings), settings)
    server = build_mcp(desk)
    desk.preparations.start(settings)
    asyncio.run(server.run_stdio_async())
    _leave(desk.office, 0)
    return 0
