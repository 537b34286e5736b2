"""Signing in to the Review tab: by a name on one's own machine, with a password file, or through Hugging Face."""

from __future__ import annotations

import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from reasonrank.errors import ReasonRankError
from reasonrank.review.identity import PasswordFile, hub_identity, local_identity
from reasonrank.review.values import Identity
from reasonrank.settings import Settings

Mode = Literal["local", "password", "hub", "closed"]
MOST_TOKENS = 10_000
"""Sign-ins kept at most; the one that was not used for the longest time goes first."""


class NotSignedInError(ReasonRankError):
    """Nobody is signed in, or not any more."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a request brings along.

    Args:
        name: The name typed in; with a password file it only counts together with the password.
        token: Given by an earlier sign-in with a password.
        hub_name: The user that Hugging Face's sign-in vouches for, from the server's own cookie.
    """

    name: str = ""
    token: str = ""
    hub_name: str = ""

    @classmethod
    def of(cls, sent: Any, hub_name: str = "") -> Credentials:
        """From what the page sent; anything that is no text counts as not given."""
        given = sent if isinstance(sent, Mapping) else {}
        name, token = given.get("name"), given.get("token")
        return cls(name if isinstance(name, str) else "", token if isinstance(token, str) else "", hub_name)


def mode_of(settings: Settings, environment: Mapping[str, str] | None = None) -> Mode:
    """How people sign in: by the password file if there is one, on a Space through the hub, else by a name.

    A Space that has no sign-in is closed for reviewing: there, a name that anybody can type says nothing.
    """
    environment = os.environ if environment is None else environment
    if settings.passwords:
        return "password"
    if environment.get("SPACE_ID"):
        return "hub" if environment.get("OAUTH_CLIENT_ID") else "closed"
    return "local"


class SignIns:
    """Tells who a request is from.

    Args:
        settings: Has the password file and the leads.
        mode: How people sign in.
    """

    def __init__(self, settings: Settings, mode: Mode) -> None:
        self.mode = mode
        self._leads = frozenset(name.strip() for name in settings.leads.split(",") if name.strip())
        self._file = PasswordFile(Path(settings.passwords))
        self._tokens: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()
        self._checking = threading.Lock()  # a check takes 64 MB, so one at a time

    def sign_in(self, name: str, password: str) -> tuple[Identity, str]:
        """Who this is, and a token for later requests (empty where a name is enough).

        Raises:
            NotSignedInError: The name or the password is wrong.
            InputError: The name is unusable.
        """
        if self.mode != "password":
            return self.identity(Credentials(name)), ""
        with self._checking:
            found = self._file.check(name.strip(), password)
        if found is None:
            raise NotSignedInError("This name and this password do not belong together.")
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._tokens[token] = found.name
            while len(self._tokens) > MOST_TOKENS:
                self._tokens.popitem(last=False)
        return found, token

    def identity(self, given: Credentials) -> Identity:
        """Who a request is from; the role is looked up each time, so that it can be taken away.

        Raises:
            NotSignedInError: Nobody is signed in.
            InputError: The name is unusable.
        """
        if self.mode == "closed":
            raise NotSignedInError(
                "Reviewing is closed on this Space; whoever runs it can open it with hf_oauth: true in its README."
            )
        if self.mode == "hub":
            if not given.hub_name:
                raise NotSignedInError("Sign in with Hugging Face to review.")
            return hub_identity(given.hub_name, self._leads)
        if self.mode == "password":
            return self._known(given.token)
        if not given.name.strip():
            raise NotSignedInError("Type your name to begin.")
        return local_identity(given.name, self._leads)

    def sign_out(self, token: str) -> None:
        """Make a token worthless."""
        with self._lock:
            self._tokens.pop(token, None)

    def _known(self, token: str) -> Identity:
        with self._lock:
            name = self._tokens.get(token)
            if name is not None:
                self._tokens.move_to_end(token)
        role = None if name is None else self._file.role(name)
        if name is None or role is None:
            raise NotSignedInError("Sign in with your name and password.")
        return Identity(name, role)
