"""Opens the review database by its URL, SQLite or PostgreSQL, and brings its tables up to date."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reasonrank.errors import InputError, MissingDependencyError, ReasonRankError

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

MIGRATION_LOCK = 7_305_001
"""Any number that nobody else uses as an advisory lock in the same PostgreSQL database."""
BUSY_MS = 60_000


class Database:
    """A pool of connections. :meth:`write` is one transaction, committed when the block ends without an error."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reading = engine.execution_options(reading=True)
        # SQLite has one writer at a time. Waiting here is fair; waiting in SQLite is a lottery of sleeps.
        self._writer = threading.Lock() if engine.dialect.name == "sqlite" else None

    @property
    def is_postgresql(self) -> bool:
        return self.engine.dialect.name == "postgresql"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that may write.

        Raises:
            ReasonRankError: The database did not answer or refused; nothing was stored.
        """
        if self._writer is None:
            with _plain_errors(), self.engine.begin() as connection:
                yield connection
        else:
            with self._writer, _plain_errors(), self.engine.begin() as connection:
                yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees one state throughout on SQLite."""
        with _plain_errors(), self._reading.begin() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str, folder: Path | None = None) -> Database:
    """The database of ``url``, made and migrated as far as needed.

    Args:
        url: ``sqlite:///FILE``, ``postgresql://USER:PASSWORD@HOST/NAME``, or empty for ``review.sqlite`` in ``folder``.
        folder: Where the default file goes.

    Raises:
        InputError: The URL cannot be read, or names another kind of database.
        MissingDependencyError: The packages for reviewing, or PostgreSQL's driver, are not installed.
        ReasonRankError: The database cannot be opened.
    """
    try:
        from sqlalchemy import create_engine
    except ImportError as error:
        raise MissingDependencyError("SQLAlchemy", "pip install 'reasonrank[review]'") from error

    parsed = _parse_url(url, folder)
    if parsed.get_backend_name() == "sqlite":
        _make_folder(Path(parsed.database))
        engine = create_engine(parsed, connect_args={"timeout": BUSY_MS / 1000}, pool_size=16, max_overflow=32)
        _prepare_sqlite(engine)
    else:
        try:
            engine = create_engine(parsed, pool_size=16, max_overflow=32, pool_pre_ping=True)
        except ImportError as error:
            raise MissingDependencyError("psycopg", "pip install 'reasonrank[postgresql]'") from error
    database = Database(engine)
    migrate(database)
    return database


def migrate(database: Database) -> None:
    """Run the migrations that are missing; two processes that start together take turns."""
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import text

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    with database.write() as connection:
        if database.is_postgresql:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _parse_url(url: str, folder: Path | None) -> Any:
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if not url:
        return URL.create("sqlite", database=str((folder or Path()) / "review.sqlite"))
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise InputError(
            "The database's URL could not be read; expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME."
        ) from error
    if parsed.drivername == "sqlite":
        if not parsed.database or parsed.database == ":memory:":
            raise InputError("A review lives in a file; got a SQLite URL without one. Give sqlite:///FILE.")
        return parsed
    if parsed.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    raise InputError(f"Got a database of the kind {parsed.drivername!r}; expected sqlite or postgresql.")


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"The folder of {path} cannot be made: {error.strerror}.") from error


def _prepare_sqlite(engine: Engine) -> None:
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, see below
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_MS}"):
            connection.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begun(connection: Any) -> None:
        # A writer takes its lock at once: two that both read first and then write could not both go on.
        reading = connection.get_execution_options().get("reading")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


@contextmanager
def _plain_errors() -> Iterator[None]:
    from sqlalchemy.exc import DBAPIError, IntegrityError

    try:
        yield
    except IntegrityError as error:
        raise InputError("This does not fit what is stored already; nothing was changed.") from error
    except DBAPIError as error:
        first = str(error.orig).strip().splitlines()[0] if error.orig else type(error).__name__
        raise ReasonRankError(f"The review database did not do what was asked: {first}.") from error
