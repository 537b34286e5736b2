"""What one annotator does from the first item to the last: blind first, edits, undo, skips, leases, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from reasonrank.errors import InputError
from reasonrank.review.lead import Lead
from reasonrank.review.service import NotAllowedError, Review
from reasonrank.review.values import Identity
from tests.review.helpers import ADA, BO, CY, FULL, LEAD, Clock, complete, make_set, new_id, take


def test_a_set_is_judged_from_beginning_to_end(review: Review) -> None:
    made = make_set(review, k=1)
    kinds = []
    while (task := review.next_task(ADA, made.set_id)) is not None:
        kinds.append(task.item.kind)
        assert take(review, ADA, made.set_id).item == task.item  # reopened: the same one again
        complete(review, ADA, task, seconds=10.0 * len(kinds))
    assert kinds == ["reason", "reason", "document", "pair"]
    progress = review.progress(ADA, made.set_id)
    assert (progress.judged, progress.skipped, progress.left, progress.total) == (4, 0, 0, 4)
    assert progress.median_seconds == 25.0
    assert [entry.item.kind for entry in review.mine(ADA, made.set_id)] == kinds
    assert review.next_task(BO, made.set_id) is None


def test_the_answer_is_shown_only_after_the_blind_half(light_review: Review) -> None:
    made = make_set(light_review)
    task = take(light_review, ADA, made.set_id)
    assert (task.revealed, set(task.item.content)) == (False, {"document"})
    with pytest.raises(InputError, match="document itself first"):
        light_review.judge(ADA, task.item.item_id, FULL, event_id=new_id())
    shown = light_review.grade(ADA, task.item.item_id, {"grade": 1}, event_id=new_id())
    assert shown.revealed
    assert shown.item.content["reason"]["text"] == "Tells what was asked for."
    assert shown.graded == {"grade": 1}
    judged = light_review.judge(
        ADA, task.item.item_id, {"correct": 2, "supported": 2, "complete": 2}, event_id=new_id()
    )
    assert judged.standing is not None and judged.standing.value is not None
    assert (judged.standing.value["grade"], judged.standing.blind, judged.agreed) == (1, True, False)
    changed = light_review.judge(ADA, task.item.item_id, FULL, event_id=new_id())
    assert changed.standing is not None
    assert (changed.standing.blind, changed.agreed) == (False, True)  # the grade moved after the answer was seen


def test_an_open_set_shows_everything_at_once(light_review: Review) -> None:
    made = make_set(light_review, blind=False)
    task = take(light_review, ADA, made.set_id)
    assert task.revealed
    done = light_review.judge(ADA, task.item.item_id, FULL, event_id=new_id())
    assert done.standing is not None
    assert not done.standing.blind


def test_undo_takes_back_one_thing_at_a_time_and_keeps_history(review: Review) -> None:
    made = make_set(review)
    task = take(review, ADA, made.set_id)
    complete(review, ADA, task)
    review.judge(ADA, task.item.item_id, {**FULL, "corrected": "Better words."}, event_id=new_id())
    undone = review.undo(ADA, made.set_id, event_id=new_id())
    assert undone is not None and undone.task.standing is not None and undone.task.standing.value is not None
    assert undone.task.standing.value["corrected"] == ""  # the edit is gone, the first version stands
    undone = review.undo(ADA, made.set_id, event_id=new_id())
    assert undone is not None
    assert (undone.task.standing, undone.task.graded, undone.task.revealed) == (None, {"grade": 2}, True)
    assert take(review, ADA, made.set_id).item.item_id == task.item.item_id
    undone = review.undo(ADA, made.set_id, event_id=new_id())
    assert undone is not None and undone.task.graded is None
    assert undone.task.revealed  # what was seen stays seen
    assert review.undo(ADA, made.set_id, event_id=new_id()) is None
    actions = [event.action for event in review.history(ADA, task.item.item_id)]
    assert actions == ["grade", "judge", "judge", "undo", "undo", "undo"]
    again = complete(review, ADA, take(review, ADA, made.set_id), grade=1)
    assert again.standing is not None
    assert not again.standing.blind


def test_a_skipped_item_goes_to_others_and_never_comes_back(review: Review) -> None:
    made = make_set(review, k=1)
    task = take(review, ADA, made.set_id)
    skipped = review.skip(ADA, task.item.item_id, "not my field", event_id=new_id())
    assert skipped.standing is not None
    assert skipped.standing.value == {"reason": "not my field"}
    assert take(review, ADA, made.set_id).item.item_id != task.item.item_id
    assert take(review, BO, made.set_id).item.item_id == task.item.item_id
    assert review.progress(ADA, made.set_id).skipped == 1
    with pytest.raises(InputError, match="Say why"):
        review.skip(BO, task.item.item_id, "  ", event_id=new_id())


def test_a_skip_taken_back_returns_the_item(review: Review) -> None:
    made = make_set(review, k=1)
    task = take(review, ADA, made.set_id)
    review.skip(ADA, task.item.item_id, "later", event_id=new_id())
    review.undo(ADA, made.set_id, event_id=new_id())
    assert take(review, ADA, made.set_id).item.item_id == task.item.item_id
    assert take(review, BO, made.set_id).item.item_id != task.item.item_id


def test_a_lease_runs_out_and_what_is_submitted_late_is_kept(review: Review, clock: Clock) -> None:
    made = make_set(review, k=1)
    task = take(review, ADA, made.set_id)
    assert take(review, BO, made.set_id).item.item_id != task.item.item_id
    clock.now += 61
    assert take(review, CY, made.set_id).item.item_id == task.item.item_id
    complete(review, CY, take(review, CY, made.set_id))
    late = complete(review, ADA, task)
    assert late.standing is not None
    stands = [entry.event.annotator for entry in review.store.standings(made.set_id)]
    assert sorted(stands) == ["Ada", "Cy"]


def test_a_repeated_submission_is_stored_once(review: Review) -> None:
    made = make_set(review, blind=False)
    task = take(review, ADA, made.set_id)
    for _ in range(2):
        review.judge(ADA, task.item.item_id, FULL, event_id="the-same-one")
    assert len(review.history(ADA, task.item.item_id)) == 1
    other = take(review, BO, made.set_id)
    with pytest.raises(InputError, match="event_id was used"):
        review.judge(BO, other.item.item_id, FULL, event_id="the-same-one")
    with pytest.raises(InputError, match="event_id is not"):
        review.judge(BO, other.item.item_id, FULL, event_id="short")


def test_sides_are_by_chance_stable_and_not_the_clients_to_choose(light_review: Review) -> None:
    made = make_set(light_review, k=40, blind=False)
    pair = next(item for item in light_review.store.items(made.set_id) if item.kind == "pair")
    lefts = []
    for number in range(30):
        who = Identity(f"annotator {number}")
        while (task := take(light_review, who, made.set_id)).item.kind != "pair":
            light_review.skip(who, task.item.item_id, "pairs only", event_id=new_id())
        lefts.append(task.left_id)
        assert light_review.open_task(who, pair.item_id).left_id == task.left_id
        forged = {"preferred": "left", "reason_right": 1, "left_id": task.right_id, "right_id": task.left_id}
        done = light_review.judge(who, pair.item_id, forged, event_id=new_id())
        assert done.standing is not None and done.standing.value is not None
        assert done.standing.value["left_id"] == task.left_id
        assert done.agreed == (task.left_id == "z")
    assert 5 < lefts.count("z") < 25


def test_nobody_acts_for_or_reads_of_somebody_else(light_review: Review) -> None:
    made = make_set(light_review)
    task = take(light_review, ADA, made.set_id)
    complete(light_review, ADA, task)
    item_id = task.item.item_id
    later = light_review.store.items(made.set_id)[-1].item_id
    for refused in (
        lambda: light_review.judge(BO, item_id, FULL, event_id=new_id()),
        lambda: light_review.open_task(BO, item_id),
        lambda: light_review.open_task(ADA, later),
        lambda: light_review.open_task(ADA, "no such item"),
        lambda: light_review.skip(BO, later, "x", event_id=new_id()),
        lambda: Lead(light_review, ADA),
    ):
        with pytest.raises(NotAllowedError):
            refused()
    assert light_review.history(BO, item_id) == ()
    assert light_review.mine(BO, made.set_id) == ()
    assert light_review.undo(BO, made.set_id, event_id=new_id()) is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"grade": 3}, "grade is '3'"),
        ({"grade": True}, "grade is 'True'"),
        ({"correct": None}, "correct is 'None'"),
        ({"corrected": 7}, "expected text"),
        ({"corrected": "x" * 4001}, "4,001 characters"),
        ({"corrected": "\0"}, "zero byte"),
        ({"wrong_spans": [[0, 26]]}, "within 0 to 25"),  # the reason has 25 characters
        ({"wrong_spans": [[3, 3]]}, "within 0 to 25"),
        ({"wrong_spans": [[0, 5], [4, 8]]}, "overlap"),
        ({"wrong_spans": "0-5"}, "not a list"),
        ({"annotator": "Bo"}, "has no ['annotator']"),
    ],
)
def test_judgements_are_checked(light_review: Review, changes: dict[str, Any], words: str) -> None:
    made = make_set(light_review, blind=False)
    task = take(light_review, ADA, made.set_id)
    with pytest.raises(InputError) as refused:
        light_review.judge(ADA, task.item.item_id, {**FULL, **changes}, event_id=new_id())
    assert words in str(refused.value)
    assert light_review.history(ADA, task.item.item_id) == ()


@pytest.mark.parametrize("seconds", [-1, float("nan"), 1e9, "5", True])
def test_seconds_are_checked(light_review: Review, seconds: Any) -> None:
    made = make_set(light_review, blind=False)
    task = take(light_review, ADA, made.set_id)
    with pytest.raises(InputError, match="seconds is"):
        light_review.judge(ADA, task.item.item_id, FULL, event_id=new_id(), seconds=seconds)


def test_guidelines_have_versions_that_judgements_carry(review: Review) -> None:
    made = make_set(review, blind=False)
    task = take(review, ADA, made.set_id)
    first = review.judge(ADA, task.item.item_id, FULL, event_id=new_id())
    edited = Lead(review, LEAD).edit_guideline("reason", "Judge kindly.", 1)
    assert (edited.version, review.guideline("reason").text) == (2, "Judge kindly.")
    with pytest.raises(InputError, match="somebody else meanwhile"):
        Lead(review, LEAD).edit_guideline("reason", "Judge harshly.", 1)
    second = review.judge(ADA, task.item.item_id, FULL, event_id=new_id())
    assert first.standing is not None and second.standing is not None
    assert (first.standing.guideline_version, second.standing.guideline_version) == (1, 2)
    assert [guideline.version for guideline in review.guideline_versions("reason")] == [1, 2]


def test_the_same_ranking_is_added_once(review: Review) -> None:
    made = make_set(review, lists=2)
    items = review.store.items(made.set_id)
    assert Lead(review, LEAD).add_items(made.set_id, items) == 0
    assert [item.position for item in items] == list(range(8))
    with pytest.raises(InputError, match="another review set named"):
        make_set(review)


def test_the_blind_half_need_not_be_said_again(light_review: Review) -> None:
    made = make_set(light_review, k=1)
    for _ in range(2):
        complete(light_review, ADA, take(light_review, ADA, made.set_id))
    light_review.skip(ADA, take(light_review, ADA, made.set_id).item.item_id, "later", event_id=new_id())
    pair = take(light_review, ADA, made.set_id)
    light_review.grade(ADA, pair.item.item_id, {"preferred": "right"}, event_id=new_id())
    done = light_review.judge(ADA, pair.item.item_id, {"reason_right": 0}, event_id=new_id())
    assert done.standing is not None
    assert done.standing.value == {
        "preferred": "right",
        "left_id": pair.left_id,
        "right_id": pair.right_id,
        "reason_right": 0,
    }


def test_a_grade_taken_back_has_to_be_given_again(light_review: Review) -> None:
    made = make_set(light_review)
    task = take(light_review, ADA, made.set_id)
    light_review.grade(ADA, task.item.item_id, {"grade": 1}, event_id=new_id())
    light_review.undo(ADA, made.set_id, event_id=new_id())
    with pytest.raises(InputError, match="document itself first"):
        light_review.judge(ADA, task.item.item_id, {"correct": 2, "supported": 2, "complete": 2}, event_id=new_id())
    used = new_id()
    light_review.judge(ADA, task.item.item_id, FULL, event_id=used)
    with pytest.raises(InputError, match="event_id was used"):
        light_review.undo(ADA, made.set_id, event_id=used)
