"""The Review tab without a browser: who may do what, what is acknowledged, and that nothing becomes markup."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reasonrank.data import Candidate, Document, Query
from reasonrank.review.identity import PasswordFile
from reasonrank.review.items import ranking_items
from reasonrank.review.lead import Lead
from reasonrank.review.values import Identity
from reasonrank.settings import Settings
from reasonrank.ui.review_desk import Desk, Reviews
from reasonrank.ui.review_lead import LeadDesk
from reasonrank.ui.review_plots import confusion_plot
from reasonrank.ui.review_send import Sender, chosen_part
from reasonrank.ui.review_text import guideline_html
from reasonrank.ui.review_who import mode_of
from reasonrank.ui.runs import Visitors
from tests.review.helpers import scripted_ranking
from tests.test_pipeline import ScriptedPipeline

HOSTILE = '<img src=x onerror="window.hacked=1"> {preferred} ${value}'
_ids = (f"request-{number:06d}" for number in itertools.count())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache=tmp_path)


@pytest.fixture
def reviews(settings: Settings) -> Iterator[Reviews]:
    """A review with one set: two reasons, a document, a pair; two people an item."""
    reviews = Reviews(settings)
    lead = Lead(reviews.open(), Identity("Lea", "lead"))
    made = lead.create_set("first", student="script", engine="none", prompt_version="1")
    lead.add_items(made.set_id, ranking_items(scripted_ranking(), made.set_id))
    yield reviews
    reviews.close()


def act(desk: Desk | LeadDesk, do: str, name: str = "Ada", **more: Any) -> dict[str, Any]:
    return desk.act({"do": do, "name": name, "number": 7, **more})


def save(desk: Desk, shown: dict[str, Any], value: dict[str, Any], name: str = "Ada") -> dict[str, Any]:
    state = shown["state"]
    return act(
        desk, "save", name, set=state["set"], item=state["item"], action=state["action"], value=value,
        event_id=next(_ids), seconds=3.5,
    )  # fmt: skip


def html(reply: dict[str, Any]) -> str:
    return "".join(reply["parts"].values())


REASON = {"grade": 2, "correct": 2, "supported": 1, "complete": 0, "corrected": "", "wrong_spans": [[0, 5]]}


def test_the_student_is_heard_after_the_grade(reviews: Reviews) -> None:
    desk = Desk(reviews)
    shown = act(desk, "open")
    assert (shown["answers"], shown["who"]) == (7, {"name": "Ada", "token": "", "lead": True})
    assert shown["state"]["fields"] == ["grade"]
    assert "Tells what was asked for." not in html(shown)
    graded = save(desk, shown, {"grade": 1})
    assert graded["message"] == "Saved. You said 1, the student 2 (expected grade 1.60): you differ."
    assert "Tells what was asked for." in html(graded)
    assert graded["state"]["fields"] == ["grade", "correct", "supported", "complete"]
    assert graded["state"]["draft"] == {"grade": 1}
    after = save(desk, graded, REASON)
    assert after["state"]["item"] != graded["state"]["item"]
    assert "1 judged, 3 left for you, of 4 items" in html(after)
    assert "median 3.5 s an item" in html(after)


def test_a_save_is_acknowledged_only_when_it_is_kept(reviews: Reviews) -> None:
    desk = Desk(reviews)
    shown = act(desk, "open")
    refused = save(desk, shown, {"grade": 5})
    assert (refused.get("saved"), refused["parts"]) == (None, {})
    assert refused["problem"].startswith("grade is '5'")
    kept = save(desk, shown, {"grade": 2})
    assert [event.event_id for event in reviews.open().store.events(shown["state"]["set"])] == [kept["saved"]]
    again = act(desk, "save", **{**shown["state"], "action": "grade", "value": {"grade": 2}, "event_id": kept["saved"]})
    assert again["saved"] == kept["saved"]
    assert len(reviews.open().store.events(shown["state"]["set"])) == 1


def test_back_and_forth_and_undo(reviews: Reviews) -> None:
    desk = Desk(reviews)
    first = act(desk, "open")
    set_id = first["state"]["set"]
    second = save(desk, save(desk, first, {"grade": 2}), REASON)
    earlier = act(desk, "earlier", set=set_id, item=second["state"]["item"])
    assert earlier["state"]["item"] == first["state"]["item"]
    assert earlier["state"]["draft"] == {**REASON, "corrected": "", "wrong_spans": [[0, 5]]}
    assert "What you did here (2)" in html(earlier)
    assert act(desk, "earlier", set=set_id, item=first["state"]["item"])["problem"] == "This is the first one."
    assert act(desk, "later", set=set_id, item=first["state"]["item"])["state"] == second["state"]
    undone = act(desk, "undo", set=set_id, event_id=next(_ids))
    assert undone["state"]["item"] == first["state"]["item"]
    assert undone["state"]["draft"]["complete"] == 0
    assert "0 judged" in html(undone)
    skipped = act(desk, "skip", item=first["state"]["item"], set=set_id, reason="not my field", event_id=next(_ids))
    assert "1 skipped" in html(skipped)
    assert "You skipped it: not my field" in html(act(desk, "earlier", set=set_id, item=skipped["state"]["item"]))


def test_one_cannot_act_for_or_read_of_another(reviews: Reviews, settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "passwords"
    for name, role in (("Ada", "annotator"), ("Bo", "annotator"), ("Lea", "lead")):
        PasswordFile(file).set(name, f"{name} has a password", role)  # type: ignore[arg-type]
    guarded = Reviews(Settings(cache=settings.cache, passwords=str(file)))
    desk, leading = Desk(guarded), LeadDesk(guarded)
    assert "password" in html(act(desk, "open"))  # a name says nothing here
    assert "do not belong together" in html(act(desk, "sign_in", password="a wrong password"))
    ada = act(desk, "sign_in", password="Ada has a password")["who"]
    bo = act(desk, "sign_in", "Bo", password="Bo has a password")["who"]
    lea = act(desk, "sign_in", "Lea", password="Lea has a password")["who"]
    assert (ada["lead"], bo["lead"], lea["lead"]) == (False, False, True)
    shown = act(desk, "open", token=ada["token"])
    sent = {**shown["state"], "value": {"grade": 2}}
    saved = act(desk, "save", token=ada["token"], event_id=next(_ids), **sent)
    assert saved["saved"]
    set_id = sent["set"]
    for who in ({"name": "Ada"}, {"token": "guessed"}, {"token": ["x"]}, {}):
        refused = desk.act({"do": "save", "event_id": next(_ids), **sent, **who})
        assert refused["state"] is None and not refused["saved"]
    other = act(desk, "open", "Bo", token=bo["token"])
    assert other["state"]["item"] == sent["item"]
    assert "What you did here" not in html(other) and "Ada" not in html(other)
    stolen = act(desk, "save", "Ada", token=bo["token"], event_id=saved["saved"], **{**sent, "value": {"grade": 0}})
    assert "event_id was used" in stolen["problem"]
    later = reviews.open().store.items(set_id)[-1].item_id
    unassigned = act(desk, "save", token=bo["token"], event_id=next(_ids), **{**sent, "item": later})
    assert "was not given to you" in unassigned["problem"]
    for do in ("look", "adjudicate", "guideline", "keep"):
        assert act(leading, do, "Lea", token=ada["token"], set=set_id, form="jsonl")["problem"].startswith(
            "Only a lead"
        )
        assert "Sign in" in act(leading, do, "Lea", set=set_id, form="jsonl")["problem"]
    assert act(leading, "keep", token=lea["token"], set=set_id, form="jsonl")["file"]["name"] == "first.jsonl"
    act(desk, "sign_out", token=ada["token"])
    assert "Sign in" in html(act(desk, "open", token=ada["token"]))
    events = reviews.open().store.events(set_id)
    assert [(event.annotator, event.value) for event in events] == [("Ada", {"grade": 2})]
    guarded.close()


def test_what_is_sent_is_never_trusted(reviews: Reviews) -> None:
    desk, leading = Desk(reviews), LeadDesk(reviews)
    odd: list[Any] = [None, [], "x", {}, {"do": "save"}, {"do": "drop", "name": "Ada"}, {"do": ["x"], "name": {"a": 1}}]
    wrong = {
        "name": "Ada",
        "set": [1],
        "item": {},
        "value": 3,
        "event_id": 4,
        "seconds": "x",
        "reason": 5,
        "number": "x",
    }
    odd += [{**wrong, "do": do} for do in ("choose", "save", "skip", "undo", "earlier", "later", "adjudicate", "keep")]
    for sent in odd:
        for one in (desk, leading):
            reply = one.act(sent)
            assert reply["answers"] == 0
            assert reply.get("problem") or "rr-rv-sign" in html(reply)
    assert reviews.open().store.events(act(desk, "open")["state"]["set"]) == ()


def test_text_is_never_markup(reviews: Reviews) -> None:
    lead = Lead(reviews.open(), Identity("Lea", "lead"))
    documents = [Candidate(Document(f"{name}{HOSTILE}", HOSTILE, HOSTILE), 1, 1.0, "given") for name in "ab"]
    *_, last = ScriptedPipeline(Settings(explain=2)).rerank(Query("q", HOSTILE), documents)
    made = lead.create_set(HOSTILE[:60], student=HOSTILE, engine=HOSTILE, prompt_version="1", blind_first=False)
    items = ranking_items(last.ranking, made.set_id)
    lead.add_items(made.set_id, items)
    lead.edit_guideline("reason", f"{HOSTILE}\n\n- {HOSTILE}", 1)
    desk, leading, name = Desk(reviews), LeadDesk(reviews), '<b onclick="x">Eve</b>'
    shown = act(desk, "choose", name, set=made.set_id)
    for _ in items:
        skip = {"set": made.set_id, "item": shown["state"]["item"], "reason": HOSTILE, "event_id": next(_ids)}
        assert "<img" not in html(shown) and "<b onclick" not in html(shown)
        shown = act(desk, "skip", name, **skip)
    seen = html(act(leading, "look", name, set=made.set_id)) + html(act(desk, "sets", name)) + html(shown)
    assert "<img" not in seen and "<b onclick" not in seen and "&lt;img" in seen


def test_a_decision_has_no_names_and_settles_the_item(reviews: Reviews) -> None:
    desk, leading = Desk(reviews), LeadDesk(reviews)
    for name, grade in (("Ada", 2), ("Bo", 0)):
        shown = act(desk, "open", name)
        save(desk, save(desk, shown, {"grade": grade}, name), {**REASON, "grade": grade}, name)
    set_id, item = shown["state"]["set"], shown["state"]["item"]
    seen = act(leading, "look", "Lea", set=set_id)
    form = seen["parts"][f"decide-{item}"]
    assert "grade 2, correct 2" in form and "grade 0, correct 2" in form and "“Tells”" in form
    assert "Ada" not in form and "Bo" not in form
    value = {"grade": "1", "correct": "2", "supported": "1", "complete": "0", "wrong_spans": ["0-5"], "corrected": ""}
    refused = act(leading, "adjudicate", "Lea", set=set_id, item=item, value={**value, "grade": "9"}, event_id="x" * 9)
    assert refused["problem"].startswith("grade is")
    decided = act(leading, "adjudicate", "Lea", set=set_id, item=item, value=value, event_id=next(_ids))
    assert decided["message"] == "Decided and saved."
    assert f"decide-{item}" not in decided["parts"]
    assert '<div data-state="adjudicated"><dt>adjudicated</dt><dd>1</dd>' in html(decided)
    qrels = act(leading, "keep", "Lea", set=set_id, form="qrels")["file"]["text"]
    assert qrels == "q1 0 z 1\n"


def test_a_guideline_is_edited_once_per_version(reviews: Reviews) -> None:
    leading = LeadDesk(reviews)
    value = {"kind": "pair", "seen": "1", "text": "Take the better one."}
    assert act(leading, "guideline", "Lea", value=value)["message"].startswith("Saved as version 2")
    assert "edited by somebody else" in act(leading, "guideline", "Lea", value=value)["problem"]


def test_what_is_sent_to_review_is_what_was_chosen(reviews: Reviews) -> None:
    visitors = Visitors()
    sender = Sender(reviews, visitors)
    assert "Ask a question first" in html(sender.open("one", {}))
    visitors.get("one").ranking = scripted_ranking("q2", "why two")
    assert 'name="doc" value="z"' in html(sender.open("one", {"doc": "z"}))
    sent = {"name": "Lea", "set_name": "sent", "annotators": "1", "blind": "yes"}
    assert "1 item sent to “sent”" in html(sender.send("one", {**sent, "doc": "x"}))
    assert "1 item sent" in html(sender.send("one", {**sent, "first": "z", "second": "y"}))
    assert "2 items sent" in html(sender.send("one", sent))
    assert "All of it is in “sent” already." in html(sender.send("one", sent))
    made = reviews.open().store.set_named("sent")
    kinds = [item.kind for item in reviews.open().store.items(made.set_id)]
    assert (kinds, made.annotators_per_item, made.blind_first) == (["document", "pair", "reason", "reason"], 1, True)
    assert "annotators_per_item is 0" in html(sender.send("one", {**sent, "set_name": "new", "annotators": "x"}))
    assert "Type your name" in html(sender.send("one", {**sent, "name": ""}))
    assert chosen_part({"doc": "z"}) == (("document", "reason"), ("z",))


@pytest.mark.parametrize(
    ("passwords", "environment", "mode"),
    [
        ("", {}, "local"),
        ("file", {"SPACE_ID": "me/demo"}, "password"),
        ("", {"SPACE_ID": "me/demo", "OAUTH_CLIENT_ID": "x"}, "hub"),
        ("", {"SPACE_ID": "me/demo"}, "closed"),  # a name that anybody can type says nothing there
    ],
)
def test_how_people_sign_in(passwords: str, environment: dict[str, str], mode: str) -> None:
    assert mode_of(Settings(passwords=passwords), environment) == mode


def test_on_a_space_the_hub_vouches(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "me/demo")
    monkeypatch.setenv("OAUTH_CLIENT_ID", "x")
    reviews = Reviews(Settings(cache=settings.cache, leads="lea"))
    desk = Desk(reviews)
    assert "Sign in with Hugging Face" in html(act(desk, "open", "hf:lea"))
    assert desk.act({"do": "open", "name": "Eve"}, "lea")["who"] == {"name": "hf:lea", "token": "", "lead": True}
    assert desk.act({"do": "open"}, "ada")["who"]["lead"] is False
    reviews.close()


def test_a_guideline_is_laid_out() -> None:
    assert guideline_html("How <well>?\nReally.\n\n- 2: fully,\n  all of it\n- 0: not") == (
        '<p dir="auto">How &lt;well&gt;? Really.</p><ul><li dir="auto">2: fully, all of it</li>'
        '<li dir="auto">0: not</li></ul>'
    )


def test_an_empty_matrix_is_said_in_words() -> None:
    assert "No judgement yet" in confusion_plot([[0, 0, 0]] * 3)
    assert 'fill-opacity="0.375"' in confusion_plot([[3, 1, 0], [0, 0, 0], [0, 0, 0]])  # half of 3 in 4
