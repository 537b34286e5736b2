"""The engine on OpenAI-compatible servers (vLLM, llama.cpp and others): one, or several that share the work.

Servers that take token ids and tokenise as the student does are sent ids, so that control tokens in data stay plain
text there too. Others are sent text, in which whatever looks like a control token is broken up.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from functools import partial
from typing import Any, TypeVar

from reasonrank.encoding import encode, encode_choice
from reasonrank.engines.base import Cancel, Choice, Completion, Engine, never_cancelled
from reasonrank.engines.batching import room
from reasonrank.engines.control_tokens import neutralised
from reasonrank.engines.pool import Pool
from reasonrank.engines.replies import (
    Listed,
    ReplyShapeError,
    bounded_choice,
    drawn_choice,
    read_listed,
    read_piece,
    read_pieces,
)
from reasonrank.engines.server import RefusedError, Server, UnavailableError
from reasonrank.engines.serving import Served
from reasonrank.engines.text import TextTokenizer
from reasonrank.errors import Cancelled, EngineError
from reasonrank.prompts import STOP

T = TypeVar("T")

LISTED = 20
"""Likeliest tokens that are asked for; vLLM's own limit, and more than the three labels need."""
FEWER_LISTED = 5
"""What is asked for where 20 are refused, as by OpenAI's own service."""
_LONGEST_TOKEN = 200
_GLANCE = 0.05
_FIRST_WORD = re.compile(r"\s*(\w+)")


class OpenAIEngine(Engine):
    """Serves what the servers of ``pool`` serve; safe to use from several threads.

    Args:
        pool: The servers.
        served: What they serve, and how they take prompts (:func:`reasonrank.engines.serving.find_served`).
        tokenizer: The student's; documents are cut by it, and where ``served.takes_ids`` prompts are encoded by it.
        samples: Tokens drawn for a choice where a server tells no log-probabilities; 0 refuses such a server.
        requests: How many are sent to one server side by side.
        listed: How many likeliest tokens are asked for.
    """

    def __init__(
        self,
        pool: Pool,
        served: Served,
        tokenizer: TextTokenizer,
        *,
        samples: int = 0,
        requests: int = 8,
        listed: int = LISTED,
    ) -> None:
        self._pool, self._served, self._tokenizer = pool, served, tokenizer
        self._samples, self._listed = samples, listed
        self._draws_at_once = samples
        self._lead = ""
        self._workers = ThreadPoolExecutor(requests * len(pool.servers), thread_name_prefix="server-request")
        self.window = served.window
        self.model_name = served.shown
        several = f", {len(pool.servers)} servers" if len(pool.servers) > 1 else ""
        self.name = f"openai{several}" + (f", {samples} drawn" if samples else "")

    def choose(self, prompts: Sequence[str], choices: Sequence[str], cancel: Cancel = never_cancelled) -> list[Choice]:
        if self._samples:
            return self._each(lambda i, stop: self._draw(prompts[i], choices, stop), len(prompts), cancel)
        if not self._served.takes_ids:
            return self._each(lambda i, stop: self._choose_text(prompts[i], choices, stop), len(prompts), cancel)
        encoded = [encode_choice(self._tokenizer, prompt, choices) for prompt in prompts]
        for ids, _ in encoded:
            room(len(ids), 1, self.window)
        return self._each(lambda i, stop: self._choose_ids(*encoded[i], stop), len(prompts), cancel)

    def stream(
        self, prompt: str, *, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Generator[str, None, Completion]:
        return self._stream(prompt, max_tokens, temperature, seed, never_cancelled)

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        seed: int = 0,
        cancel: Cancel = never_cancelled,
    ) -> list[Completion]:
        def write(i: int, stop: Cancel) -> Completion:
            pieces = self._stream(prompts[i], max_tokens, temperature, seed + i, stop)
            with closing(pieces):
                while True:
                    try:
                        next(pieces)
                    except StopIteration as end:
                        return end.value
                    if stop():
                        raise Cancelled("Writing was stopped.")

        return self._each(write, len(prompts), cancel)

    def cut(self, text: str, max_tokens: int) -> tuple[str, bool]:
        return self._tokenizer.cut(text, max_tokens)

    def close(self) -> None:
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._pool.close()

    # -- choices ---------------------------------------------------------------------------------------------

    def _choose_ids(self, ids: list[int], choice_ids: list[int], cancel: Cancel) -> Choice:
        # vLLM then tells the choices' own log-probabilities, however unlikely they are; others overlook it.
        listed = self._next_tokens(ids, cancel, logprob_token_ids=choice_ids)
        by_id = {one.token_id: one.logprob for one in listed}
        if None in by_id:
            raise ReplyShapeError(
                "The server does not say which token ids its log-probabilities belong to, though it takes ids."
            )
        return bounded_choice([by_id.get(number) for number in choice_ids], listed)

    def _choose_text(self, prompt: str, choices: Sequence[str], cancel: Cancel) -> Choice:
        """By the tokens' texts; where the choices' common beginning is a token of its own, it joins the prompt."""
        shared = _common_beginning(choices)
        for lead in dict.fromkeys((self._lead, shared)):
            listed = self._next_tokens(self._text(prompt) + lead, cancel)
            by_text = {one.text: one.logprob for one in listed}
            found = [by_text.get(choice[len(lead) :]) for choice in choices]
            if any(logprob is not None for logprob in found) or shared not in by_text:
                break
        if any(logprob is not None for logprob in found):
            self._lead = lead
        return bounded_choice(found, listed)

    def _next_tokens(self, prompt: str | list[int], cancel: Cancel, **more: Any) -> list[Listed]:
        """The likeliest next tokens; ``more`` goes into the request.

        Raises:
            EngineError: The servers give no log-probabilities.
        """

        def ask(server: Server) -> list[Listed]:
            reply = server.post("/v1/completions", self._body(prompt, 1, logprobs=self._listed, **more))
            listed = read_listed(reply)
            if listed is None:
                raise EngineError(
                    f"The server {server.url} tells no log-probabilities, which scores are read from. Start it so that "
                    "it does, name another, or accept estimates from so many drawn grades: --server-samples 20."
                )
            return listed

        try:
            return self._pool.call(ask, cancel)
        except RefusedError as error:
            if "logprob" not in error.said.lower() or self._listed <= FEWER_LISTED:
                raise
        self._listed = FEWER_LISTED
        return self._pool.call(ask, cancel)

    def _draw(self, prompt: str, choices: Sequence[str], cancel: Cancel) -> Choice:
        """Counts drawn tokens by their first word: sent as text, a prompt may be followed by the space alone."""
        wanted = [choice.strip() for choice in choices]
        asked: str | list[int] = self._text(prompt)
        if self._served.takes_ids:
            asked, _ = encode_choice(self._tokenizer, prompt, choices)
            room(len(asked), 1, self.window)
        texts: list[str] = []
        while len(texts) < self._samples:
            at_once = min(self._draws_at_once, self._samples - len(texts))
            body = self._body(asked, 1 if self._served.takes_ids else 2, temperature=1.0, seed=len(texts), n=at_once)
            try:
                reply = self._pool.call(partial(_completion, body), cancel)
            except RefusedError:
                if at_once == 1:
                    raise
                self._draws_at_once = 1  # llama.cpp draws no more at once than it has slots
                continue
            texts += [piece.text for piece in read_pieces(reply)[:at_once]]
        words = [found.group(1) if (found := _FIRST_WORD.match(text)) else "" for text in texts]
        counts = [words.count(want) for want in wanted]
        return drawn_choice(counts, len(texts))

    # -- texts -----------------------------------------------------------------------------------------------

    def _stream(
        self, prompt: str, max_tokens: int, temperature: float, seed: int, cancel: Cancel
    ) -> Generator[str, None, Completion]:
        """Where a server dies in the middle of a text, another goes on after what was written."""
        text, troubles = "", self._pool.troubles()
        while True:
            left = max_tokens - (len(encode(self._tokenizer, text)) if text else 0)
            if left <= 0:
                return Completion(text, False)
            body = self._writing(prompt + text, left, temperature, seed)
            try:
                with self._pool.lease(cancel) as server, closing(server.events("/v1/completions", body)) as events:
                    for event in events:
                        piece = self._event_piece(server, event)
                        if piece is None:
                            continue
                        new, stop, _ = piece.text.partition(STOP)
                        text += new
                        if len(text) > _LONGEST_TOKEN * max_tokens:
                            raise EngineError(f"The server {server.url} does not stop after {max_tokens} tokens.")
                        if new:
                            yield new
                        if stop or piece.reason is not None:
                            return Completion(text, bool(stop) or piece.reason != "length")
                    raise UnavailableError(server.url, "ended a text without saying why")
            except UnavailableError as error:
                troubles.add(error)

    def _event_piece(self, server: Server, event: dict[str, Any]) -> Any:
        if "error" in event:
            raise UnavailableError(server.url, "failed in the middle of a text")
        if event.get("choices") == []:
            return None  # the event that counts tokens
        return read_piece(event)

    def _writing(self, prompt: str, max_tokens: int, temperature: float, seed: int) -> dict[str, Any]:
        asked: str | list[int] = self._text(prompt)
        if self._served.takes_ids:
            asked = encode(self._tokenizer, prompt)
            max_tokens = room(len(asked), max_tokens, self.window)
        return self._body(asked, max_tokens, temperature=temperature, seed=seed, stop=[STOP], stream=True)

    # -- both ------------------------------------------------------------------------------------------------

    def _body(
        self, prompt: str | list[int], max_tokens: int, *, temperature: float = 0.0, seed: int = 0, **more: Any
    ) -> dict[str, Any]:
        body = {"model": self._served.model, "prompt": prompt, "max_tokens": max_tokens, **more}
        body |= {"temperature": temperature, "top_p": 1.0, "seed": seed % 2**31}
        if self._served.takes_more:  # what a server would otherwise choose by itself
            ids = {"return_tokens_as_token_ids": self._served.takes_ids}
            body |= {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0, **ids}
        return body

    def _text(self, prompt: str) -> str:
        return neutralised(prompt, self._tokenizer.control_tokens)

    def _each(self, work: Callable[[int, Cancel], T], count: int, cancel: Cancel) -> list[T]:
        """``work`` for each number below ``count``, side by side; the first failure stops the rest."""
        if cancel():
            raise Cancelled("The work was stopped.")
        stop = threading.Event()
        futures = [self._workers.submit(work, i, stop.is_set) for i in range(count)]
        try:
            pending = set(futures)
            while pending:
                if cancel():
                    raise Cancelled("The work was stopped.")
                done, pending = wait(pending, timeout=_GLANCE, return_when=FIRST_EXCEPTION)
                for future in done:
                    future.result()
            return [future.result() for future in futures]
        finally:
            stop.set()
            for future in futures:
                future.cancel()


def _completion(body: dict[str, Any], server: Server) -> dict[str, Any]:
    return server.post("/v1/completions", body)


def _common_beginning(texts: Sequence[str]) -> str:
    first, last = min(texts), max(texts)
    same = next((i for i, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), len(first))
    return first[:same]
