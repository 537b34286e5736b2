"""What comes out of a review and goes back in: every form, whole values, and what is refused."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from reasonrank.errors import InputError
from reasonrank.prompts import PROMPT_VERSION
from reasonrank.review.export import FORMS, plain_cell, unresolved
from reasonrank.review.imports import import_file, import_lines
from reasonrank.review.lead import Lead
from reasonrank.review.service import NotAllowedError, Review
from reasonrank.review.values import Identity, ReviewSet
from tests.review.helpers import ADA, BO, LEAD, complete, make_set, new_id, take
from train.records import ComparisonText, Reason, read_records

GOOD = {"correct": 2, "supported": 2, "complete": 1}
WORDS = "Tells what was asked for."  # the scripted student's reason for every document


@pytest.fixture
def reviewed(light_review: Review) -> ReviewSet:
    """One list: z's reason corrected by Ada, y's reason found wrong, x graded, z preferred with a right comparison."""
    made = make_set(light_review, k=2)
    for who in (ADA, BO):
        corrected = {"corrected": "=It names the thing."} if who is ADA else {}
        complete(light_review, who, take(light_review, who, made.set_id), grade=2, **GOOD, **corrected)
        wrong = {"correct": 0, "supported": 0, "complete": 0, "wrong_spans": [[0, 5]]}
        complete(light_review, who, take(light_review, who, made.set_id), grade=1, **wrong)
        grade = 0 if who is ADA else 1  # on x they differ
        complete(light_review, who, take(light_review, who, made.set_id), grade=grade)
        task = take(light_review, who, made.set_id)
        side = "left" if task.left_id == "z" else "right"
        complete(light_review, who, task, preferred=side, reason_right=2)
    return made


def export(review: Review, made: ReviewSet, form: str) -> str:
    return "".join(Lead(review, LEAD).export([made.set_id], form))


def test_records_are_what_the_training_package_reads(light_review: Review, reviewed: ReviewSet, tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(export(light_review, reviewed, "records"), encoding="utf-8")
    (record,) = read_records(path)
    assert (record.query.query_id, record.query.text) == ("q1", "why 1")
    assert {document.doc_id: document.text for document in record.documents} == {
        "z": "A good text.",
        "y": "A fair text.",
        "x": "A poor text.",
    }
    assert record.labels == {"z": 2, "y": 1}  # nobody's majority on x
    assert record.reasons == {"z": Reason(direct="=It names the thing.")}
    assert record.rejected == {"z": (WORDS,), "y": (WORDS,)}
    assert record.comparisons == (ComparisonText("z", "y", "{preferred} tells more than {other} does."),)
    assert (record.source, record.teacher, record.prompt_version) == ("annotator", "annotators", PROMPT_VERSION)


def test_a_reason_found_good_is_a_target_as_it_is(light_review: Review, tmp_path: Path) -> None:
    made = make_set(light_review, k=1)
    complete(light_review, ADA, take(light_review, ADA, made.set_id), grade=2, **GOOD)
    path = tmp_path / "records.jsonl"
    path.write_text(export(light_review, made, "records"), encoding="utf-8")
    (record,) = read_records(path)
    assert record.reasons["z"].direct == WORDS
    assert record.rejected == {}


def test_qrels_have_what_is_settled(light_review: Review, reviewed: ReviewSet) -> None:
    assert export(light_review, reviewed, "qrels") == "q1 0 z 2\nq1 0 y 1\n"
    lead = Lead(light_review, LEAD)
    assert unresolved(lead.judged(reviewed.set_id)) == 1
    (difference,) = lead.disagreements(reviewed.set_id)
    lead.adjudicate(difference.item.item_id, {"grade": 0}, event_id=new_id())
    assert export(light_review, reviewed, "qrels") == "q1 0 z 2\nq1 0 y 1\nq1 0 x 0\n"


def test_pairs_prefer_documents_and_corrections(light_review: Review, reviewed: ReviewSet) -> None:
    rows = [json.loads(line) for line in export(light_review, reviewed, "pairs").splitlines()]
    assert [(row["kind"], row["query_id"]) for row in rows] == [("reason", "q1"), ("document", "q1")]
    assert (rows[0]["chosen"], rows[0]["rejected"]) == ("=It names the thing.", WORDS)
    assert (rows[1]["chosen"]["doc_id"], rows[1]["rejected"]["doc_id"]) == ("z", "y")


def test_csv_opens_and_runs_nothing(light_review: Review, reviewed: ReviewSet) -> None:
    text = export(light_review, reviewed, "csv")
    assert text.startswith("\ufeffset,")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert len(rows) == 8
    first = next(row for row in rows if row["corrected"])
    assert (first["annotator"], first["corrected"]) == ("Ada", "'=It names the thing.")
    assert (first["grade"], first["student_label"], first["blind"]) == ("2", "2", "yes")
    pairs = [row for row in rows if row["kind"] == "pair"]
    assert {(row["preferred_id"], row["reason_right"]) for row in pairs} == {("z", "2")}
    assert {row["wrong_spans"] for row in rows if row["grade"] == "1" and row["kind"] == "reason"} == {"[[0, 5]]"}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "  =1", "＝1"])
def test_formulas_are_defused(text: str) -> None:
    assert plain_cell(text) == "'" + text


def test_jsonl_comes_back_whole_into_an_empty_review(
    light_review: Review, reviewed: ReviewSet, review: Review, tmp_path: Path
) -> None:
    path = tmp_path / "all.jsonl"
    path.write_text(export(light_review, reviewed, "jsonl"), encoding="utf-8")
    added = import_file(review, LEAD, path)
    assert (len(added.sets), len(added.items), len(added.events)) == (1, 4, 14)
    assert review.store.entries().items == light_review.store.entries().items
    assert review.store.entries().events == light_review.store.entries().events
    for form in FORMS:
        assert export(review, reviewed, form) == export(light_review, reviewed, form)
    assert import_file(review, LEAD, path).events == ()
    assert review.next_task(ADA, reviewed.set_id) is None  # the queue was made again from the events
    assert len(review.mine(ADA, reviewed.set_id)) == 4
    assert review.next_task(Identity("new"), reviewed.set_id) is None


def test_qrels_come_in_as_grades(light_review: Review, tmp_path: Path) -> None:
    made = make_set(light_review, k=1)
    path = tmp_path / "judged.qrels"
    path.write_text("q1 0 z 1\nq1 0 x 0\nq9 0 z 2\n", encoding="utf-8")
    assert len(import_file(light_review, LEAD, path, name="first", annotator="NIST").events) == 2
    assert import_file(light_review, LEAD, path, name="first", annotator="NIST").events == ()
    assert export(light_review, made, "qrels") == "q1 0 z 1\nq1 0 x 0\n"
    for content, words in (("q1 0 z 3\n", "expected one of"), ("q8 0 z 1\n", "None of these")):
        path.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match=words):
            import_file(light_review, LEAD, path, name="first")
    with pytest.raises(InputError, match="--name"):
        import_file(light_review, LEAD, path)


def lines_of(review: Review, made: ReviewSet) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export(review, made, "jsonl").splitlines()]


def test_an_annotator_brings_only_their_own(light_review: Review) -> None:
    made = make_set(light_review, k=1)
    event = {
        "type": "event",
        "event_id": "made-offline-1",
        "item_id": light_review.store.items(made.set_id)[2].item_id,
        "annotator": "Ada",
        "action": "judge",
        "value": {"grade": 1},
        "undoes": None,
        "seconds": 4.5,
        "guideline_version": 1,
        "blind": True,
        "source": "page",
        "at": 1_800_000_001.5,
    }
    with pytest.raises(NotAllowedError, match="their own"):
        import_lines(light_review, BO, [json.dumps(event)], "upload")
    with pytest.raises(NotAllowedError, match="their own"):
        import_lines(light_review, ADA, [json.dumps({**event, "action": "adjudicate"})], "upload")
    (stored,) = import_lines(light_review, ADA, [json.dumps(event)], "upload").events
    assert (stored.source, stored.annotator, stored.seconds) == ("offline", "Ada", 4.5)
    assert light_review.progress(ADA, made.set_id).judged == 1
    stolen = {**event, "event_id": "undo-of-other", "annotator": "Bo", "action": "undo", "value": None}
    with pytest.raises(InputError, match="takes back something"):
        import_lines(light_review, BO, [json.dumps({**stolen, "undoes": "made-offline-1"})], "upload")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"value": {"grade": 2, "correct": 5}}, "correct is '5'"),
        ({"value": [1]}, "value of the Event"),
        ({"item_id": "nowhere"}, "not here"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": 1e300}, "seconds"),
        ({"action": "erase"}, "action of the Event"),
        ({"more": 1}, "unknown"),
        ({"type": "table"}, "type is one of"),
        ({"annotator": "a\x00b"}, "annotator"),
        ({"undoes": "missing-event"}, "takes back something"),
    ],
)
def test_bad_lines_are_refused_whole(light_review: Review, changes: dict[str, Any], words: str) -> None:
    made = make_set(light_review, k=1)
    task = take(light_review, ADA, made.set_id)
    complete(light_review, ADA, task)
    good = next(row for row in lines_of(light_review, made) if row["type"] == "event" and row["action"] == "judge")
    bad = {**good, "event_id": "another-one", **changes}
    with pytest.raises(InputError) as refused:
        import_lines(light_review, LEAD, [json.dumps({**good, "event_id": "fine-itself"}), json.dumps(bad)], "upload")
    assert words in str(refused.value)
    assert len(light_review.store.events(made.set_id)) == 2


@pytest.mark.parametrize("content", [{}, {"document": {"doc_id": 1}}, {"document": {}, "student": None}, {"x": "<b>"}])
def test_items_from_elsewhere_have_the_right_form(light_review: Review, content: dict[str, Any]) -> None:
    made = make_set(light_review)
    for kind in ("document", "reason", "pair"):
        item = {"type": "item", "item_id": "foreign", "set_id": made.set_id, "position": 99, "kind": kind}
        line = json.dumps({**item, "query_id": "q", "query": "why", "content": content})
        with pytest.raises(InputError, match="content of the item"):
            import_lines(light_review, LEAD, [line], "upload")


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"type": "event"}', "{" * 100_000])
def test_what_is_no_line_is_named(light_review: Review, line: str) -> None:
    with pytest.raises(InputError, match="upload, line 2"):
        import_lines(light_review, LEAD, ["", line], "upload")
