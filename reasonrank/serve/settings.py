"""What a server adds to the settings: its address, who may use it, and the bounds on what it is asked."""

from __future__ import annotations

from dataclasses import dataclass

from reasonrank.addresses import is_loopback
from reasonrank.errors import InputError
from reasonrank.settings import Settings, setting


@dataclass(frozen=True, slots=True)
class ServeSettings(Settings):
    """All settings of the app, and those of its server; each is an environment variable too, as there.

    Lists are texts with commas. Keys have no flag: a command line is seen by everybody on the machine.
    """

    host: str = setting("127.0.0.1", "address to listen at; any but this machine's own needs REASONRANK_API_KEYS")
    port: int = setting(8000, "port to listen at; 0 takes a free one", least=0)
    api_keys: str = setting("", "keys that programs must send, with commas between them", secret=True)
    cors_origins: str = setting("", "web origins whose pages may call the interface, with commas between them")
    allowed_hosts: str = setting("", "names under which the server is asked for; any where keys are set")
    page: bool = setting(True, "serve the page too")
    mcp: bool = setting(True, "serve the MCP tools at /mcp too")
    log_queries: bool = setting(False, "write the text of questions to the log")
    corpora: str = setting("", "further corpora that may be asked for by name, with commas between them")
    max_body_bytes: int = setting(4 << 20, "larger requests are refused", least=1024)
    max_documents: int = setting(200, "requests with more documents are refused", least=1)
    max_document_chars: int = setting(20_000, "requests with longer documents are refused", least=1)
    max_k: int = setting(100, "most documents that a search may return", least=1)
    max_explain: int = setting(10, "most reasons that a request may ask for", least=0)
    running: int = setting(2, "requests that the student works on at once", least=1)
    waiting: int = setting(64, "requests that may wait for it; more are refused with 429", least=0)
    wait_seconds: float = setting(60.0, "a request that waited longer is refused with 429", least=0.1)
    request_seconds: float = setting(120.0, "a request that takes longer is ended with what it reached", least=0.1)
    body_seconds: float = setting(10.0, "a request's body must arrive within this time", least=0.1)
    drain_seconds: float = setting(6.0, "when told to stop, requests get this long to finish", least=0.0)

    def __post_init__(self) -> None:
        Settings.__post_init__(self)
        if self.port > 65_535:
            raise InputError(f"port is {self.port}; it must be at most 65535.")
        if not self.keys and not is_loopback(self.host):
            raise InputError(
                f"Without API keys only this machine may connect, and host is {self.host!r}; set REASONRANK_API_KEYS, "
                "or leave host at 127.0.0.1."
            )

    @property
    def keys(self) -> tuple[str, ...]:
        return listed(self.api_keys)

    @property
    def hosts(self) -> tuple[str, ...]:
        """Names that a request's ``Host`` may have; any (``*``) where keys protect the interface.

        Without keys, a page of a foreign site could otherwise reach this machine under the site's own name.
        """
        named = listed(self.allowed_hosts)
        if named:
            return named
        return ("*",) if self.keys else ("127.0.0.1", "localhost", "[::1]", "::1", self.host)


def listed(text: str) -> tuple[str, ...]:
    """The parts of a text with commas, without white space or empty ones.

    >>> listed(" a, b,,")
    ('a', 'b')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())
