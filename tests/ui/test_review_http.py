"""One annotator against another over plain HTTP, past the page: nothing is read, forged or changed."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from browsing import served
from standin import ScriptedPipeline

from reasonrank.review.identity import PasswordFile
from reasonrank.review.items import ranking_items
from reasonrank.review.lead import Lead
from reasonrank.review.opening import open_review
from reasonrank.review.values import Event, Identity
from reasonrank.settings import Settings
from tests.review.helpers import scripted_ranking

Ask = Callable[..., dict[str, Any]]
_ids = (f"over-http-{number:06d}" for number in itertools.count())
ANSWER_S = 120


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A set to review, and a password file with Ada, Bo and Lea, who leads."""
    file = tmp_path / "passwords"
    for name in ("Ada", "Bo", "Lea"):
        PasswordFile(file).set(name, f"password of {name}", "lead" if name == "Lea" else "annotator")
    settings = Settings(cache=tmp_path, passwords=str(file))
    review = open_review(settings)
    lead = Lead(review, Identity("Lea", "lead"))
    made = lead.create_set("first", student="script", engine="none", prompt_version="1")
    lead.add_items(made.set_id, ranking_items(scripted_ranking(), made.set_id))
    review.store.database.close()
    return settings


@pytest.fixture
def ask(settings: Settings) -> Iterator[Ask]:
    """Sends an event of the page as the page would, and returns the value that comes back."""
    with served(ScriptedPipeline(settings)) as address, httpx.Client(timeout=ANSWER_S) as client:
        listeners = client.get(f"{address}/config").json()["dependencies"]

        def send(event: str, **sent: Any) -> dict[str, Any]:
            found = next(one for one in listeners if event in {target[1] for target in one["targets"]})
            session = uuid.uuid4().hex
            asked = {"data": [], "fn_index": found["id"], "session_hash": session, "event_data": sent}
            client.post(f"{address}/gradio_api/queue/join", json=asked).raise_for_status()
            with client.stream("GET", f"{address}/gradio_api/queue/data", params={"session_hash": session}) as lines:
                for line in lines.iter_lines():
                    told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {}
                    if told.get("msg") == "process_completed":
                        return dict(told["output"]["data"][0])
            raise AssertionError("no answer")

        yield send


def stored(settings: Settings) -> list[Event]:
    review = open_review(settings)
    found = list(review.store.events(review.store.set_named("first").set_id))
    review.store.database.close()
    return found


def test_nobody_reads_forges_or_changes_anothers_judgement(ask: Ask, settings: Settings) -> None:
    who = {name: ask("act", do="sign_in", name=name, password=f"password of {name}")["who"] for name in ("Ada", "Bo")}
    state = ask("act", do="open", **who["Ada"])["state"]
    mine = {"do": "save", **state, "value": {"grade": 2}, "event_id": next(_ids)}
    assert ask("act", **who["Ada"], **mine)["saved"] == mine["event_id"]

    forged = {"do": "save", **state, "value": {"grade": 0}}
    for claimed in ({"name": "Ada"}, {"name": "Ada", "token": ""}, {"name": "Ada", "token": "x" * 43}):
        refused = ask("act", **claimed, **forged, event_id=next(_ids))
        assert not refused["saved"] and refused["state"] is None
    ask("act", do="open", **who["Bo"])  # is given the same item
    changed = ask("act", **{**who["Bo"], "name": "Ada"}, **forged, event_id=mine["event_id"])
    assert "event_id was used" in changed["problem"]
    undone = ask("act", do="undo", set=state["set"], event_id=next(_ids), **who["Bo"])
    assert undone["problem"] == "There is nothing to take back."
    read = ask("act", do="choose", set=state["set"], annotator="Ada", **who["Bo"])
    assert "What you did here" not in json.dumps(read)
    for does in ("look", "adjudicate", "guideline", "keep"):
        refused = ask("lead", do=does, set=state["set"], item=state["item"], form="jsonl", role="lead", **who["Ada"])
        assert refused["problem"].startswith("Only a lead") and refused["parts"] == {} and "file" not in refused
    assert [(event.annotator, event.value) for event in stored(settings)] == [("Ada", {"grade": 2})]
