"""Explanations measured with a scripted student, against figures counted by hand."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import record_line, write_lines
from scripted import ScriptedEngine, WordEncoder

from reasonrank.data import Judgement
from reasonrank.errors import EngineError, InputError
from reasonrank.settings import Settings
from reasonrank.student import Student
from train.explanations import explanation_figures, main, observe_all, plain, read_results, table
from train.grade_measures import JudgedList
from train.observation_file import ObservationFile, from_json, in_order, to_json
from train.observations import (
    Cited,
    DocumentObservation,
    ListObservation,
    PairObservation,
    Said,
    observe,
    other_queries,
)
from train.records import TeacherRecord, parse_record

SURE = {0: (0.9, 0.05, 0.05), 1: (0.05, 0.9, 0.05), 2: (0.05, 0.05, 0.9)}


def record(number: int, **changes: Any) -> TeacherRecord:
    return parse_record(record_line(number, **changes))


def good_record(number: int) -> TeacherRecord:
    """Passages whose words the scripted engine grades 2, 1 and 0, each with a second sentence."""
    texts = ["It is good here. Rain falls.", "It is fair here. Snow falls.", "Nothing at all. Hail falls."]
    ids = [f"{number}-{place}" for place in (1, 2, 3)]
    return record(number, documents=[{"doc_id": one, "text": text} for one, text in zip(ids, texts, strict=True)])


def document(doc_id: str, grade: int, reason: str = "It says so itself.", **changes: Any) -> DocumentObservation:
    judgement = Judgement(SURE[grade], 0.95)
    return replace(DocumentObservation(doc_id, judgement, Said("ok", reason), None, "", None), **changes)


def student(engine: ScriptedEngine | None = None, **settings: Any) -> Student:
    return Student(engine or ScriptedEngine(), Settings(**settings), WordEncoder())


# -- asking --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["score_then_reason", "reason_then_score"])
def test_a_list_is_asked_as_the_app_asks_it(mode: str) -> None:
    engine = ScriptedEngine()
    seen = observe(good_record(1), student(engine, mode=mode), "another question")
    assert [one.judgement.label for one in seen.documents] == [2, 1, 0]
    assert all(one.reason == Said("ok", "Tells what was asked for.") for one in seen.documents)
    assert all(one.swapped == one.reason for one in seen.documents)
    written = [prompt for prompt in engine.prompts if prompt.endswith("Reason:") and "another question" in prompt]
    assert len(written) >= 3
    # Every pair of the three, upper first as the grades order them; a text between neighbours.
    assert [(pair.first_id, pair.second_id) for pair in seen.pairs] == [("1-1", "1-2"), ("1-1", "1-3"), ("1-2", "1-3")]
    assert [pair.by_order for pair in seen.pairs] == [(0.9, 0.7), (0.9, 0.7), (0.6, 0.4)]
    assert [one.status for one in seen.comparisons] == ["ok", "ok"]


def test_the_cited_sentence_is_deleted_and_read_alone() -> None:
    # The reason shares its letters with the first sentence, so that one is cited; "good" decides the grade.
    engine = ScriptedEngine(
        write=lambda prompt: " It is good here indeed." if "Better" not in prompt else " [A] [B] a b"
    )
    seen = observe(good_record(1), student(engine)).documents[0]
    assert seen.cites == "It is good here."
    assert seen.cited is not None
    good, bad = 0.2 + 2 * 0.7, 0.1 + 2 * 0.1
    assert (seen.cited.whole, seen.cited.without, seen.cited.without_other) == pytest.approx((good, bad, good))
    assert (seen.cited.alone, seen.cited.other_alone) == pytest.approx((good, bad))


def test_a_document_of_one_sentence_or_cut_has_no_deletion() -> None:
    one_sentence = record(1)
    assert {one.cited for one in observe(one_sentence, student()).documents} == {None}
    long = good_record(1)
    words = " ".join(["Much is said of rain here."] * 10)
    long = replace(long, documents=tuple(replace(one, text=words) for one in long.documents))
    assert {one.cited for one in observe(long, student(max_document_tokens=16)).documents} == {None}


def test_another_query_is_one_over_other_documents() -> None:
    same = replace(record(1), query=replace(record(1).query, query_id="1b", text="contrast"))
    found = other_queries([record(1), same, record(2)])
    assert found == {"1": "do cats 2 sleep", "1b": "do cats 2 sleep", "2": "do cats 1 sleep"}
    assert other_queries([record(1), same]) == {}


# -- the file ------------------------------------------------------------------------------------------------------


def test_a_stopped_run_goes_on_and_asks_nothing_twice(tmp_path: Path) -> None:
    records = [good_record(number) for number in (1, 2, 3)]
    first = ObservationFile(tmp_path, {"student": "a"})
    observe_all(records[:2], {}, first, student)
    path = tmp_path / "observations.jsonl"
    torn = path.read_text() + path.read_text().splitlines()[0][:50]  # killed in the middle of a third line
    path.write_text(torn)
    engine = ScriptedEngine()
    found = observe_all(records, {}, ObservationFile(tmp_path, {"student": "a"}), lambda: student(engine))
    assert [one.list_id for one in found] == ["1", "2", "3"]
    assert not any("number 1" in prompt or "do cats 2" in prompt for prompt in engine.prompts)
    again = ObservationFile(tmp_path, {"student": "a"})
    assert [again.known[key] for key in ("1", "2", "3")] == [one.seen for one in found]

    def never() -> Student:
        raise AssertionError("loaded although nothing is missing")

    assert observe_all(records, {}, again, never) == found


def test_observations_of_another_student_are_refused(tmp_path: Path) -> None:
    ObservationFile(tmp_path, {"student": "a", "mode": "m"}).add(ListObservation("q", (), (), ()))
    with pytest.raises(InputError, match="another mode, student"):
        ObservationFile(tmp_path, {"student": "b", "mode": "n"})


def test_a_spoilt_line_is_named(tmp_path: Path) -> None:
    (tmp_path / "observations.jsonl").write_text('{"query_id": "q"}\n')
    with pytest.raises(InputError, match="query_id q"):
        ObservationFile(tmp_path, {})


def test_what_failed_is_not_kept(tmp_path: Path) -> None:
    file = ObservationFile(tmp_path, {})
    with pytest.raises(EngineError):
        observe_all([good_record(1)], {}, file, lambda: student(ScriptedEngine(fail_on="stream")))
    assert not file.known


def test_json_there_and_back() -> None:
    seen = observe(good_record(1), student(), "another question")
    assert from_json(json.loads(json.dumps(to_json(seen)))) == seen


def test_lists_without_every_label_are_left_out() -> None:
    assert [one.query.query_id for one in in_order([record(1), record(2, labels={"2-1": 2})])] == ["1"]
    with pytest.raises(InputError, match="label"):
        in_order([record(2, labels={"2-1": 2})])


# -- figures -------------------------------------------------------------------------------------------------------


def judged(number: int, documents: list[DocumentObservation], pairs: list[PairObservation] | None = None) -> JudgedList:
    """Record ``number`` (labels 2, 1, 0) with what was observed."""
    return JudgedList(record(number), ListObservation(str(number), tuple(documents), tuple(pairs or []), ()))


def figures(lists: list[JudgedList]) -> dict[str, Any]:
    found: dict[str, Any] = plain(explanation_figures(lists, WordEncoder()))
    return found


def test_grades_by_hand() -> None:
    # Labels 2, 1, 0; graded 2, 2, 0: one label wrong, one pair tied.
    found = figures([judged(1, [document("1-1", 2), document("1-2", 2), document("1-3", 0)])])["grades"]
    assert found["label_accuracy"]["value"] == pytest.approx(2 / 3)
    assert found["order"] == {"value": pytest.approx(2.5 / 3), "low": pytest.approx(2.5 / 3),
                              "high": pytest.approx(2.5 / 3), "count": 3}  # fmt: skip
    assert found["error"]["value"] == pytest.approx((0.15 + 0.85 + 0.15) / 3)
    # The most probable label has 0.9 and is right in two of three.
    assert found["calibration_error"] == pytest.approx(0.9 - 2 / 3)
    # Expected grades 1.85 (labels 2 and 1) and 0.15 (label 0).
    assert found["grade_calibration_error"] == pytest.approx((2 * (1.85 - 1.5) + 0.15) / 3)


def test_reasons_that_fit_their_own_document_match_and_a_swapped_one_does_not() -> None:
    teacher = ["Abc abc abc.", "Xyz xyz xyz.", "Mno mno mno."]
    reasons = {f"1-{n}": {"direct": text} for n, text in enumerate(teacher, start=1)}
    own = record(1, reasons=reasons)
    texts = ["Cab bac abc.", "", "Abc again."]  # right, empty, another document's
    swapped = [Said("ok", text) for text in (teacher[1], teacher[2], teacher[0])]
    documents = [
        document(f"1-{n}", 0, reason=text, swapped=said, cites=cites)
        for n, (text, said, cites) in enumerate(zip(texts, swapped, teacher, strict=True), start=1)
    ]
    found = figures([JudgedList(own, ListObservation("1", tuple(documents), (), ()))])["reason_match"]
    assert {name: value["value"] for name, value in found.items() if name not in ("document", "first_sentence")} == {
        "reason": pytest.approx(1 / 3),
        "cited_sentence": 1.0,
        "reason_for_another_query": 0.0,
        "chance": pytest.approx(1 / 3),
    }


def test_without_a_swapped_reason_that_row_is_not_measured() -> None:
    found = figures([judged(1, [document(f"1-{n}", 0) for n in (1, 2, 3)])])["reason_match"]
    assert found["reason_for_another_query"]["value"] is None


def test_falls_are_set_against_a_random_sentence_and_the_relevant() -> None:
    def cited(whole: float, without: float, other: float) -> Cited:
        return Cited("s", True, whole, without, other, 1.5, 0.5)

    lists = [
        judged(
            number,
            [
                document(f"{number}-1", 2, cited=cited(1.8, 0.8, 1.7)),
                document(f"{number}-2", 1, cited=cited(1.2, 0.8, 1.2)),
                document(f"{number}-3", 0, cited=cited(0.2, 0.2, 0.1)),
            ],
        )
        for number in range(8)
    ]
    lists.append(judged(9, [document("9-1", 2)]))  # nothing was measured here
    found = figures(lists)["faithfulness"]
    assert found["measured"]["value"] == pytest.approx(24 / 25)
    assert found["relevant"]["fall_without_cited"]["value"] == pytest.approx((1.0 + 0.4) / 2)
    assert found["relevant"]["fall_without_other"]["value"] == pytest.approx(0.05)
    assert found["relevant"]["difference_of_falls"]["count"] == 16
    assert found["all"]["fall_without_cited"]["value"] == pytest.approx(1.4 / 3)
    assert found["relevant"]["p_of_falls"] < 0.05
    assert (found["all"]["score_of_cited_alone"]["value"], found["all"]["score_of_other_alone"]["value"]) == (1.5, 0.5)


def test_a_reason_that_carries_the_decision_is_found_and_its_control_falls() -> None:
    words = {2: "Answers it in full.", 1: "Only a hint of it.", 0: "Off the topic."}
    empty = "It is a text."
    speaking = [judged(n, [document(f"{n}-{p}", 3 - p, words[3 - p]) for p in (1, 2, 3)]) for n in range(10)]
    silent = [judged(n, [document(f"{n}-{p}", 3 - p, empty) for p in (1, 2, 3)]) for n in range(10)]
    found, control = figures(speaking)["decision_from_reason"], figures(silent)["decision_from_reason"]
    assert found["student"]["accuracy"]["value"] == found["teacher"]["accuracy"]["value"] == 1.0
    assert found["student"]["swapped"]["value"] == 0.0  # three documents of three labels, moved by one
    assert found["student"]["largest"] == pytest.approx(1 / 3)
    assert control["student"]["accuracy"]["value"] == pytest.approx(1 / 3)
    assert figures(speaking[:1])["decision_from_reason"]["student"]["accuracy"]["value"] is None


def test_pairs_by_hand() -> None:
    documents = [document("1-1", 2), document("1-2", 1), document("1-3", 0)]
    pairs = [
        PairObservation("1-1", "1-2", (0.9, 0.8)),  # right, steady
        PairObservation("1-2", "1-3", (0.7, 0.4)),  # right, flipped
        PairObservation("1-1", "1-3", (0.4, 0.3)),  # wrong, steady, and closes a circle
    ]
    found = figures([judged(1, documents, pairs)])["pairs"]
    values = {name: value["value"] for name, value in found.items()}
    assert values == {
        "preferred_right": pytest.approx(2 / 3),
        "right_when_shown_once": pytest.approx(3 / 6),
        "flips": pytest.approx(1 / 3),
        "flips_of_unequal": pytest.approx(1 / 3),
        # First shown is chosen: 0.9 yes, 1-0.8 no; 0.7 yes, 1-0.4 yes; 0.4 no, 1-0.3 yes.
        "first_shown_chosen": pytest.approx(4 / 6),
        "agrees_with_grades": pytest.approx(2 / 3),
        "cycles": 1.0,
    }


def test_abstention_by_hand() -> None:
    flat = Judgement((0.4, 0.3, 0.3), 0.3)  # no grade above a half, and hardly answering: two doubts
    documents = [document("1-1", 2), document("1-2", 1), replace(document("1-3", 0), judgement=flat)]
    wrong = replace(documents[1], doc_id="1-2", judgement=Judgement((0.5, 0.2, 0.3), 0.95))
    pairs = [PairObservation("1-1", "1-2", (0.9, 0.8)), PairObservation("1-2", "1-3", (0.6, 0.2))]
    found = figures([judged(1, [documents[0], wrong, documents[2]], pairs)])["abstention"]
    grades = found["grades"]
    assert grades["risk"]["value"] == pytest.approx(1 / 3)
    assert grades["curve"]["0.1"] == 0.0 and grades["curve"]["1.0"] == pytest.approx(1 / 3)
    assert grades["area"] == pytest.approx((0 + 1 / 2 + 1 / 3) / 3)
    assert grades["least_area"] == pytest.approx((0 + 0 + 1 / 3) / 3)
    assert set(grades["doubts"]) == {"low_label_mass", "flat_distribution", "label_differs"}
    assert grades["without_doubts"] == {
        "coverage": pytest.approx(1 / 3),
        "risk": {"value": 0.0, "low": 0.0, "high": 0.0, "count": 1},
    }
    # The second pair is flipped and prefers the worse one.
    assert found["comparisons"]["without_doubts"]["coverage"] == 0.5
    assert found["comparisons"]["doubts"]["flipped"] == {
        "share": 0.5,
        "risk": {"value": 1.0, "low": 1.0, "high": 1.0, "count": 1},
    }


# -- the command ---------------------------------------------------------------------------------------------------


def test_tables_stand_side_by_side(tmp_path: Path) -> None:
    found = figures([judged(1, [document(f"1-{n}", 3 - n) for n in (1, 2, 3)])])
    result = {"about": {"student": "ours", "lists": 1}, "figures": found}
    lines = list(table([result, result | {"about": {"student": "theirs", "lists": 1}}]))
    assert lines[0].split() == ["ours", "theirs"]
    accuracy = next(line for line in lines if line.startswith("  label accuracy"))
    assert accuracy.split() == ["label", "accuracy", *("1.000", "[1.000,", "1.000]", "n=3") * 2]
    path = tmp_path / "explanations.json"
    path.write_text(json.dumps(result))
    assert read_results(path) == result
    path.write_text("[]")
    with pytest.raises(InputError, match="no explanations"):
        read_results(path)


def test_the_command_end_to_end_with_a_tiny_model(
    tmp_path: Path, tiny_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REASONRANK_MAX_REASON_TOKENS", "8")
    monkeypatch.setenv("REASONRANK_CACHE", str(tmp_path / "cache"))
    lines = [record_line(number) for number in range(3)]
    judged_file = write_lines(tmp_path / "judged.jsonl", lines)
    arguments = ["--judged", str(judged_file), "--all", "--lists", "2", "--student", str(tiny_folder)]
    arguments += ["--engine", "transformers", "--device", "cpu", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    result = read_results(tmp_path / "out" / "explanations.json")
    assert (result["about"]["lists"], result["about"]["documents"]) == (2, 6)
    assert result["figures"]["texts"]["reasons"]["ok"]["count"] == 6
    assert "reason match" in printed and printed == (tmp_path / "out" / "explanations.txt").read_text()
    assert main([*arguments, "--mode", "reason_then_score"]) == 2
    assert "another mode" in capsys.readouterr().err
