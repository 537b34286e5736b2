"""Segments: replayed after the disk forgot, acknowledged only when durable, shared by those who wait together."""

import inspect
import threading
from pathlib import Path

import pytest
from huggingface_hub import HfApi

from reasonrank.errors import InputError, ReasonRankError
from reasonrank.review.database import open_database
from reasonrank.review.journal import FOLDER, Journal, Shelf
from reasonrank.review.lead import Lead
from reasonrank.review.service import Review
from reasonrank.review.shelves import FolderShelf, HubShelf, open_shelf
from reasonrank.review.store import Store
from reasonrank.review.values import Identity
from tests.review.helpers import ADA, FULL, LEAD, complete, make_set, new_id, take
from tests.review.hub_standin import FolderHub


def start(folder: Path, shelf: Shelf) -> Review:
    """A server on a machine whose disk is empty."""
    folder.mkdir()
    return Review(Store(open_database("", folder)), Journal(shelf))


@pytest.mark.parametrize("kind", ["folder", "hub"])
def test_a_restart_on_an_empty_disk_goes_on_where_it_was(tmp_path: Path, kind: str) -> None:
    hub = FolderHub(tmp_path / "hub")

    def shelf() -> Shelf:
        return FolderShelf(tmp_path / "bucket") if kind == "folder" else HubShelf(hub, "org/judgements")

    first = start(tmp_path / "one", shelf())
    made = make_set(first)
    Lead(first, LEAD).edit_guideline("pair", "Judge kindly.", 1)
    task = take(first, ADA, made.set_id)
    complete(first, ADA, task, seconds=3.0)
    first.judge(ADA, task.item.item_id, {**FULL, "correct": 1}, event_id=new_id())
    first.undo(ADA, made.set_id, event_id=new_id())
    second = start(tmp_path / "two", shelf())
    assert second.store.entries() == first.store.entries()
    assert second.progress(ADA, made.set_id) == first.progress(ADA, made.set_id)
    assert second.guideline("pair").text == "Judge kindly."
    again = second.open_task(ADA, task.item.item_id)  # still theirs
    assert again.standing is not None and again.standing.value is not None
    assert again.standing.value["correct"] == 2
    complete(second, ADA, take(second, ADA, made.set_id))
    third = start(tmp_path / "three", shelf())
    assert third.store.entries() == second.store.entries()
    assert third.progress(ADA, made.set_id).judged == 2


def test_nothing_is_acknowledged_before_it_is_durable(tmp_path: Path) -> None:
    hub = FolderHub(tmp_path / "hub")
    review = start(tmp_path / "one", HubShelf(hub, "org/judgements"))
    made = make_set(review, blind=False)
    task = take(review, ADA, made.set_id)
    hub.fail = 2
    for _ in range(2):
        with pytest.raises(ReasonRankError, match="not acknowledged"):
            review.judge(ADA, task.item.item_id, FULL, event_id="tried-again")
    assert start(tmp_path / "lost", HubShelf(hub, "org/judgements")).store.events(made.set_id) == ()
    review.judge(ADA, task.item.item_id, FULL, event_id="tried-again")
    (event,) = start(tmp_path / "kept", HubShelf(hub, "org/judgements")).store.events(made.set_id)
    assert event.event_id == "tried-again"


def test_those_who_wait_together_share_a_segment(tmp_path: Path) -> None:
    hub = FolderHub(tmp_path / "hub")
    review = start(tmp_path / "one", HubShelf(hub, "org/judgements"))
    made = make_set(review, k=8, blind=False)
    slow = threading.Event()
    upload = hub.upload_file

    class SlowHub(FolderHub):
        def upload_file(self, **given) -> None:  # type: ignore[no-untyped-def, override]
            slow.wait(10)
            upload(**given)

    journal = review.journal
    assert journal is not None
    slow_hub = SlowHub(tmp_path / "hub")
    slow_review = Review(review.store, Journal(HubShelf(slow_hub, "org/judgements")))
    before = hub.uploads
    tasks = [(Identity(f"p{n}"), take(slow_review, Identity(f"p{n}"), made.set_id)) for n in range(8)]
    threads = [
        threading.Thread(target=lambda who=who, task=task: complete(slow_review, who, task)) for who, task in tasks
    ]
    for thread in threads:
        thread.start()
    while len(review.store.events(made.set_id)) < 8:  # all committed, none durable yet
        pass
    slow.set()
    for thread in threads:
        thread.join()
    assert hub.uploads - before < 8
    assert len(start(tmp_path / "two", HubShelf(hub, "org/judgements")).store.events(made.set_id)) == 8


def test_a_line_cut_off_at_the_end_is_left_out(tmp_path: Path) -> None:
    review = start(tmp_path / "one", FolderShelf(tmp_path / "bucket"))
    made = make_set(review, blind=False)
    review.judge(ADA, take(review, ADA, made.set_id).item.item_id, FULL, event_id="whole-event")
    review.judge(ADA, take(review, ADA, made.set_id).item.item_id, FULL, event_id="torn-event")
    last = max((tmp_path / "bucket" / FOLDER).iterdir())
    last.write_bytes(last.read_bytes()[:-20])
    events = start(tmp_path / "two", FolderShelf(tmp_path / "bucket")).store.events(made.set_id)
    assert [event.event_id for event in events] == ["whole-event"]
    first = min((tmp_path / "bucket" / FOLDER).iterdir())
    first.write_bytes(b"damaged\n" + first.read_bytes())
    with pytest.raises(InputError, match="damaged in line 1"):
        start(tmp_path / "three", FolderShelf(tmp_path / "bucket"))


def test_a_public_repository_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReasonRankError, match="is public"):
        HubShelf(FolderHub(tmp_path, private=False), "org/judgements")


@pytest.mark.parametrize("place", ["hub:nobody", "hub:/x", "hub:a/b/c"])
def test_a_repository_has_an_owner_and_a_name(place: str) -> None:
    with pytest.raises(InputError, match="OWNER/NAME"):
        open_shelf(place)


def test_the_stand_in_takes_what_the_hubs_client_takes() -> None:
    for name in ("create_repo", "repo_info", "upload_file", "list_repo_files", "hf_hub_download"):
        real = inspect.signature(getattr(HfApi, name)).parameters
        assert set(inspect.signature(getattr(FolderHub, name)).parameters) <= set(real), name
