"""What happens when an annotator works in the Review tab: plain values in, plain values out, no Gradio."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from reasonrank.errors import ReasonRankError
from reasonrank.review.values import Identity, Progress, ReviewSet, Task
from reasonrank.settings import Settings
from reasonrank.ui.review_view import (
    done_view,
    guideline_view,
    is_blind,
    keys_view,
    progress_bar,
    questions,
    said_and_agreed,
    sets_view,
    sign_in_form,
    task_view,
    who_bar,
)
from reasonrank.ui.review_who import Credentials, NotSignedInError, SignIns, mode_of

if TYPE_CHECKING:
    from reasonrank.review.service import Review

log = logging.getLogger(__name__)

UNEXPECTED = "The server could not do this; its log has the details. Nothing was lost: try again."
Reply = dict[str, Any]
"""What the page is sent: ``order`` and ``parts`` as everywhere, ``answers`` (the number of the request), ``problem``
(a sentence; the page stays as it is), ``message``, ``saved`` (the event that is committed), ``who``, and ``state``:
what the page's script needs of the item (set, item, action, fields, draft)."""


class Reviews:
    """The review of the settings, opened when it is first needed, and who may use it.

    Args:
        settings: Name the database, the segments, the password file and the leads.
    """

    def __init__(self, settings: Settings) -> None:
        self.sign_ins = SignIns(settings, mode_of(settings))
        self._settings = settings
        self._review: Review | None = None
        self._opening = threading.Lock()

    def open(self) -> Review:
        """The review.

        Raises:
            ReasonRankError: It cannot be opened.
        """
        from reasonrank.review.opening import open_review

        with self._opening:
            if self._review is None:
                self._review = open_review(self._settings)
            return self._review

    def close(self) -> None:
        """Let go of the database."""
        with self._opening:
            if self._review is not None:
                self._review.store.database.close()
            self._review = None


class Desk:
    """An annotator's desk.

    Args:
        reviews: Where the review is.
    """

    def __init__(self, reviews: Reviews) -> None:
        self.reviews = reviews

    def act(self, sent: Any, hub_name: str = "") -> Reply:
        """Do what the page asks for; a failure is a sentence in the reply, and never the acknowledgement of a save.

        Args:
            sent: ``do`` and what belongs to it, as the page sent it: not to be trusted.
            hub_name: Whom Hugging Face's sign-in vouches for.
        """
        asked = sent if isinstance(sent, Mapping) else {}
        try:
            reply = self._act(asked, Credentials.of(asked, hub_name))
        except NotSignedInError as error:
            first = asked.get("do") == "open" and self.reviews.sign_ins.mode == "local"
            reply = self._signed_out("" if first else str(error))
        except ReasonRankError as error:
            reply = {"problem": str(error)}
        except Exception:
            log.exception("A review request failed")
            reply = {"problem": UNEXPECTED}
        return {"order": [], "parts": {}, **reply, "answers": _number(asked.get("number"))}

    def _act(self, asked: Mapping[str, Any], given: Credentials) -> Reply:
        do, sign_ins = str(asked.get("do")), self.reviews.sign_ins
        if do == "sign_out":
            sign_ins.sign_out(given.token)
            return self._signed_out("")
        token = given.token
        if do == "sign_in":
            who, token = sign_ins.sign_in(given.name, str(asked.get("password", "")))
        else:
            who = sign_ins.identity(given)
        does: Mapping[str, Callable[[Review, Identity, Mapping[str, Any]], Reply]] = {
            "sign_in": self._arrive,
            "open": self._arrive,
            "sets": self._sets,
            "choose": self._choose,
            "save": self._save,
            "skip": self._save,
            "undo": self._undo,
            "earlier": partial(self._move, step=-1),
            "later": partial(self._move, step=1),
        }
        if do not in does:
            return {"problem": "The page asked for something that is not there; load it again."}
        reply = does[do](self.reviews.open(), who, asked)
        return {**reply, "who": {"name": who.name, "token": token, "lead": who.role == "lead"}}

    # -- screens ---------------------------------------------------------------------------------------------

    def _signed_out(self, sentence: str) -> Reply:
        return _screen({"sign_in": sign_in_form(self.reviews.sign_ins.mode, sentence)}, who=None, state=None)

    def _sets(self, review: Review, who: Identity, asked: Mapping[str, Any]) -> Reply:
        found = [(chosen, review.progress(who, chosen.set_id)) for chosen in review.sets(who)]
        parts = {"who": _who(who), "sets": sets_view(found)}
        return _screen(parts, state=None)

    def _arrive(self, review: Review, who: Identity, asked: Mapping[str, Any]) -> Reply:
        """Where this annotator left off: the set the page remembers, else one that was begun, else the only one."""
        found = [(chosen, review.progress(who, chosen.set_id)) for chosen in review.sets(who)]
        begun = [chosen for chosen, progress in found if progress.left and progress.judged + progress.skipped]
        remembered = [chosen for chosen, _ in found if chosen.set_id == asked.get("set")]
        only = [chosen for chosen, _ in found] if len(found) == 1 else []
        for chosen in (*remembered, *begun, *only):
            return self._next(review, who, chosen)
        return _screen({"who": _who(who), "sets": sets_view(found)}, state=None)

    def _choose(self, review: Review, who: Identity, asked: Mapping[str, Any]) -> Reply:
        return self._next(review, who, _set(review, who, asked))

    def _next(self, review: Review, who: Identity, chosen: ReviewSet, message: str = "") -> Reply:
        task = review.next_task(who, chosen.set_id)
        if task is not None:
            return self._task(review, who, chosen, task, message)
        progress = review.progress(who, chosen.set_id)
        parts = _frame(who, chosen, progress) | {"task": done_view(progress), "keys": keys_view()}
        state = {"set": chosen.set_id, "item": "", "action": "", "fields": [], "draft": {}}
        return _screen(parts, state=state, message=message)

    def _task(
        self,
        review: Review,
        who: Identity,
        chosen: ReviewSet,
        task: Task,
        message: str = "",
        said: Mapping[str, Any] | None = None,
    ) -> Reply:
        history = review.history(who, task.item.item_id)
        item = task.item.item_id
        # A new name for every version of the item, so that the page keeps nothing of the one before.
        parts = _frame(who, chosen, review.progress(who, chosen.set_id)) | {
            f"task-{item}-{len(history)}": task_view(task, chosen, history),
            f"guideline-{task.item.kind}-{task.guideline.version}": guideline_view(task.guideline),
            "keys": keys_view(),
        }
        state = {
            "set": chosen.set_id,
            "item": item,
            "action": "grade" if is_blind(task, chosen) else "judge",
            "fields": [question.field for question in questions(task, chosen)],
            "draft": draft(task, said),
        }
        return _screen(parts, state=state, message=message)

    # -- deeds -----------------------------------------------------------------------------------------------

    def _save(self, review: Review, who: Identity, asked: Mapping[str, Any]) -> Reply:
        chosen, item = _set(review, who, asked), str(asked.get("item"))
        event_id, seconds = asked.get("event_id"), asked.get("seconds")
        action = "skip" if asked.get("do") == "skip" else asked.get("action")
        if action == "skip":
            reason = asked.get("reason")
            task = review.skip(who, item, reason, event_id=event_id, seconds=seconds)  # type: ignore[arg-type]
            message = "Skipped."
        elif action == "grade":
            task = review.grade(who, item, asked.get("value"), event_id=event_id, seconds=seconds)  # type: ignore[arg-type]
            message = "Saved. " + said_and_agreed(task, task.graded)
        else:
            task = review.judge(who, item, asked.get("value"), event_id=event_id, seconds=seconds)  # type: ignore[arg-type]
            message = "Saved. " + said_and_agreed(task, task.standing.value if task.standing else None)
        try:
            if action == "grade":
                reply = self._task(review, who, chosen, task, message)
            else:
                reply = self._next(review, who, chosen, message)
        except Exception:
            # It is committed, so that must be said, whatever became of what would have been shown next.
            log.exception("What comes after a saved judgement could not be shown")
            reply = {"problem": "Saved, but the next item could not be fetched; load the page again."}
        return {**reply, "saved": event_id}

    def _undo(self, review: Review, who: Identity, asked: Mapping[str, Any]) -> Reply:
        chosen, event_id = _set(review, who, asked), asked.get("event_id")
        undone = review.undo(who, chosen.set_id, event_id=event_id)  # type: ignore[arg-type]
        if undone is None:
            return {"problem": "There is nothing to take back.", "saved": event_id}
        said = undone.event.value if undone.event.action != "skip" else None
        reply = self._task(review, who, chosen, undone.task, "Taken back. What you had said is filled in.", said)
        return {**reply, "saved": event_id}

    def _move(self, review: Review, who: Identity, asked: Mapping[str, Any], *, step: int) -> Reply:
        """To the item before or after this one, among those that this annotator has answered."""
        chosen, item = _set(review, who, asked), asked.get("item")
        answered = [entry.item.item_id for entry in review.mine(who, chosen.set_id)]
        place = (answered.index(item) if item in answered else len(answered)) + step
        if place >= len(answered):
            return self._next(review, who, chosen)
        if place < 0:
            return {"problem": "This is the first one."}
        return self._task(review, who, chosen, review.open_task(who, answered[place]))


def draft(task: Task, said: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Answers to fill in: what was just taken back, else what stands, else the blind half.

    A pair's side is the one on which that document stands now; judgements from elsewhere may have had it otherwise.
    """
    standing = task.standing.value if task.standing is not None and task.standing.action == "judge" else None
    value = dict(said or standing or task.graded or {})
    left, right = value.pop("left_id", None), value.pop("right_id", None)
    if left == task.right_id and right == task.left_id and left != right:
        swapped = {"left": "right", "right": "left"}
        value["preferred"] = swapped.get(value.get("preferred", ""), value.get("preferred"))
    return {field: given for field, given in value.items() if given is not None}


def _who(who: Identity) -> str:
    return who_bar(who.name, lead=who.role == "lead")


def _frame(who: Identity, chosen: ReviewSet, progress: Progress) -> dict[str, str]:
    return {"who": _who(who), "bar": progress_bar(chosen, progress)}


def _screen(parts: dict[str, str], **more: Any) -> Reply:
    return {"order": list(parts), "parts": parts, "problem": "", "message": "", "saved": "", **more}


def _set(review: Review, who: Identity, asked: Mapping[str, Any]) -> ReviewSet:
    found = next((chosen for chosen in review.sets(who) if chosen.set_id == asked.get("set")), None)
    if found is None:
        raise ReasonRankError("This review set is not there any more; choose another one.")
    return found


def _number(given: Any) -> int:
    return given if isinstance(given, int) else 0
