"""The connection to Milvus, one URI for a file, a server or a cluster, and its failures as sentences."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reasonrank.addresses import is_loopback
from reasonrank.errors import InputError, MissingDependencyError, ReasonRankError

if TYPE_CHECKING:
    from pymilvus import MilvusClient

TOKEN = "REASONRANK_MILVUS_TOKEN"
"""The environment variable with a server's token, or ``user:password``; a flag would be seen by other users."""
CONNECT_S = 10.0
ANSWER_S = 60.0
"""Longest wait for the answer to a search or to a batch of rows."""
_EXPECTED = "expected a file that ends in .db, or an address like http://localhost:19530"
_ON_THIS_MACHINE = {
    "grpc.enable_http_proxy": 0,  # a proxy cannot reach this machine's own servers
    "grpc.keepalive_time_ms": 2**31 - 1,  # Milvus Lite hangs up on who asks every ten seconds whether it is there
}
_INSTALL = "pip install 'reasonrank[milvus]'"


def checked_uri(uri: str) -> str:
    """The URI as the client takes it: a file's full path, or an address of http or https.

    Raises:
        InputError: It is neither, names a folder that is not there, or holds a password.
    """
    if "://" not in uri:
        return _file(uri)
    try:
        parts = urlsplit(uri)
        parts.port  # noqa: B018  a wrong port is only found by asking for it
    except ValueError as error:
        raise InputError(f"milvus_uri is {uri!r} ({error}); {_EXPECTED}.") from error
    if parts.username or parts.password:
        raise InputError(f"milvus_uri holds a name or a password; put them into {TOKEN} as user:password.")
    if parts.scheme not in ("http", "https") or not parts.hostname or uri.endswith(".db"):
        raise InputError(f"milvus_uri is {uri!r}; {_EXPECTED}.")
    return uri


def _file(uri: str) -> str:
    path = Path(uri).expanduser().absolute()
    if path.suffix != ".db":
        raise InputError(f"milvus_uri is {uri!r}; {_EXPECTED}.")
    if not path.parent.is_dir():
        raise InputError(f"milvus_uri is {uri!r}, but there is no folder {path.parent}; make it, or name another.")
    if path.is_file():
        raise InputError(f"{path} was not written by Milvus Lite 3 or later, which keeps a folder; name another.")
    return str(path)


def connect(uri: str) -> MilvusClient:
    """A client of the Milvus at ``uri``; its token is read from the environment.

    Raises:
        InputError: The URI is not one.
        MissingDependencyError: pymilvus, or for a file milvus-lite, is missing.
        ReasonRankError: Nobody answers there, the token is refused, or another process has the file.
    """
    uri = checked_uri(uri)
    is_file = "://" not in uri
    try:
        from pymilvus import MilvusClient

        if is_file:
            import milvus_lite  # noqa: F401  only to see whether it is here
    except ImportError as error:
        what = "milvus-lite" if getattr(error, "name", "") == "milvus_lite" else "pymilvus"
        raise MissingDependencyError(f"{what}, the client of Milvus,", _INSTALL) from error
    # Both log every failure with its traceback; here each becomes one sentence.
    for name in ("pymilvus", "milvus_lite"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    options: dict[str, Any] = {}
    if is_file or is_loopback(urlsplit(uri).hostname or ""):
        options["grpc_options"] = _ON_THIS_MACHINE
    with sentences(uri):
        return MilvusClient(uri, token=os.environ.get(TOKEN, ""), timeout=CONNECT_S, **options)


@contextmanager
def sentences(uri: str) -> Iterator[None]:
    """Turn what the client raises into a ReasonRankError that says where, what and what to do."""
    from grpc import FutureTimeoutError, RpcError
    from pymilvus.exceptions import ConnectionConfigException, MilvusException, MilvusUnavailableException

    try:
        yield
    except (MilvusException, RpcError, FutureTimeoutError) as error:
        if isinstance(error, ConnectionConfigException) and "://" not in uri:
            sentence = (
                f"The Milvus file {uri} could not be opened; if another process has it open, stop that one, or let "
                f"both ask a server: milvus-lite server --data-dir {uri} --host 127.0.0.1 --port 19530"
            )
        elif isinstance(error, MilvusUnavailableException | FutureTimeoutError) or _code(error) == 2:
            sentence = (
                f"Milvus at {uri} does not answer; see that it runs and that the address is right (milvus_uri), or "
                f"that {TOKEN} is right if it wants one."
            )
        else:
            sentence = f"Milvus at {uri} refused: {_reason(error)}"
        raise ReasonRankError(sentence) from error


def _code(error: Exception) -> int | None:
    code = getattr(error, "code", None)
    return code if isinstance(code, int) else None


def _reason(error: Exception) -> str:
    """The first line of what the server says, bounded."""
    text = getattr(error, "message", "") or str(error)
    lines = str(text).strip().splitlines() or [type(error).__name__]
    return lines[0][:300].rstrip(".") + "."
