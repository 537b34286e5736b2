"""Every prompt template, once: teacher, student, trainer and app import them from here.

The prompts are plain text without control tokens, so that one template serves any causal language model.
Data is flattened to one line before it enters a template: a document cannot begin a line of its own, so it
cannot write a ``Grade:`` line. Control tokens that stand in data are kept from the tokenizer by
:mod:`reasonrank.encoding`.

A completion ends at the line's end (:data:`STOP`). Texts that are continued never end in a space: the space
belongs to the completion, as language models learned it.
"""

from __future__ import annotations

import unicodedata

PROMPT_VERSION = "1"
"""Travels with every checkpoint and every stored record; change it with any template below."""

STOP = "\n"
LABELS = (" 0", " 1", " 2")
"""Completions of a grade prompt, by grade."""
SIDES = (" A", " B")
"""Completions of a comparison prompt: the first or the second passage shown."""
SIDE_NAMES = ("[A]", "[B]")
"""How a comparative text names the two passages."""


def one_line(text: str) -> str:
    """Untrusted text as one line: every run of white space and control characters becomes a single space."""
    kept = "".join(" " if unicodedata.category(ch) in ("Cc", "Cs", "Zl", "Zp") else ch for ch in text)
    return " ".join(kept.split())


def passage_text(text: str, title: str = "") -> str:
    """A document as the student reads it: its title as a sentence of its own, then the text, on one line."""
    title, text = one_line(title), one_line(text)
    if not title or text.lower().startswith(title.lower()):
        return text
    return f"{title}{'' if title[-1] in '.?!' else '.'} {text}"


def judge_prompt(query: str, passage: str) -> str:
    """The part that both judging modes share: passage, instruction, query."""
    return (
        f"Passage: {one_line(passage)}\n"
        "Judge how well the passage answers the query: 0 not, 1 partly, 2 fully.\n"
        f"Query: {one_line(query)}\n"
    )


def grade_prompt(query: str, passage: str) -> str:
    """Score then reason: completed by one of :data:`LABELS`."""
    return judge_prompt(query, passage) + "Grade:"


def reason_after_grade_prompt(query: str, passage: str, grade: int) -> str:
    """Score then reason, second half: completed by the direct reason, after the grade it must argue for."""
    return f"{grade_prompt(query, passage)}{LABELS[grade]}\nReason:"


def reason_prompt(query: str, passage: str) -> str:
    """Reason then score (the thesis of InteRank): completed by the direct reason."""
    return judge_prompt(query, passage) + "Reason:"


def grade_after_reason_prompt(query: str, passage: str, reason: str) -> str:
    """Reason then score, second half: completed by one of :data:`LABELS`."""
    return f"{reason_prompt(query, passage)} {one_line(reason)}\nGrade:"


def compare_prompt(query: str, passage_a: str, passage_b: str) -> str:
    """Completed by one of :data:`SIDES`."""
    return (
        f"Passage A: {one_line(passage_a)}\n"
        f"Passage B: {one_line(passage_b)}\n"
        "Choose the passage that answers the query better, and say why.\n"
        f"Query: {one_line(query)}\n"
        "Better:"
    )


def compare_reason_prompt(query: str, passage_a: str, passage_b: str, side: int) -> str:
    """Completed by the comparative reason for the passage on ``side`` (0 is A, 1 is B)."""
    return f"{compare_prompt(query, passage_a, passage_b)}{SIDES[side]}\nBecause:"


def comparison_target(text: str, side: int) -> str:
    """A stored comparative text with ``{preferred}`` and ``{other}`` named as they stand in the prompt."""
    return text.replace("{preferred}", SIDE_NAMES[side]).replace("{other}", SIDE_NAMES[1 - side])
