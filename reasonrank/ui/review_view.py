"""What an annotator sees in the Review tab, as escaped HTML: signing in, the sets, one item with its questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reasonrank.review.values import Event, Guideline, Progress, ReviewSet, Task
from reasonrank.ui.cards import GRADE_NAMES
from reasonrank.ui.markup import esc, plural, words
from reasonrank.ui.review_text import comparison_html, document_html, guideline_html, seconds_told, side_name
from reasonrank.ui.review_who import Mode

STEPS = ((0, "no", "0"), (1, "partly", "1"), (2, "yes", "2"))
GRADE_STEPS = tuple((grade, name, str(grade)) for grade, name in enumerate(GRADE_NAMES))
SIDES = (("left", "left", "←"), ("equal", "equal", "="), ("right", "right", "→"))
SKIP_REASONS = ("not my field", "the question is unclear", "the text is damaged", "I cannot decide")


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that is asked of an item: its field, its words, and ``(value, name, key)`` of each answer."""

    field: str
    legend: str
    answers: Sequence[tuple[int | str, str, str]]


GRADE = Question("grade", "How well does it answer the question?", GRADE_STEPS)
PREFERRED = Question("preferred", "Which one answers it better?", SIDES)
REASON_RIGHT = Question("reason_right", "Is the comparison right?", STEPS)
SCALES = (
    Question("correct", "Is the reason correct?", STEPS),
    Question("supported", "Is it supported by the text?", STEPS),
    Question("complete", "Is it complete?", STEPS),
)
KEYS = (
    ("0 1 2", "answer the marked question"),
    ("← = →", "choose a side"),
    ("↑ ↓", "another question of this item"),
    ("Enter", "save, and on to the next"),
    ("S", "skip, then a number for why"),
    ("U", "undo"),
    ("K", "earlier item"),
    ("J", "later item"),
    ("E", "write the reason as it should read; Esc leaves it"),
    ("M", "mark wrong words: ← → move, Space marks, M ends"),
    ("G", "guideline"),
    ("?", "these keys"),
)


def is_blind(task: Task, chosen: ReviewSet) -> bool:
    """Whether only the blind half is asked now."""
    return chosen.blind_first and not task.revealed and task.item.kind != "document"


def questions(task: Task, chosen: ReviewSet) -> tuple[Question, ...]:
    """What is asked of this annotator now."""
    if task.item.kind == "document":
        return (GRADE,)
    if task.item.kind == "pair":
        asked = task.revealed and task.item.content["comparison"]["text"].strip()
        return (PREFERRED, REASON_RIGHT) if asked else (PREFERRED,)
    return (GRADE,) if is_blind(task, chosen) else (GRADE, *SCALES)


# -- before the work ---------------------------------------------------------------------------------------------


def sign_in_form(mode: Mode, sentence: str) -> str:
    """Who are you, as far as it can be typed."""
    told = f'<p class="rr-notice" role="status">{esc(sentence)}</p>' if sentence else ""
    if mode in ("hub", "closed"):
        return f'<section class="rr-rv-sign">{told}</section>'
    password = (
        '<label>Password <input name="password" type="password" maxlength="1000" autocomplete="current-password" '
        "required></label>"
        if mode == "password"
        else ""
    )
    return (
        '<form class="rr-lab rr-rv-sign" data-do="sign_in"><p>Judge documents and explanations; what you say trains '
        f"the next student.</p>{told}"
        '<label>Your name <input name="name" maxlength="80" autocomplete="username" required></label>'
        f'{password}<button type="submit" class="rr-button">Begin</button></form>'
    )


def who_bar(name: str, *, lead: bool) -> str:
    """Who is signed in, and the ways out."""
    desk = '<button type="button" class="rr-link" data-do="lead">Lead’s view</button>' if lead else ""
    return (
        f'<p class="rr-rv-who"><span>Signed in as {words(name, "b")}</span>'
        f'<button type="button" class="rr-link" data-do="sets">Review sets</button>{desk}'
        '<button type="button" class="rr-link" data-do="sign_out">Sign out</button></p>'
    )


def sets_view(found: Sequence[tuple[ReviewSet, Progress]]) -> str:
    """The sets with how far this annotator is in each."""
    if not found:
        return (
            '<section class="rr-rv-sets"><h2>No review set yet</h2><p>Make one from a list on the Search tab with '
            "“Send to review”, or in bulk with <code>reasonrank review create</code>.</p></section>"
        )
    rows = "".join(
        f'<li><button type="button" class="rr-example rr-rv-set" data-do="choose" data-set="{esc(chosen.set_id)}">'
        f"{words(chosen.name, 'b')} {number_key(place)}<span>{esc(progress_told(progress))}</span></button></li>"
        for place, (chosen, progress) in enumerate(found, start=1)
    )
    return f'<section class="rr-rv-sets"><h2>Choose a review set</h2><ul>{rows}</ul></section>'


def number_key(place: int) -> str:
    """The key of the first nine entries of a list."""
    return f"<kbd>{place}</kbd>" if place <= 9 else ""


def progress_told(progress: Progress) -> str:
    """How far somebody is, in words."""
    skipped = f", {progress.skipped} skipped" if progress.skipped else ""
    return f"{progress.judged} judged{skipped}, {progress.left} left for you, of {plural(progress.total, 'item')}"


# -- the work ----------------------------------------------------------------------------------------------------


def progress_bar(chosen: ReviewSet, progress: Progress) -> str:
    """Always in view: the set, how far, what is left, the median time."""
    done = progress.judged + progress.skipped
    median = "no median yet"
    if progress.median_seconds is not None:
        median = f"median {seconds_told(progress.median_seconds)} an item"
    return (
        f'<section class="rr-rv-bar" aria-label="How far you are">{words(chosen.name, "b")}'
        f'<progress max="{max(1, done + progress.left)}" value="{done}" aria-label="Done"></progress>'
        f'<span class="rr-rv-count">{esc(progress_told(progress))}</span>'
        f"<span>{esc(median)}</span>"
        '<button type="button" class="rr-link rr-rv-narrow" data-do="guideline">Guideline</button></section>'
    )


def done_view(progress: Progress) -> str:
    """Nothing is left for this annotator."""
    more = "Come back later: others hold some of the rest." if progress.left else "Thank you."
    return (
        f'<section class="rr-rv-done"><h2>{"Nothing for you right now" if progress.left else "Everything is judged"}'
        f"</h2><p>{more} You can go back with {_button('Earlier', 'K', 'earlier')} or take back the last one with "
        f"{_button('Undo', 'U', 'undo')}</p></section>"
    )


def task_view(task: Task, chosen: ReviewSet, history: Sequence[Event]) -> str:
    """One item: the question, the text, what the student said as far as it may be seen, and what is asked."""
    asked = "".join(_question(question) for question in questions(task, chosen))
    kind = {"document": "Document", "reason": "Document and reason", "pair": "Two documents"}[task.item.kind]
    return (
        f'<section class="rr-rv-task" aria-labelledby="rr-rv-query"><p class="rr-note">{kind}{_standing(task)}</p>'
        f'<h2 id="rr-rv-query" dir="auto" tabindex="-1">{esc(task.item.query)}</h2>'
        f"{_documents(task)}{_student(task)}{asked}{_correcting(task, chosen)}{_actions()}{_history(history)}</section>"
    )


def guideline_view(guideline: Guideline) -> str:
    """The guideline in force, beside the item."""
    return (
        '<details class="rr-rv-guideline" open><summary>Guideline <kbd>G</kbd></summary>'
        f'{guideline_html(guideline.text)}<p class="rr-note">Version {guideline.version}</p></details>'
    )


def keys_view() -> str:
    """Every key, in a dialog."""
    rows = "".join(f"<dt><kbd>{esc(key)}</kbd></dt><dd>{esc(told)}</dd>" for key, told in KEYS)
    return (
        '<dialog class="rr-rv-keys" aria-labelledby="rr-rv-keys-title"><h2 id="rr-rv-keys-title">Keys</h2>'
        f'<dl>{rows}</dl><p>They are off while you type.</p><form method="dialog"><button class="rr-button">Close '
        "<kbd>Esc</kbd></button></form></dialog>"
    )


def said_and_agreed(task: Task, given: Mapping[str, Any] | None) -> str:
    """What the annotator and the student said, once both may be seen; empty where there is nothing to compare."""
    if given is None or not task.revealed:
        return ""
    content = task.item.content
    if task.item.kind == "pair":
        side = given.get("preferred")
        if side is None:
            return ""
        mine = None if side == "equal" else given[f"{side}_id"]
        theirs = content["comparison"]["preferred_id"]
        named = "You find them equal" if mine is None else f"You prefer {side_name(mine, task.left_id)}"
        told = f"{named}, the student {side_name(theirs, task.left_id)}"
        return f"{told}." if mine is None else f"{told}: {'you agree' if mine == theirs else 'you differ'}."
    grade, student = given.get("grade"), content.get("student")
    if grade is None or student is None:
        return ""
    agreed = "you agree" if grade == student["label"] else "you differ"
    return f"You said {grade}, the student {student['label']} (expected grade {student['score']:.2f}): {agreed}."


def _documents(task: Task) -> str:
    content, query = task.item.content, task.item.query
    if task.item.kind != "pair":
        reason = content.get("reason") if task.revealed else None
        return document_html(content["document"], query, (reason or {}).get("evidence"))
    by_id = {document["doc_id"]: document for document in content["documents"]}
    sides = "".join(
        f'<div><p class="rr-rv-side">{told}</p>{document_html(by_id[doc_id], query)}</div>'
        for told, doc_id in (("Left", task.left_id), ("Right", task.right_id))
    )
    return f'<div class="rr-rv-pair">{sides}</div>'


def _student(task: Task) -> str:
    """The student's part, after the blind half."""
    content = task.item.content
    if not task.revealed or not ("comparison" in content or "student" in content):
        return ""
    agreed = said_and_agreed(task, task.graded or (task.standing.value if task.standing else None))
    if task.item.kind == "pair":
        told = agreed or f"The student prefers {side_name(content['comparison']['preferred_id'], task.left_id)}."
        said = f'<p class="rr-said" dir="auto">{comparison_html(content["comparison"], task.left_id)}</p>'
        text = said if content["comparison"]["text"].strip() else "<p>The student wrote no comparison.</p>"
        return f'<section class="rr-rv-student"><h3>The student</h3><p>{esc(told)}</p>{text}</section>'
    student = content["student"]
    told = agreed
    if not told and student is not None:
        told = f"The student says {student['label']} (expected grade {student['score']:.2f})."
    reason = ""
    if task.item.kind == "reason":
        reason = (
            f'<p class="rr-said rr-rv-reason" dir="auto">{esc(content["reason"]["text"])}</p>{_evidence(content)}'
            '<p class="rr-note rr-rv-marking">Click the words that are wrong, or press '
            f"{_button('Mark words', 'M', 'mark')}</p>"
        )
    return f'<section class="rr-rv-student"><h3>The student</h3><p>{esc(told)}</p>{reason}</section>'


def _evidence(content: Mapping[str, Any]) -> str:
    evidence = content["reason"].get("evidence")
    told = "No sentence of the text was found to support it." if evidence is None else "Its evidence is marked above."
    return f'<p class="rr-note">{told}</p>'


def _question(question: Question) -> str:
    buttons = "".join(
        f'<button type="button" class="rr-rv-choice" data-value="{esc(value)}" aria-pressed="false">'
        f"<kbd>{esc(key)}</kbd> {esc(name)}</button>"
        for value, name, key in question.answers
    )
    return (
        f'<fieldset class="rr-rv-ask" data-field="{question.field}"><legend>{esc(question.legend)}</legend>'
        f"<div>{buttons}</div></fieldset>"
    )


def _correcting(task: Task, chosen: ReviewSet) -> str:
    if task.item.kind != "reason" or is_blind(task, chosen):
        return ""
    return (
        '<label class="rr-rv-correct">The reason as it should read, if it can be mended <kbd>E</kbd>'
        '<textarea class="rr-rv-corrected" rows="2" maxlength="4000"></textarea></label>'
    )


def _actions() -> str:
    reasons = "".join(
        f'<button type="button" class="rr-button" data-do="skip" data-reason="{esc(reason)}"><kbd>{number}</kbd> '
        f"{esc(reason)}</button>"
        for number, reason in enumerate(SKIP_REASONS, start=1)
    )
    return (
        '<div class="rr-rv-actions"><button type="button" class="rr-submit" data-do="save">Save and next '
        f"<kbd>Enter</kbd></button>{_button('Skip…', 'S', 'ask_skip')}{_button('Undo', 'U', 'undo')}"
        f"{_button('Earlier', 'K', 'earlier')}{_button('Later', 'J', 'later')}{_button('Keys', '?', 'keys')}</div>"
        f'<div class="rr-rv-skip" role="group" aria-label="Why do you skip it?" hidden><span>Why?</span>{reasons}'
        '<input class="rr-rv-other" maxlength="200" aria-label="Another reason" placeholder="5: another reason">'
        f"{_button('Back', 'Esc', 'ask_skip')}</div>"
    )


def _button(told: str, key: str, do: str) -> str:
    return f'<button type="button" class="rr-button" data-do="{do}">{esc(told)} <kbd>{esc(key)}</kbd></button>'


def _standing(task: Task) -> str:
    if task.standing is None:
        return ""
    if task.standing.action == "skip":
        return f". You skipped it: {esc((task.standing.value or {}).get('reason', ''))}"
    return ". You judged it; saving again keeps the earlier version too"


def _history(history: Sequence[Event]) -> str:
    if not history:
        return ""
    rows = "".join(f"<li>{esc(event_told(event))}</li>" for event in history)
    return (
        f'<details class="rr-rv-history"><summary>What you did here ({len(history)})</summary><ol>{rows}</ol></details>'
    )


def event_told(event: Event) -> str:
    """What somebody did, in a line."""
    names = {"grade": "graded", "judge": "judged", "skip": "skipped", "undo": "took back", "adjudicate": "decided"}
    spent = "" if event.seconds is None else f" in {seconds_told(event.seconds)}"
    said = value_told(event.value or {})
    return f"{names[event.action]}{spent}{': ' + said if said else ''}"


def value_told(value: Mapping[str, Any]) -> str:
    """A judgement's answers in a line, without the ids of a pair's documents.

    >>> value_told({"grade": 2, "correct": 1, "corrected": "", "wrong_spans": [[0, 4]]})
    'grade 2, correct 1, 1 wrong place'
    """
    told = [
        f"{field.replace('_', ' ')} {value[field]}"
        for field in ("grade", "preferred", "correct", "supported", "complete", "reason_right", "reason")
        if value.get(field) is not None
    ]
    if value.get("wrong_spans"):
        told.append(plural(len(value["wrong_spans"]), "wrong place"))
    if value.get("corrected"):
        told.append(f"corrected to “{value['corrected']}”")
    return ", ".join(told)
