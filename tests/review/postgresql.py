"""A real PostgreSQL server of the machine's own binaries, on a loopback port, gone when the block ends."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

SYSTEM_USERS = ("postgres", "nobody")


def binary(name: str) -> str:
    """A program of PostgreSQL's, also where Debian keeps it off the path.

    Raises:
        FileNotFoundError: PostgreSQL is not installed.
    """
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; install Debian's package postgresql (.ci/run does).")
    return found


@contextmanager
def server() -> Iterator[str]:
    """A running server's URL. Durability is as delivered: fsync stays on."""
    folder = Path(tempfile.mkdtemp(prefix="rr-pg-"))
    as_user = _other_user() if os.geteuid() == 0 else {}  # the server refuses to run as root
    if as_user:
        shutil.chown(folder, as_user["user"], as_user["group"])
    data = folder / "data"
    _run([binary("initdb"), "-D", str(data), "-U", "reviewer", "-A", "trust", "-E", "UTF8", "--locale=C"], as_user)
    port = _free_port()
    options = ["-c", f"unix_socket_directories={folder}", "-c", "listen_addresses=127.0.0.1", "-c", f"port={port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [binary("postgres"), "-D", str(data), *options, "-c", "max_connections=200"],
            stdout=log,
            stderr=log,
            cwd=folder,
            **as_user,
        )
    try:
        _wait(process, port, folder / "log")
        yield f"postgresql://reviewer@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def fresh_database(url: str, name: str) -> str:
    """A new database on the server, and its URL."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')  # names come from the tests
    return url.rpartition("/")[0] + f"/{name}"


def _other_user() -> dict[str, Any]:
    import pwd

    for name in SYSTEM_USERS:
        with suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise RuntimeError(f"The server does not run as root, and there is none of the users {SYSTEM_USERS}.")


def _run(command: list[str], as_user: dict[str, Any]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", **as_user)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stderr.strip()}")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    ready = [binary("pg_isready"), "-h", "127.0.0.1", "-p", str(port), "-t", "60"]
    for _ in range(600):
        if process.poll() is not None:
            break
        if subprocess.run(ready, capture_output=True).returncode == 0:
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.1)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}")
