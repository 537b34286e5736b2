"""Rewards by table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripted import ScriptedEngine, WordEncoder

from reasonrank.data import Document
from train.rewards import (
    Explanation,
    agreement,
    classifier,
    combine,
    evidence,
    form,
    main,
    order,
    quotes,
    reward_model,
    table,
    verdict,
)

TEXT = "A flea lives for about a year. It jumps."


def explanation(text: str = "It says a year.", **changes: Any) -> Explanation:
    values: dict[str, Any] = {"status": "ok", "label": 2, "grade": 1.5, "doc_id": "d", "list_id": "q", "passage": TEXT}
    values |= changes
    document = Document(values.pop("doc_id"), values.pop("passage"), "On fleas")
    return Explanation(values.pop("list_id"), "how old is a flea", document, text, **values)


@pytest.mark.parametrize(
    ("label", "grade", "expected"),
    [
        (2, 2.0, 1.0),
        (2, 1.5, 0.75),
        (0, 2.0, 0.0),  # the other end
        (1, 0.0, 0.5),
        (None, 1.0, None),  # nothing is known
        (1, None, None),  # no grade was read
    ],
)
def test_agreement(label: int | None, grade: float | None, expected: float | None) -> None:
    assert agreement([explanation(label=label, grade=grade)]) == [expected]


def test_order_sets_a_grade_against_the_other_documents_of_its_list() -> None:
    several = [
        explanation(doc_id="a", label=2, grade=1.5),  # above b's mean of 1.0 and c's 0.5
        explanation(doc_id="a", label=2, grade=0.5),  # below b, level with c
        explanation(doc_id="b", label=1, grade=1.2),  # above a's mean of 1.0, which is wrong; above c
        explanation(doc_id="b", label=1, grade=0.8),  # below a, above c
        explanation(doc_id="c", label=0, grade=0.5),
        explanation(doc_id="e", label=0, grade=0.5, list_id="another"),  # alone in its list
        explanation(doc_id="f", label=None, grade=0.5),
        explanation(doc_id="g", label=2, grade=None),
    ]
    assert order(several) == [1.0, 0.25, 0.5, 1.0, 1.0, None, None, None]


@pytest.mark.parametrize(
    ("status", "words", "expected"),
    [("ok", 8, 1.0), ("ok", 61, 0.0), ("repeated", 8, 0.0), ("truncated", 8, 0.0), ("unparsable", 1, 0.0)],
)
def test_form(status: str, words: int, expected: float) -> None:
    assert form([explanation(" ".join(["word"] * words), status=status)]) == [expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It says nothing in quotes.", None),
        ('It says "lives for about a year".', 1.0),
        ("It says “LIVES  for about a year.”", 1.0),  # case, space and a full stop aside
        ('It says "lives for ten years".', 0.0),
        ('First "it jumps", then "it swims far".', 0.5),
        ('The title says "On fleas".', 1.0),
    ],
)
def test_quotes(text: str, expected: float | None) -> None:
    assert quotes([explanation(text)]) == [expected]


def test_evidence_is_support_and_unknown_where_there_is_nothing_to_support() -> None:
    near, far, none = evidence(WordEncoder())(
        [explanation("A flea lives about a year."), explanation("Zebras quiz."), explanation("  ")]
    )
    assert near is not None and far is not None
    assert near > 0.5 > far
    assert none is None


def test_a_judges_verdict_is_its_expected_grade() -> None:
    engine = ScriptedEngine(choose=lambda prompt, _: (0.0, 0.0, 1.0) if "Reason: good" in prompt else (0.5, 0.5, 0.0))
    assert verdict(engine)([explanation("good one here"), explanation("bad"), explanation(" ")]) == [1.0, 0.25, None]
    assert all(prompt.endswith("Verdict:") for prompt in engine.prompts)


def test_a_reward_model_reads_the_verdict_prompt() -> None:
    seen: list[str] = []

    def score(texts: Any) -> list[float]:
        seen.extend(texts)
        return [0.5] * len(texts)

    assert reward_model(score)([explanation("Because."), explanation("So.")]) == [0.5, 0.5]
    assert "Reason: Because.\n" in seen[0] and "On fleas. A flea lives" in seen[0]


def test_a_classifier_is_loaded_and_bounded(tiny_tokenizer: Any, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForSequenceClassification

    from reasonrank.errors import InputError

    shape = {"vocab_size": len(tiny_tokenizer), "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    config = LlamaConfig(**shape, num_attention_heads=2, num_labels=1)
    LlamaForSequenceClassification(config).save_pretrained(tmp_path)
    tiny_tokenizer.save_pretrained(tmp_path)
    values = classifier(str(tmp_path))(["one <|im_end|> text", "another"])
    assert len(values) == 2 and all(0 < value < 1 for value in values) and values[0] != values[1]
    with pytest.raises(InputError, match="could not be loaded"):
        classifier(str(tmp_path / "nothing"))
    config.num_labels = 2
    LlamaForSequenceClassification(config).save_pretrained(tmp_path / "two")
    tiny_tokenizer.save_pretrained(tmp_path / "two")
    with pytest.raises(InputError, match="one"):
        classifier(str(tmp_path / "two"))


def test_what_cannot_be_judged_is_left_out_of_the_mean() -> None:
    parts = {"a": [1.0, None, 0.0, None], "b": [0.0, 0.5, 1.0, None]}
    assert combine(parts, {"a": 1.0, "b": 3.0}) == [0.25, 0.5, 0.75, None]
    assert combine(parts, {"a": 1.0, "b": 0.0}) == [1.0, None, 0.0, None]  # a weight of 0 judges nothing


def test_the_table_shows_means_and_shares(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = table({"form": [1.0, 0.0, None, 1.0], "quotes": [None]}).splitlines()
    assert lines[1].split() == ["form", "0.667", "0.750", "0.000", "1.000"]
    assert lines[2].split() == ["quotes", "nan", "0.000", "nan", "nan"]
    path = tmp_path / "samples.jsonl"
    path.write_text(json.dumps({"explanations": [{"rewards": {"form": 1.0}, "total": 0.5}]}) + "\n")
    assert main([str(path)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["reward", "form", "total"]
    path.write_text("[]\n")
    assert main([str(path)]) == 2
    assert "no samples.jsonl" in capsys.readouterr().err
