"""The few kinds of error the library raises; each message says what it got, what it expected and what to do."""

from __future__ import annotations


class ReasonRankError(Exception):
    """Base of every error that a user can cause or mend; the edges print it as one sentence."""


class InputError(ReasonRankError):
    """A query, document, file or flag is not what was expected."""


class MissingDependencyError(ReasonRankError):
    """A package, a Java runtime or a model is not on this machine.

    Args:
        what: The thing that is missing, as a person would call it.
        install: The exact command that brings it.
    """

    def __init__(self, what: str, install: str) -> None:
        super().__init__(f"{what} is not installed. Install it with: {install}")
        self.what = what
        self.install = install


class IndexDamagedError(ReasonRankError):
    """An index on disk does not match its manifest and has to be rebuilt."""


class EngineError(ReasonRankError):
    """A model engine could not load, score or generate."""


class ReplyError(ReasonRankError):
    """A model's reply could not be parsed; ``status`` names how (see :data:`reasonrank.data.STATUSES`)."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class Cancelled(ReasonRankError):
    """The caller asked to stop, for example because a newer question came."""
