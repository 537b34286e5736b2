"""Sentence spans and cuts, as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonrank.sentences import cut_at_sentence, sentence_spans

AWKWARD = ".!? \n\t\r\x1c\x85\xa0\u2028\u3000\ud800Aa1()[]\"'-*éJ。😀"


def sentences(text: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" \n\t ", []),
        ("no stop at all", ["no stop at all"]),
        ("One.  Two!\tThree?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met J. R. Tolkien. They spoke.", ["Dr. Smith met J. R. Tolkien.", "They spoke."]),
        ("It fell 2.5% to 3.14. Then it rose.", ["It fell 2.5% to 3.14.", "Then it rose."]),
        ("Use a tool, e.g. a saw, i.e. this. Done.", ["Use a tool, e.g. a saw, i.e. this.", "Done."]),
        ("The U.S. Army left at 5 p.m. today. Good.", ["The U.S. Army left at 5 p.m. today.", "Good."]),
        ("Call os.path.join(a, b). It joins.", ["Call os.path.join(a, b).", "It joins."]),  # code
        ("It ended.Then it began again.", ["It ended.", "Then it began again."]),  # web pages lose the space
        ("A line\nthat goes on. Next.", ["A line\nthat goes on.", "Next."]),  # wrapped text is one sentence
        ("A heading\n\nA paragraph.", ["A heading", "A paragraph."]),
        ("Do this:\n- one\n- two", ["Do this:", "- one", "- two"]),
        ("1. Wash it. 2. Dry it.", ["1. Wash it.", "2. Dry it."]),  # the number stays with its entry
        ("(It was so.) It is.", ["(It was so.)", "It is."]),
        ('"Is it?" he asked. "Yes!"', ['"Is it?" he asked.', '"Yes!"']),
        ("第一句。第二句！第三句？", ["第一句。", "第二句！", "第三句？"]),
        ("😀 One. 👍🏽 Two.", ["😀 One.", "👍🏽 Two."]),  # offsets count code points
        ("J.\xa0K. Rowling wrote. It sold.", ["J.\xa0K. Rowling wrote.", "It sold."]),  # a space that is not ASCII
        ("Broken \ud800 text. Goes on.", ["Broken \ud800 text.", "Goes on."]),  # a lone surrogate
    ],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text() | st.text(alphabet=AWKWARD))
def test_spans_cover_all_but_white_space_once_and_in_order(text: str) -> None:
    last = 0
    for start, end in sentence_spans(text):
        assert last <= start < end
        assert not text[last:start].strip()
        assert text[start:end] == text[start:end].strip()
        last = end
    assert not text[last:].strip()


def words(text: str) -> list[tuple[int, int]]:
    """A token is a word with the space before it."""
    places, start = [], 0
    for word in text.split(" "):
        end = start + len(word)
        places.append((max(start - 1, 0), end))
        start = end + 1
    return places


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("One two. Three four.", 4, ("One two. Three four.", False)),  # fits just so
        ("One two. Three four.", 9, ("One two. Three four.", False)),
        ("One two. Three four.", 3, ("One two.", True)),
        ("One two. Three four. Five.", 4, ("One two. Three four.", True)),  # a sentence's end is the limit
        ("One two. Three four. Five.", 2, ("One two.", True)),
        ("One two three four five.", 3, ("One two three", True)),  # one sentence, longer than the limit
        ("Hi. One two three four five six seven.", 7, ("Hi. One two three four five six", True)),  # half is kept
        ("One.", 0 + 1, ("One.", False)),
        ("", 1, ("", False)),
        ("One two.  ", 2, ("One two.", False)),  # only white space is left out
    ],
)
def test_cutting_at_words(text: str, most: int, expected: tuple[str, bool]) -> None:
    assert cut_at_sentence(text, words(text), most) == expected


def test_cutting_text_without_spaces_ends_at_a_token() -> None:
    assert cut_at_sentence("abcdefgh", [(0, 3), (3, 5), (5, 8)], 2) == ("abcde", True)


def test_a_character_of_several_tokens_is_kept_whole_or_not_at_all() -> None:
    offsets = [(0, 1), (1, 2), (1, 2), (1, 2), (2, 3)]  # "a", three tokens of an emoji, "b"
    assert cut_at_sentence("a😀b", offsets, 3) == ("a", True)
    assert cut_at_sentence("a😀b", offsets, 4) == ("a😀", True)


@given(st.text(alphabet=AWKWARD, min_size=1), st.integers(1, 12))
def test_a_cut_is_a_beginning_within_the_bound(text: str, most: int) -> None:
    offsets = [(place, place + 1) for place in range(len(text))]  # a token a character
    kept, cut = cut_at_sentence(text, offsets, most)
    assert text.startswith(kept)
    assert cut is bool(text[len(kept) :].strip())
    assert len(kept) <= most or not cut
