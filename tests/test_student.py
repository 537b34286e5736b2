"""The student on a scripted engine: what it asks, what it makes of the answers, and what it does when cut short."""

from collections.abc import Generator
from typing import TypeVar

import pytest

from reasonrank.data import Document
from reasonrank.errors import Cancelled
from reasonrank.settings import Settings
from reasonrank.student import Student
from tests.scripted import ScriptedEngine, WordEncoder

GOOD, FAIR, BAD = Document("g", "A good text."), Document("f", "A fair text."), Document("b", "A poor text.")
Value = TypeVar("Value")


def finish(generator: Generator[str, None, Value]) -> tuple[list[str], Value]:
    pieces = []
    while True:
        try:
            pieces.append(next(generator))
        except StopIteration as end:
            return pieces, end.value


def student(**settings: object) -> Student:
    engine = settings.pop("engine", None) or ScriptedEngine()
    return Student(engine, Settings(**settings), WordEncoder())  # type: ignore[arg-type]


def test_scores_come_in_the_order_of_the_documents() -> None:
    good, bad, fair = student().score("why", [GOOD, BAD, FAIR])
    assert good.label_probabilities == (0.1, 0.2, 0.7)
    assert (good.label, fair.label, bad.label) == (2, 1, 0)
    assert good.expected_grade == pytest.approx(1.6)
    assert (good.label_mass, good.cut, good.samples) == (0.95, False, 1)


def test_a_long_document_is_cut_and_says_so() -> None:
    short, long = student(max_document_tokens=16).score("why", [GOOD, Document("l", "good " * 17)])
    assert (short.cut, long.cut) == (False, True)


def test_the_reason_argues_for_the_most_probable_label() -> None:
    made = student()
    judgement = made.score("why", [FAIR])[0]
    pieces, reason = finish(made.explain("why", FAIR, judgement))
    assert pieces[-1] == reason.text == "Tells what was asked for."
    assert (reason.status, reason.written, reason.label) == ("ok", "after_score", 1)
    assert made.engine.prompts[-1].endswith("Grade: 1\nReason:")  # type: ignore[attr-defined]
    assert reason.evidence is not None
    assert reason.evidence.text == FAIR.text[reason.evidence.start : reason.evidence.end]
    assert reason.evidence.verified


def test_reason_first_reads_the_grade_after_the_reason() -> None:
    made = student()
    _, (reason, judgement) = finish(made.explain_then_score("why", GOOD))
    assert (reason.written, reason.label, judgement.label, judgement.samples) == ("before_score", 2, 2, 1)
    assert made.engine.prompts[-1].endswith("Reason: Tells what was asked for.\nGrade:")  # type: ignore[attr-defined]


def test_sampled_reasons_are_averaged() -> None:
    _, (_, judgement) = finish(student(samples=3).explain_then_score("why", GOOD))
    assert judgement.samples == 3
    assert judgement.label_probabilities == pytest.approx((0.1, 0.2, 0.7))


def test_an_unusable_reason_is_named_and_the_grade_is_read_without_it() -> None:
    made = student(engine=ScriptedEngine(write=lambda prompt: " 2"))
    _, (reason, judgement) = finish(made.explain_then_score("why", GOOD))
    assert (reason.status, reason.evidence) == ("unparsable", None)
    assert "without one" in reason.detail
    assert judgement.label == 2
    assert "Reason" not in made.engine.prompts[-1]  # type: ignore[attr-defined]


def test_a_reason_that_runs_into_the_limit_is_truncated() -> None:
    made = student(max_reason_tokens=8, engine=ScriptedEngine(write=lambda prompt: " a b c d e f g h i j k"))
    _, reason = finish(made.explain("why", GOOD, made.score("why", [GOOD])[0]))
    assert (reason.status, reason.text) == ("truncated", "a b c d e f g")


def test_a_comparison_is_averaged_over_both_orders() -> None:
    _, comparison = finish(student().compare("why", GOOD, BAD))
    # The script says 0.9 for the good one when it is first, and 0.7 when it is second.
    assert (comparison.preferred_id, comparison.other_id) == ("g", "b")
    assert comparison.by_order == pytest.approx((0.9, 0.7))
    assert comparison.probability == pytest.approx(0.8)
    assert (comparison.flipped, comparison.agrees_with_order, comparison.status) == (False, True, "ok")
    assert comparison.text == "{preferred} tells more than {other} does."


def test_a_comparison_against_the_list_argues_for_the_models_choice() -> None:
    _, comparison = finish(student().compare("why", BAD, GOOD))
    assert (comparison.preferred_id, comparison.agrees_with_order) == ("g", False)
    assert comparison.by_order == pytest.approx((0.9, 0.7))
    assert comparison.probability == pytest.approx(0.8)


def test_a_biased_model_flips_and_says_so() -> None:
    _, comparison = finish(student().compare("why", BAD, FAIR))
    # 0.6 for whichever is first: nothing but the order of presentation speaks.
    assert comparison.flipped
    assert comparison.probability == pytest.approx(0.5)
    assert comparison.preferred_id == "b"  # a draw goes to the upper one


def test_preferences_of_many_pairs_are_read_in_one_call() -> None:
    made = student()
    assert made.prefer("why", [(GOOD, BAD), (BAD, GOOD)]) == [
        pytest.approx((0.9, 0.7)),
        pytest.approx((0.3, 0.1)),
    ]
    assert made.prefer("why", []) == []


def test_cancelling_closes_the_engines_stream() -> None:
    made, asked = student(), []

    def cancel() -> bool:
        asked.append(1)
        return len(asked) > 2

    judgement = made.score("why", [GOOD])[0]
    with pytest.raises(Cancelled):
        finish(made.explain("why", GOOD, judgement, cancel))
    assert made.engine.closed_streams == 1  # type: ignore[attr-defined]
    with pytest.raises(Cancelled):
        made.score("why", [GOOD], lambda: True)
