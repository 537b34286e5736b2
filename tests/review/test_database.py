"""Migrations, URLs, twenty annotators at once, and a server that is killed."""

import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from reasonrank.errors import InputError, ReasonRankError
from reasonrank.review.database import migrate, open_database
from reasonrank.review.schema import metadata
from reasonrank.review.service import Review
from reasonrank.review.store import Store
from reasonrank.review.values import Identity
from tests.review.helpers import complete, make_set

ROOT = Path(__file__).parents[2]


def test_migrations_make_just_what_the_tables_say(database_url: str) -> None:
    database = open_database(database_url)
    migrate(database)  # a second time changes nothing
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    database.close()


def test_two_servers_that_start_together_migrate_once(database_url: str) -> None:
    failed: list[Exception] = []

    def start() -> None:
        try:
            open_database(database_url).close()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_sqlite_syncs_and_writes_ahead(tmp_path: Path) -> None:
    database = open_database("", tmp_path / "made")
    with database.read() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert pragmas == {"journal_mode": "wal", "synchronous": 2}
    assert (tmp_path / "made" / "review.sqlite").exists()
    database.close()


@pytest.mark.parametrize("url", ["mysql://x/y", "no url", "sqlite://", "sqlite:///:memory:"])
def test_other_databases_are_refused(url: str) -> None:
    with pytest.raises(InputError):
        open_database(url)


def test_a_database_that_is_away_is_a_sentence() -> None:
    with pytest.raises(ReasonRankError, match="database did not do"):
        open_database("postgresql://nobody@127.0.0.1:9/none")


@pytest.mark.parametrize("k", [1, 3])
def test_twenty_annotators_at_once(review: Review, k: int) -> None:
    made = make_set(review, k=k, lists=5)
    failed: list[Exception] = []

    def work(who: Identity) -> None:
        try:
            while (task := review.next_task(who, made.set_id)) is not None:
                complete(review, who, task)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(Identity(f"annotator {n}"),)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    standings = review.store.standings(made.set_id)
    by_item = Counter(standing.item.item_id for standing in standings)
    assert by_item == {item.item_id: k for item in review.store.items(made.set_id)}
    assert max(Counter((s.item.item_id, s.event.annotator) for s in standings).values()) == 1


def test_one_annotator_in_many_windows_gets_one_item(review: Review) -> None:
    made = make_set(review, k=3)
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(str(review.next_task(Identity("Ada"), made.set_id).item.item_id)))  # type: ignore[union-attr]
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1


def test_what_was_acknowledged_survives_a_kill(database_url: str) -> None:
    database = open_database(database_url)
    review = Review(Store(database))
    made = make_set(review, k=20, lists=12)
    writer = [sys.executable, "-m", "tests.review.writer", database_url, made.set_id, "8"]
    acknowledged: set[str] = set()
    for after in (15, 40):
        process = subprocess.Popen(writer, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if len(lines) == after:
                process.kill()
        process.wait()
        acknowledged |= {line.strip() for line in lines if line.endswith("\n")}
    stored = {event.event_id for event in review.store.events(made.set_id)}
    assert len(acknowledged) >= 55
    assert acknowledged <= stored
    database.close()
