"""One OpenAI-compatible server over HTTP: bounded requests and replies, and which failures another server may mend."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import httpx2

from reasonrank.errors import EngineError, InputError
from reasonrank.prompts import one_line

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
MOST_BYTES = 8 * 2**20
"""Of one reply, streamed or not. Twenty log-probabilities take two kilobytes, a reason a few dozen."""
LONGEST_WAIT = 30.0
"""Seconds that a server's own Retry-After is followed at most."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MOST_SERVERS = 256


class UnavailableError(EngineError):
    """A server did not serve this request; another one, or the same one later, may.

    Attributes:
        url: The server's address.
        wait: Seconds after which it asked to be tried again; None if it did not say.
    """

    def __init__(self, url: str, what: str, wait: float | None = None) -> None:
        super().__init__(f"The server {url} {what}.")
        self.url = url
        self.wait = wait


class RefusedError(EngineError):
    """A server understood a request and will not serve it, now or later.

    Attributes:
        status: The HTTP status.
        said: The server's own words, one line, shortened.
    """

    def __init__(self, url: str, status: int, said: str) -> None:
        advice = ""
        if status in (401, 403):
            advice = " Put the server's key into the environment variable REASONRANK_SERVER_KEY."
        super().__init__(f"The server {url} refused a request (HTTP {status}: {said or 'no words'}).{advice}")
        self.status = status
        self.said = said


def server_addresses(setting: str) -> list[str]:
    """The servers' addresses of a comma-separated setting, without a final slash or ``/v1``.

    Raises:
        InputError: There is none, or one is not an http or https address, or holds a password.

    >>> server_addresses("http://one:8000/v1, https://two/llm/")
    ['http://one:8000', 'https://two/llm']
    """
    found = [_address(part.strip()) for part in setting.split(",") if part.strip()]
    if not found:
        raise InputError("No server is named; give one with --server http://HOST:PORT, or several with commas.")
    if len(found) > _MOST_SERVERS:
        raise InputError(f"{len(found)} servers are named; at most {_MOST_SERVERS} are used.")
    return list(dict.fromkeys(found))


def _address(text: str) -> str:
    try:
        url = httpx2.URL(text)
        port = url.port
    except (httpx2.InvalidURL, ValueError) as error:
        raise InputError(f"The server {text[:100]!r} is no address ({error}); expected http://HOST:PORT.") from error
    if url.scheme not in ("http", "https") or not url.host or port == 0:
        raise InputError(f"The server {text[:100]!r} is no address; expected http://HOST:PORT.")
    if url.userinfo or url.query or url.fragment:
        raise InputError(
            f"The server at {url.host} is given with a password, a query or a fragment; expected http://HOST:PORT, "
            "and a key in the environment variable REASONRANK_SERVER_KEY."
        )
    return str(url).rstrip("/").removesuffix("/v1").rstrip("/")


class Server:
    """Speaks JSON to one server; may be used from several threads.

    Args:
        url: An address of :func:`server_addresses`.
        key: Sent as a bearer token; nothing is sent where it is empty.
        timeout: Seconds to wait for the next bytes of a reply. A whole reply may take ten times as long.
    """

    def __init__(self, url: str, key: str = "", timeout: float = 60.0) -> None:
        self.url = url
        self._whole = 10 * timeout
        address = httpx2.URL(url)
        loopback = _is_loopback(address.host)
        if key and address.scheme == "http" and not loopback:
            log.warning("The key for %s travels unencrypted; give its address with https.", url)
        self._client = httpx2.Client(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx2.Timeout(timeout, connect=min(CONNECT_SECONDS, timeout)),
            limits=httpx2.Limits(max_connections=None, max_keepalive_connections=64),
            trust_env=not loopback,  # a proxy of the environment cannot reach this machine's own servers
        )

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at ``path``.

        Raises:
            UnavailableError: It cannot be reached, is busy, or replies with something else.
            RefusedError: It does not know the path, or wants a key.
        """
        return self._whole_reply("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The JSON object that answers ``body``.

        Raises:
            UnavailableError: As for :meth:`get`.
            RefusedError: As for :meth:`get`, or the request is one that it does not serve.
        """
        return self._whole_reply("POST", path, body)

    def events(self, path: str, body: dict[str, Any]) -> Generator[dict[str, Any], None, None]:
        """The JSON objects of a stream of server-sent events, up to ``[DONE]``; closing the generator hangs up.

        Raises:
            UnavailableError: As for :meth:`get`; or it hung up before ``[DONE]``.
            RefusedError: As for :meth:`post`.
        """
        with self._reply("POST", path, body) as chunks:
            for line in _lines(chunks):
                if not line.startswith(b"data:"):
                    continue  # comments and event names
                payload = line[5:].strip()
                if payload == b"[DONE]":
                    return
                yield self._object(payload)
        raise UnavailableError(self.url, "hung up in the middle of a text")

    def close(self) -> None:
        self._client.close()

    def _whole_reply(self, method: str, path: str, body: dict[str, Any] | None) -> dict[str, Any]:
        with self._reply(method, path, body) as chunks:
            return self._object(b"".join(chunks))

    @contextmanager
    def _reply(self, method: str, path: str, body: dict[str, Any] | None) -> Iterator[Iterator[bytes]]:
        try:
            with self._client.stream(method, self.url + path, json=body) as response:
                chunks = self._bounded(response)
                if response.status_code != 200:
                    raise self._failure(response, b"".join(chunks))
                yield chunks
        except httpx2.TimeoutException as error:
            raise UnavailableError(self.url, f"did not answer in time ({type(error).__name__})") from error
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            reason = one_line(str(error))[:120] or type(error).__name__
            raise UnavailableError(self.url, f"cannot be reached or broke off ({reason})") from error

    def _bounded(self, response: httpx2.Response) -> Iterator[bytes]:
        until = time.monotonic() + self._whole
        read = 0
        for chunk in response.iter_bytes():
            read += len(chunk)
            if read > MOST_BYTES:
                raise UnavailableError(self.url, f"replied with more than {MOST_BYTES // 2**20} MiB")
            if time.monotonic() > until:
                raise UnavailableError(self.url, f"was not done after {self._whole:.0f} seconds")
            yield chunk

    def _failure(self, response: httpx2.Response, content: bytes) -> EngineError:
        status, said = response.status_code, _said(content)
        if status in _PASSING:
            wait = _seconds(response.headers.get("retry-after"))
            return UnavailableError(self.url, f"is busy or broken (HTTP {status}: {said or 'no words'})", wait)
        if 300 <= status < 400:
            said = "it sends requests on to another address; name that one"
        return RefusedError(self.url, status, said)

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            value = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise UnavailableError(self.url, "replied with something that is not JSON") from error
        if not isinstance(value, dict):
            raise UnavailableError(self.url, f"replied with JSON that is no object but {type(value).__name__}")
        return value


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from (line.rstrip(b"\r") for line in whole)
    yield rest


def _said(content: bytes) -> str:
    """A server's own words for a failure, in any of the usual places; one line of at most 200 characters."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return one_line(content[:400].decode("utf-8", "replace"))[:200]
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            value = value[name]
    return one_line(value if isinstance(value, str) else json.dumps(value))[:200]


def _seconds(header: str | None) -> float | None:
    try:
        return min(max(float(header or ""), 0.0), LONGEST_WAIT)
    except ValueError:  # also the form with a date
        return None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
