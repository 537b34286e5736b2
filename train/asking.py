"""Many requests to one server: bounded concurrency, a journal of paid replies, and a running count of what it cost.

The journal is the one truth. A reply is on the disk before anything is made of it, and what has an answer there is
never asked again; everything else (records, rejects) is derived from it and can be made anew for nothing. Stopping
by SIGINT or SIGTERM waits for the replies under way, which are paid for; a second signal does not wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from reasonrank.errors import EngineError, InputError, ReasonRankError
from train.endpoint import Endpoint, RefusedError, Reply, Request, UnavailableError
from train.journal import Journal, read_json_lines

Usable = Callable[[Request, Reply], bool]
"""Whether a reply answers its request; if not it is asked again, as long as attempts are left."""
Told = Callable[[Request], None]
"""Told of every request that is settled: it has a usable reply, or no attempt is left, or it was refused."""
SILENT_LISTS = 3
"""So many requests in a row without an answer, and the server is taken to be gone."""


@dataclass(frozen=True, slots=True)
class AskOptions:
    """How many requests at a time, and what they may cost.

    Args:
        concurrency: Requests under way at once.
        attempts: How often a request may be asked when its reply is not usable.
        price_in: Price of a million prompt tokens, in any currency.
        price_out: Price of a million completion tokens.
        max_cost: No request is begun once the count reached this; 0 sets no limit.
    """

    concurrency: int = 8
    attempts: int = 2
    price_in: float = 0.0
    price_out: float = 0.0
    max_cost: float = 0.0

    def __post_init__(self) -> None:
        if self.concurrency < 1 or self.attempts < 1:
            raise InputError("--concurrency and --attempts count from 1.")
        if min(self.price_in, self.price_out, self.max_cost) < 0:
            raise InputError("--price-in, --price-out and --max-cost are not negative.")
        if self.max_cost and not (self.price_in or self.price_out):
            raise InputError("--max-cost needs --price-in and --price-out; without them nothing is known of the cost.")


@dataclass(frozen=True, slots=True)
class Tally:
    """What has been paid for so far, over all runs.

    Args:
        replies: Replies in the journal.
        prompt_tokens: As the server counted them.
        completion_tokens: The same.
        uncounted: Replies whose tokens the server did not tell; they are missing from the sums.
    """

    replies: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0

    def plus(self, reply: Reply) -> Tally:
        """The tally with one more reply."""
        counted = reply.prompt_tokens is not None and reply.completion_tokens is not None
        return Tally(
            self.replies + 1,
            self.prompt_tokens + (reply.prompt_tokens or 0),
            self.completion_tokens + (reply.completion_tokens or 0),
            self.uncounted + (not counted),
        )

    def cost(self, options: AskOptions) -> float:
        """In the currency of the prices.

        >>> Tally(1, 2_000_000, 500_000).cost(AskOptions(price_in=0.5, price_out=2.0))
        2.0
        """
        return (self.prompt_tokens * options.price_in + self.completion_tokens * options.price_out) / 1e6

    def words(self, options: AskOptions) -> str:
        """For people: tokens in and out, and the cost if prices are known."""
        told = f"{self.prompt_tokens:,} tokens in, {self.completion_tokens:,} out"
        if self.uncounted:
            told += f" ({self.uncounted} replies uncounted)"
        return told + (f", cost {self.cost(options):.4f}" if options.price_in or options.price_out else "")


@dataclass
class Replies:
    """All replies of a journal, by the key of their request."""

    by_key: dict[str, list[Reply]] = field(default_factory=dict)
    tally: Tally = Tally()

    @classmethod
    def read(cls, path: Path) -> Replies:
        """The replies of a journal; none where there is no file.

        Raises:
            InputError: A line is not a reply.
        """
        replies = cls()
        for number, line in enumerate(read_json_lines(path), start=1):
            try:
                replies.add(Reply(**line))
            except TypeError as error:
                raise InputError(f"{path}, line {number}: not a reply ({error}). Mend or remove the line.") from error
        return replies

    def add(self, reply: Reply) -> None:
        """One more reply."""
        self.by_key.setdefault(reply.key, []).append(reply)
        self.tally = self.tally.plus(reply)

    def of(self, request: Request) -> list[Reply]:
        """Replies to a request, oldest first."""
        return self.by_key.get(request.key, [])

    def is_settled(self, request: Request, usable: Usable, attempts: int) -> bool:
        """Whether nothing more will be asked: a reply is usable, or no attempt is left."""
        found = self.of(request)
        return len(found) >= attempts or any(usable(request, reply) for reply in found)


@dataclass(frozen=True, slots=True)
class Asked:
    """How a run ended.

    Args:
        refused: Requests that the server turned down, by key: why.
        unanswered: Requests without an answer, by key: why. They are asked again by the next run.
        stopped: Why it ended before everything was asked; empty when it did not.
    """

    refused: Mapping[str, str]
    unanswered: Mapping[str, str]
    stopped: str = ""


def ask_all(
    requests: Sequence[Request],
    endpoint: Callable[[], Endpoint],
    journal: Path,
    replies: Replies,
    usable: Usable,
    options: AskOptions,
    told: Told,
) -> Asked:
    """Ask what has no answer yet; each reply goes to the journal and to ``replies`` as it comes.

    Raises:
        ReasonRankError: The server will not serve us, is gone, or the journal cannot be written. Replies that
            were under way have been kept.
    """
    open_requests = [one for one in requests if not replies.is_settled(one, usable, options.attempts)]
    if not open_requests:
        return Asked({}, {})
    with Journal(journal) as file:
        run = _Run(open_requests, len(requests), endpoint, file, replies, usable, options, told)
        return asyncio.run(run.go())


class _Run:
    def __init__(
        self,
        requests: Sequence[Request],
        total: int,
        endpoint: Callable[[], Endpoint],
        journal: Journal,
        replies: Replies,
        usable: Usable,
        options: AskOptions,
        told: Told,
    ) -> None:
        self._requests: Iterator[Request] = iter(requests)
        self._total, self._done = total, total - len(requests)
        self._make, self._journal, self._replies = endpoint, journal, replies
        self._usable, self._options, self._told = usable, options, told
        self._refused: dict[str, str] = {}
        self._unanswered: dict[str, str] = {}
        self._silent = 0
        self._stopped = ""
        self._error: ReasonRankError | None = None

    async def go(self) -> Asked:
        endpoint = self._make()
        bar = tqdm(total=self._total, initial=self._done, unit=" lists", file=sys.stderr, dynamic_ncols=True)
        loop = asyncio.get_running_loop()
        with bar, _two_signals(loop, self._stop):
            bar.set_postfix_str(self._replies.tally.words(self._options), refresh=False)
            await asyncio.gather(*(self._work(endpoint, bar) for _ in range(self._options.concurrency)))
        await endpoint.close()
        if self._error is not None:
            raise self._error
        return Asked(self._refused, self._unanswered, self._stopped)

    def _stop(self) -> None:
        self._stopped = "stopped by a signal"

    async def _work(self, endpoint: Endpoint, bar: Any) -> None:
        while not (self._stopped or self._error):
            if self._options.max_cost and self._replies.tally.cost(self._options) >= self._options.max_cost:
                self._stopped = f"the cost reached --max-cost {self._options.max_cost}"
                return
            request = next(self._requests, None)
            if request is None:
                return
            try:
                await self._settle(endpoint, request)
            except ReasonRankError as error:
                self._error = error
                return
            except OSError as error:  # a full disk: nothing more may be paid for
                self._error = EngineError(
                    f"A reply could not be written ({error.strerror}); free some space and go on."
                )
                return
            bar.update()
            bar.set_postfix_str(self._replies.tally.words(self._options))

    async def _settle(self, endpoint: Endpoint, request: Request) -> None:
        while not (self._stopped or self._replies.is_settled(request, self._usable, self._options.attempts)):
            try:
                reply = await endpoint.ask(request, len(self._replies.of(request)) + 1)
            except RefusedError as error:
                self._refused[request.key] = str(error)
                break
            except UnavailableError as error:
                self._unanswered[request.key] = str(error)
                self._silent += 1
                if self._silent >= SILENT_LISTS:
                    raise EngineError(
                        f"The server left {self._silent} requests in a row without an answer ({error}). What was "
                        "answered is kept; run the same command again to go on."
                    ) from error
                return
            self._silent = 0
            self._journal.append(asdict(reply))
            self._replies.add(reply)
        if request.key in self._refused or self._replies.is_settled(request, self._usable, self._options.attempts):
            self._told(request)


@contextlib.contextmanager
def _two_signals(loop: asyncio.AbstractEventLoop, stop: Callable[[], None]) -> Iterator[None]:
    """The first SIGINT or SIGTERM calls ``stop``; the second does what it always does."""
    caught = (signal.SIGINT, signal.SIGTERM)

    def first() -> None:
        stop()
        for number in caught:
            loop.remove_signal_handler(number)

    try:
        for number in caught:
            loop.add_signal_handler(number, first)
    except (NotImplementedError, RuntimeError, ValueError):
        pass  # not the main thread, or a system without signals: a signal then ends the process at once
    try:
        yield
    finally:
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            for number in caught:
                loop.remove_signal_handler(number)
