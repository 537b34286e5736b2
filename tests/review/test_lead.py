"""The lead's figures against counts by hand, adjudication without names, and who may see them."""

from collections import Counter

import pytest

from reasonrank.errors import InputError
from reasonrank.review.lead import Lead
from reasonrank.review.report import ReliabilityBin
from reasonrank.review.service import NotAllowedError, Review
from tests.review.helpers import ADA, BO, CY, LEAD, complete, make_set, new_id, take

# Items in order: reason z (student 2), reason y (student 1), document x (student 0), pair z over y.


@pytest.fixture
def lead(light_review: Review) -> Lead:
    return Lead(light_review, LEAD)


def test_figures_equal_a_count_by_hand(light_review: Review, lead: Lead) -> None:
    made = make_set(light_review, k=2)
    for who, grades in ((ADA, (2, 1, 0)), (BO, (2, 2, 0))):
        for number, grade in enumerate(grades, start=1):
            complete(light_review, who, take(light_review, who, made.set_id), seconds=10.0 * number, grade=grade)
    task = take(light_review, BO, made.set_id)
    light_review.skip(BO, task.item.item_id, "both bad", event_id=new_id())
    take(light_review, ADA, made.set_id)  # opened, not judged
    report = lead.report(made.set_id, resamples=20)
    assert report.states == {"waiting": 0, "in_progress": 1, "complete": 2, "disagreement": 1, "adjudicated": 0}
    assert [(a.name, a.judged, a.skipped, a.median_seconds, a.agreed, a.compared) for a in report.annotators] == [
        ("Ada", 3, 0, 20.0, 3, 3),
        ("Bo", 3, 1, 20.0, 2, 3),
    ]
    # Rows are annotators' grades, columns the student's labels.
    assert report.confusion == ((2, 0, 0), (0, 1, 0), (0, 1, 2))
    # The scripted student is 0.7 sure of z's 2, 0.6 of y's 1 and 0.8 of x's 0; bins are 2/15 wide from 1/3.
    assert [(b.judgements, b.confidence, b.right) for b in report.reliability] == [
        (2, pytest.approx(0.6), 0.5),
        (2, pytest.approx(0.7), 1.0),
        (2, pytest.approx(0.8), 1.0),
    ]
    assert report.agreements["reason", "grade"].state == "not_enough_overlap"
    assert report.agreements["reason", "grade"].items == 2


def test_overconfidence_is_confidence_less_rightness() -> None:
    assert ReliabilityBin(0.6, 0.8, 4, 0.75, 0.5).overconfidence == 0.25


def test_adjudication_shows_versions_without_names(light_review: Review, lead: Lead) -> None:
    made = make_set(light_review, k=2)
    first = take(light_review, ADA, made.set_id)
    complete(light_review, ADA, first, grade=2)
    complete(light_review, ADA, light_review.open_task(ADA, first.item.item_id), grade=0)
    complete(light_review, BO, take(light_review, BO, made.set_id), grade=1)
    (found,) = lead.disagreements(made.set_id)
    assert found.item.item_id == first.item.item_id
    assert found.questions == ("grade",)
    assert sorted(Counter(version.letter for version in found.versions).items()) in (
        [("A", 3), ("B", 2)],
        [("A", 2), ("B", 3)],
    )
    standing = [version.value["grade"] for version in found.versions if version.stands]
    assert sorted(standing) == [0, 1]  # type: ignore[type-var]
    assert not any(name in str(found.versions) for name in ("Ada", "Bo"))
    decision = {"grade": 1, "correct": 2, "supported": 2, "complete": 2, "corrected": "As it should be."}
    lead.adjudicate(found.item.item_id, decision, event_id="decided-once")
    lead.adjudicate(found.item.item_id, decision, event_id="decided-once")
    assert lead.disagreements(made.set_id) == ()
    assert lead.report(made.set_id, resamples=20).states["adjudicated"] == 1
    judged = lead.judged(made.set_id)[0]
    assert judged.settled("grade") == 1
    assert [event.action for event in light_review.store.events(made.set_id)].count("adjudicate") == 1
    lead.adjudicate(found.item.item_id, {**decision, "grade": 0}, event_id=new_id())
    assert lead.judged(made.set_id)[0].settled("grade") == 0


def test_an_annotators_work_stands_beside_an_adjudication(light_review: Review, lead: Lead) -> None:
    made = make_set(light_review, k=1)
    task = take(light_review, ADA, made.set_id)
    complete(light_review, ADA, task, grade=2)
    lead.adjudicate(task.item.item_id, {"grade": 0, "correct": 0, "supported": 0, "complete": 0}, event_id=new_id())
    (mine,) = light_review.mine(ADA, made.set_id)
    assert mine.event.value is not None and mine.event.value["grade"] == 2


def test_majorities_need_more_than_half(light_review: Review, lead: Lead) -> None:
    made = make_set(light_review, k=3)
    for who, grade in ((ADA, 2), (BO, 2), (CY, 0)):
        complete(light_review, who, take(light_review, who, made.set_id), grade=grade)
    assert lead.judged(made.set_id)[0].settled("grade") == 2
    second = lead.judged(made.set_id)[1]
    assert second.settled("grade") is None
    for who, grade in ((ADA, 2), (BO, 1)):
        complete(light_review, who, take(light_review, who, made.set_id), grade=grade)
    assert lead.judged(made.set_id)[1].settled("grade") is None


def test_only_a_lead_sits_at_the_desk(light_review: Review) -> None:
    with pytest.raises(NotAllowedError):
        Lead(light_review, ADA)


@pytest.mark.parametrize(("kind", "text", "words"), [("pair", "  ", "empty"), ("letter", "x", "no kind")])
def test_guidelines_are_checked(lead: Lead, kind: str, text: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        lead.edit_guideline(kind, text, 1)  # type: ignore[arg-type]
