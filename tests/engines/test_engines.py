"""What every engine on this machine must do, held to a plain forward pass of the same model."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import torch

from reasonrank.encoding import encode, encode_choice
from reasonrank.engines.base import Completion, Engine
from reasonrank.errors import Cancelled, EngineError
from reasonrank.prompts import (
    LABELS,
    compare_prompt,
    grade_prompt,
    queries_prompt,
    reason_prompt,
)

PROMPTS = [
    grade_prompt("why do moths circle a lamp", "Moths steer by the moon. A lamp is nearer than that."),
    grade_prompt("flea", "A flea lives for a year."),
    grade_prompt("what is a sonnet", "The sonnet has fourteen lines, and the last two often turn the thought round."),
    grade_prompt("fleas", "A flea lives for a year"),  # as long as the second one
    grade_prompt("", ""),
    compare_prompt("flea", "A flea lives for a year.", "A flea."),
    queries_prompt("why do moths circle a lamp"),
]


def next_logits(student: Any, ids: list[int]) -> torch.Tensor:
    """The reference: no cache, no padding, no batch."""
    with torch.no_grad():
        return student.model(input_ids=torch.tensor([ids]), use_cache=False).logits[0, -1]


def greedy_ids(student: Any, prompt: str, count: int) -> list[int]:
    ids = encode(student.tokenizer, prompt)
    start = len(ids)
    for _ in range(count):
        ids.append(int(next_logits(student, ids).argmax()))
    return ids[start:]


def saying(student: Any, prompt: str, step: int, token: str) -> Any:
    """A copy of a model whose greedy text after ``prompt`` has ``token`` at ``step``, and the same tokens before."""
    ids = greedy_ids(student, prompt, step + 1)
    number = student.tokenizer.convert_tokens_to_ids(token)
    assert ids[step] not in ids[:step]
    model = copy.deepcopy(student.model)
    rows = model.lm_head.weight.data  # (vocabulary, hidden)
    rows[[ids[step], number]] = rows[[number, ids[step]]]
    return replace(student, model=model)


def drained(pieces: Generator[str, None, Completion]) -> tuple[str, Completion]:
    text = ""
    while True:
        try:
            text += next(pieces)
        except StopIteration as end:
            return text, end.value


def test_choices_are_those_of_a_plain_forward_pass(engine: Engine, tiny_student: Any) -> None:
    for prompt, choice in zip(PROMPTS, engine.choose(PROMPTS, LABELS), strict=True):
        ids, labels = encode_choice(tiny_student.tokenizer, prompt, LABELS)
        logits = next_logits(tiny_student, ids)
        assert choice.probabilities == pytest.approx(logits[labels].softmax(0).tolist(), abs=1e-4)
        assert choice.mass == pytest.approx(logits.softmax(0)[labels].sum().item(), abs=1e-4)


def test_neither_company_nor_order_changes_a_choice(engine: Engine) -> None:
    together = engine.choose(PROMPTS, LABELS)
    alone = [engine.choose([prompt], LABELS)[0] for prompt in PROMPTS]
    reversed_order = engine.choose(PROMPTS[::-1], LABELS)[::-1]
    for one, two, three in zip(together, alone, reversed_order, strict=True):
        assert one.probabilities == pytest.approx(two.probabilities, abs=1e-5)
        assert one.probabilities == pytest.approx(three.probabilities, abs=1e-5)
        assert one.mass == pytest.approx(two.mass, abs=1e-5)


def test_nothing_asked_is_nothing_answered(engine: Engine) -> None:
    assert engine.choose([], LABELS) == []
    assert engine.generate([], max_tokens=4) == []


def test_greedy_texts_are_those_of_a_plain_forward_pass(engine: Engine, tiny_student: Any) -> None:
    prompts = [reason_prompt("flea", text) for text in ("A flea.", "Moths circle lamps at night.", "A bee.")]
    for prompt, completion in zip(prompts, engine.generate(prompts, max_tokens=6), strict=True):
        ids = greedy_ids(tiny_student, prompt, 6)
        assert completion == Completion(tiny_student.tokenizer.decode(ids), finished=False)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_streamed_text_equals_generated_text(engine: Engine, temperature: float) -> None:
    prompt = reason_prompt("flea", "A flea lives for a year.")
    text, end = drained(engine.stream(prompt, max_tokens=12, temperature=temperature, seed=3))  # type: ignore[arg-type]
    assert end == engine.generate([prompt], max_tokens=12, temperature=temperature, seed=3)[0]
    assert end.text == text


def test_a_sampled_text_depends_on_its_seed_alone(engine: Engine) -> None:
    prompt, other = reason_prompt("flea", "A flea lives."), reason_prompt("bee", "A bee lives for a summer.")
    first, _, third = engine.generate([prompt, other, prompt], max_tokens=12, temperature=1.0, seed=7)
    assert engine.generate([prompt], max_tokens=12, temperature=1.0, seed=7) == [first]
    assert engine.generate([prompt], max_tokens=12, temperature=1.0, seed=9) == [third]
    assert first != third


@pytest.mark.parametrize(
    ("token", "left"),
    [
        ("Ċ", ""),  # the stop itself
        ("ĊĊ", ""),  # merged with a second one
        (".Ċ", "."),  # merged with what belongs to the text
        ("<|im_end|>", ""),  # the model's end of text
        ("<|im_start|>", ""),  # another special token: it never stands in a text either
    ],
)
def test_a_text_ends_at_its_line_or_at_a_special_token(
    serve: Callable[[Any], Engine], tiny_student: Any, token: str, left: str
) -> None:
    prompt = reason_prompt("flea", "A flea lives for a year.")
    [before] = serve(tiny_student).generate([prompt], max_tokens=1)
    assert not before.finished
    engine = serve(saying(tiny_student, prompt, 1, token))
    expected = Completion(before.text + left, finished=True)
    assert engine.generate([prompt], max_tokens=9) == [expected]
    assert drained(engine.stream(prompt, max_tokens=9)) == (expected.text, expected)  # type: ignore[arg-type]


def test_closing_a_stream_stops_the_engine(engine: Engine) -> None:
    prompt = reason_prompt("flea", "A flea lives for a year.")
    pieces = engine.stream(prompt, max_tokens=400)
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]
    assert next(pieces, None) is None
    for _ in range(200):  # CTranslate2 counts a batch as done a moment after it is
        if running(engine) == 0:
            break
        time.sleep(0.05)
    assert running(engine) == 0
    assert len(engine.choose([prompt + "Grade:"], LABELS)) == 1


def running(engine: Engine) -> int:
    """Work that goes on behind the caller's back; an engine that works only when asked has none."""
    generator = getattr(engine, "_generator", None)
    return 0 if generator is None else int(generator.num_active_batches)


def test_cancelling_stops_between_batches_and_between_tokens(engine: Engine) -> None:
    asked = []

    def on_the_second_time() -> bool:
        asked.append(1)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        engine.choose(PROMPTS, LABELS, lambda: True)
    with pytest.raises(Cancelled):
        engine.choose(PROMPTS, LABELS, on_the_second_time)
    asked.clear()
    with pytest.raises(Cancelled):
        engine.generate(PROMPTS[:1], max_tokens=200, cancel=on_the_second_time)


def test_a_prompt_beyond_the_window_is_refused_in_a_sentence(engine: Engine) -> None:
    long = "word " * 400
    with pytest.raises(EngineError, match="at most 511"):
        engine.choose([grade_prompt("q", long)], LABELS)
    with pytest.raises(EngineError, match="at most 511"):
        engine.generate([long], max_tokens=5)


def test_a_text_ends_where_the_window_does(engine: Engine) -> None:
    nearly_full = "x" * 505
    [completion] = engine.generate([nearly_full], max_tokens=100)
    assert completion.finished or len(completion.text) <= 7 * 4


def test_a_tokenizer_that_cannot_tell_labels_apart_is_refused(engine: Engine) -> None:
    with pytest.raises(EngineError, match="token of its own"):
        engine.choose(["Grade:"], (" 10", " 11", " 120"))


def test_several_threads_get_what_one_gets(engine: Engine) -> None:
    prompts = [reason_prompt("flea", "A flea " * n) for n in range(1, 7)]
    choices = [engine.choose([prompt], LABELS)[0].probabilities for prompt in prompts]
    texts = [engine.generate([prompt], max_tokens=6)[0] for prompt in prompts]
    gate = threading.Barrier(4)

    def both(i: int) -> tuple[Any, Completion, Completion]:
        if i < 4:
            gate.wait(timeout=30)
        prompt = prompts[i]
        chosen = engine.choose([prompt], LABELS)[0].probabilities
        streamed = drained(engine.stream(prompt, max_tokens=6))[1]  # type: ignore[arg-type]
        return pytest.approx(chosen, abs=1e-5), engine.generate([prompt], max_tokens=6)[0], streamed

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(both, range(6)))
    assert [(chosen, text, text) for chosen, text in zip(choices, texts, strict=True)] == found


def test_a_long_text_is_cut_at_a_sentence_by_the_models_own_tokens(engine: Engine, tiny_student: Any) -> None:
    text = "Moths steer by the moon. " * 8
    kept, cut = engine.cut(text, 70)
    assert cut and kept == ("Moths steer by the moon. " * (len(kept) // 25 + 1)).rstrip()
    assert len(encode(tiny_student.tokenizer, kept)) <= 70
    assert engine.cut("A short one. ", 70) == ("A short one. ", False)
