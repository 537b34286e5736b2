"""Who is asking: a name on one's own machine, a password file by choice, or a Hugging Face sign-in's name."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError, MissingDependencyError
from reasonrank.review.checks import check_name
from reasonrank.review.values import ROLES, Identity, Role

LONGEST_PASSWORD = 1000
HUB = "hf:"
"""Begins the names that a hub sign-in gives, so that nobody can type one."""


def local_identity(name: str, leads: Collection[str] = ()) -> Identity:
    """Whoever sits at this machine, under the name they give; without ``leads`` everybody may lead.

    Raises:
        InputError: The name is unusable, or looks like a hub sign-in.
    """
    name = check_name(name)
    if name.startswith(HUB):
        raise InputError(f"A name does not begin with {HUB!r} unless it comes from a Hugging Face sign-in.")
    return Identity(name, "lead" if not leads or name in leads else "annotator")


def hub_identity(username: str, leads: Collection[str] = ()) -> Identity:
    """Whoever a Hugging Face sign-in says it is; ``leads`` are hub user names."""
    return Identity(check_name(HUB + username), "lead" if username in leads else "annotator")


class PasswordFile:
    """Names with roles and argon2 hashes, one ``name<TAB>role<TAB>hash`` a line. Read anew for every sign-in.

    Args:
        path: The file; need not exist before :meth:`set`.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def check(self, name: str, password: str) -> Identity | None:
        """Who this is; None when the name is unknown or the password is wrong, in about the same time."""
        from argon2.exceptions import InvalidHashError, VerifyMismatchError

        hasher, decoy = _hasher(), _decoy()
        entry = self._entries().get(name)
        try:
            hasher.verify(entry[1] if entry else decoy, password[:LONGEST_PASSWORD])
        except (VerifyMismatchError, InvalidHashError):
            return None
        return Identity(name, entry[0]) if entry else None

    def role(self, name: str) -> Role | None:
        """The role that a name has now; None once it was removed."""
        found = self._entries().get(name)
        return None if found is None else found[0]

    def set(self, name: str, password: str, role: Role) -> None:
        """Add a name, or change its password and role.

        Raises:
            InputError: The name, password or role is unusable, or the file cannot be written.
        """
        from reasonrank.formats import replacing

        name = check_name(name)
        if name.startswith(HUB):
            raise InputError(f"A name does not begin with {HUB!r} unless it comes from a Hugging Face sign-in.")
        if role not in ROLES:
            raise InputError(f"The role is {role!r}; expected one of {list(ROLES)}.")
        if not 8 <= len(password) <= LONGEST_PASSWORD:
            raise InputError(f"The password has {len(password)} characters; expected 8 to {LONGEST_PASSWORD}.")
        entries = self._entries() | {name: (role, _hasher().hash(password))}
        with replacing(self._path) as file:
            file.writelines(f"{known}\t{of}\t{hashed}\n" for known, (of, hashed) in sorted(entries.items()))
        self._path.chmod(0o600)

    def _entries(self) -> dict[str, tuple[Role, str]]:
        if not self._path.exists():
            return {}
        found: dict[str, tuple[Role, str]] = {}
        for number, line in enumerate(self._path.read_text(encoding="utf-8").splitlines(), start=1):
            parts = line.split("\t")
            if not line.strip():
                continue
            if len(parts) != 3 or parts[1] not in ROLES:
                raise InputError(f"{self._path.name}, line {number}: expected name, role and hash between tabs.")
            found[parts[0]] = ("lead" if parts[1] == "lead" else "annotator", parts[2])
        return found


def _hasher() -> Any:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise MissingDependencyError("argon2-cffi", "pip install 'reasonrank[review]'") from error
    return PasswordHasher()


@cache
def _decoy() -> str:
    """A hash of nothing in particular, checked for unknown names so that they take as long as known ones."""
    return str(_hasher().hash("nobody has this password"))
