"""What a server serves, found by asking it: its model, its window, and whether it takes token ids."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from reasonrank.encoding import encode
from reasonrank.engines.server import RefusedError, Server, UnavailableError
from reasonrank.engines.text import TextTokenizer
from reasonrank.errors import EngineError
from reasonrank.prompts import one_line

log = logging.getLogger(__name__)

PROBE = "Passage: Wie spät? It's 12.5 \U0001f989 x1\nGrade: 2"
"""Tokenised here and there, and compared. No control token: vLLM reads those in text, and is sent none as text."""
_UNKNOWN_WINDOW = 2048


@dataclass(frozen=True, slots=True)
class Served:
    """What a server serves.

    Args:
        model: The model's name in requests.
        shown: The model's name for people.
        window: Tokens that prompt and completion may hold together.
        takes_ids: Prompts can be token ids, made with the student's tokenizer.
        takes_more: It knows parameters beyond OpenAI's own.
    """

    model: str
    shown: str
    window: int
    takes_ids: bool
    takes_more: bool


def find_served(
    servers: Sequence[Server], tokenizer: TextTokenizer, model: str = "", adapter: str | None = None
) -> Served:
    """What the servers serve, from the first that answers; those that do not answer yet are tried again in use.

    Args:
        servers: At least one.
        tokenizer: The student's.
        model: The model's name there; found where there is one.
        adapter: The name of the student's adapter, chosen where the server lists it among others.

    Raises:
        EngineError: None answers, or they serve different models.
    """
    found: Served | None = None
    failures: list[UnavailableError] = []
    for server in servers:
        try:
            one = _served(server, tokenizer, model, adapter)
        except UnavailableError as error:
            failures.append(error)
            continue
        if found is not None and (one.model, one.takes_ids, one.takes_more) != (
            found.model,
            found.takes_ids,
            found.takes_more,
        ):
            raise EngineError(
                f"The servers do not serve the same: {found.model!r} on one, {one.model!r} on {server.url}. "
                "Name servers of one kind and one model."
            )
        found = one if found is None or one.window < found.window else found
    if found is None:
        raise EngineError(f"{failures[0]} Check that it runs and that its address is right.") from failures[0]
    for failure in failures:
        log.warning("%s The others do its work meanwhile.", failure)
    if not found.takes_ids:
        log.warning("Prompts are sent as text, for the server does not tokenise as the student here does.")
    return found


def _served(server: Server, tokenizer: TextTokenizer, model: str, adapter: str | None) -> Served:
    listed = _listed_models(server)
    names = list(listed)
    name = model or _the_one(server, names, adapter)
    if name not in listed:
        offered = ", ".join(names[:8]) or "nothing"
        raise EngineError(f"The server {server.url} does not serve {name!r} but {offered}; choose with --server-model.")
    ids = _token_ids(server, name)
    return Served(
        model=name,
        shown=one_line(PurePosixPath(name).name)[:100] or "unnamed",
        window=_window(listed[name]),
        takes_ids=ids is not None and ids == encode(tokenizer, PROBE),
        takes_more=ids is not None,
    )


def _listed_models(server: Server) -> dict[str, dict[str, Any]]:
    entries = server.get("/v1/models").get("data")
    if not isinstance(entries, list):
        raise UnavailableError(server.url, "lists no models, so it is no OpenAI-compatible server")
    return {
        entry["id"]: entry for entry in entries[:10_000] if isinstance(entry, dict) and isinstance(entry.get("id"), str)
    }


def _the_one(server: Server, names: list[str], adapter: str | None) -> str:
    if adapter in names:
        return str(adapter)
    if len(names) == 1:
        return names[0]
    offered = ", ".join(names[:8]) or "none"
    raise EngineError(f"The server {server.url} serves {len(names)} models ({offered}); choose with --server-model.")


def _token_ids(server: Server, model: str) -> list[int] | None:
    """The probe's token ids; None where the server does not tell. vLLM and llama.cpp name parameters differently."""
    asked = {"model": model, "prompt": PROBE, "content": PROBE}
    try:
        tokens = server.post("/tokenize", asked | {"add_special_tokens": False, "add_special": False}).get("tokens")
    except (RefusedError, UnavailableError):
        return None
    return tokens if isinstance(tokens, list) and all(isinstance(token, int) for token in tokens) else None


def _window(entry: dict[str, Any]) -> int:
    """As vLLM says it, as llama.cpp does, or a careful guess."""
    meta = entry.get("meta")
    for said in (entry.get("max_model_len"), meta.get("n_ctx") if isinstance(meta, dict) else None):
        if isinstance(said, int) and not isinstance(said, bool) and said > 0:
            return said
    return _UNKNOWN_WINDOW
