"""An OpenAI-compatible server: one request to one reply, with the answer's JSON schema where the server takes it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from reasonrank.errors import EngineError, MissingDependencyError, ReasonRankError

Structured = Literal["schema", "object", "none"]
STRUCTURED: tuple[Structured, ...] = ("schema", "object", "none")
"""How the form of an answer is asked for, the strictest first; our own parser is the same for all."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing to ask.

    Args:
        key: Identifies what is asked, whenever it is asked.
        name: What people call it, a query_id.
        role: The system message.
        prompt: The user's message.
        schema: JSON schema of the answer.
    """

    key: str
    name: str
    role: str
    prompt: str
    schema: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, as it is kept in the journal.

    Args:
        key: Of the request.
        attempt: From 1.
        text: The answer.
        finish: The server's word for why it ended: ``stop``, ``length`` ...
        prompt_tokens: As the server counted them; None where it did not say.
        completion_tokens: The same.
        seconds: From question to answer, waiting and retries included.
        structured: How the form was asked for.
    """

    key: str
    attempt: int
    text: str
    finish: str = "stop"
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    seconds: float = 0.0
    structured: str = "none"


@dataclass(frozen=True, slots=True)
class EndpointOptions:
    """How a server is asked.

    Args:
        server: Its base URL, up to and with ``/v1``.
        model: The model's name there.
        api_key_variable: Environment variable with the key; a server on this machine needs none.
        structured: ``auto`` or one of :data:`STRUCTURED`.
        temperature: Of the first attempt; each further attempt adds 0.3, since the same again would fail again.
        max_tokens: Longest answer; 0 leaves it to the server.
        timeout: Seconds for one try.
        retries: Further tries after a busy, broken or silent server, with growing pauses.
        body: More fields of the request, for what a server calls differently.
    """

    server: str
    model: str
    api_key_variable: str = "OPENAI_API_KEY"
    structured: str = "auto"
    temperature: float = 0.0
    max_tokens: int = 0
    timeout: float = 300.0
    retries: int = 6
    body: Mapping[str, Any] = field(default_factory=dict)


class RefusedError(ReasonRankError):
    """The server will not answer this one request, however it is asked."""


class UnavailableError(ReasonRankError):
    """The server did not answer, also after retries; it may later."""


class Endpoint:
    """A server, asked from one event loop.

    Raises:
        MissingDependencyError: The package openai is missing.
    """

    def __init__(self, options: EndpointOptions) -> None:
        try:
            import openai
        except ImportError as error:
            raise MissingDependencyError("openai", "pip install 'reasonrank[train]'") from error
        self._openai = openai
        self._options = options
        self._client = openai.AsyncOpenAI(
            base_url=options.server,
            api_key=os.environ.get(options.api_key_variable) or "none",
            timeout=options.timeout,
            max_retries=options.retries,
        )
        self.structured: Structured = "schema"
        for known in STRUCTURED:
            if known == options.structured:
                self.structured = known

    async def ask(self, request: Request, attempt: int) -> Reply:
        """Ask once (with the client's retries).

        In the mode ``auto`` a server that turns down the schema is asked with the next looser form, from then on.

        Raises:
            RefusedError: The server turned the request down.
            UnavailableError: The server did not answer.
            EngineError: It will not answer any request: the key, the model or the address is wrong.
        """
        modes = STRUCTURED[STRUCTURED.index(self.structured) :] if self._options.structured == "auto" else ()
        refusal: Exception | None = None
        for mode in modes or (self.structured,):
            try:
                reply = await self._ask(request, attempt, mode)
            except (self._openai.BadRequestError, self._openai.UnprocessableEntityError) as error:
                refusal = error
                continue
            if STRUCTURED.index(mode) > STRUCTURED.index(self.structured):
                self.structured = mode
            return reply
        raise RefusedError(f"the server turned the request down ({_short(refusal)})") from refusal

    async def close(self) -> None:
        """Release the connections."""
        await self._client.close()

    async def _ask(self, request: Request, attempt: int, mode: Structured) -> Reply:
        options, openai = self._options, self._openai
        started = time.perf_counter()
        more: dict[str, Any] = dict(_response_format(request, mode))
        if options.max_tokens:
            more["max_tokens"] = options.max_tokens
        try:
            answer = await self._client.chat.completions.create(
                model=options.model,
                messages=[{"role": "system", "content": request.role}, {"role": "user", "content": request.prompt}],
                temperature=round(options.temperature + 0.3 * (attempt - 1), 3),
                seed=attempt,
                # A server that knows this header charges once for a request that is sent again after a kill.
                extra_headers={"Idempotency-Key": f"{request.key}-{attempt}-{mode}"},
                extra_body=dict(options.body) or None,
                **more,
            )
        except (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError) as error:
            raise EngineError(
                f"{options.server} does not serve {options.model!r} to us ({_short(error)}); check --server, --model "
                f"and the key in the variable {options.api_key_variable}."
            ) from error
        except (openai.BadRequestError, openai.UnprocessableEntityError):
            raise
        except openai.APIError as error:
            raise UnavailableError(_short(error)) from error
        if not answer.choices:
            raise UnavailableError("the server's answer holds no choice")
        choice, usage = answer.choices[0], answer.usage
        return Reply(
            key=request.key,
            attempt=attempt,
            text=choice.message.content or "",
            finish=str(choice.finish_reason),
            prompt_tokens=usage.prompt_tokens if usage else None,
            completion_tokens=usage.completion_tokens if usage else None,
            seconds=round(time.perf_counter() - started, 2),
            structured=mode,
        )


def _response_format(request: Request, mode: Structured) -> dict[str, Any]:
    if mode == "none":
        return {}
    if mode == "object":
        return {"response_format": {"type": "json_object"}}
    schema = {"name": "answer", "strict": True, "schema": dict(request.schema)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


def _short(error: Exception | None) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
