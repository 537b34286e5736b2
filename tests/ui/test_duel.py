"""Two set-ups on one question: hidden names, the vote that is kept, and what is refused."""

from __future__ import annotations

import json

import pytest
from reading import assert_harmless
from standin import QUESTIONS, ScriptedPipeline
from test_handlers import choices, page_text

from reasonrank.ui.duel import Duels
from reasonrank.ui.handlers import Handlers
from reasonrank.ui.lab import Lab
from reasonrank.ui.votes import JsonLinesVotes

OTHER = {"other_retriever": "bm25", "other_judge": "none"}


@pytest.fixture
def duels(scripted: ScriptedPipeline, tmp_path) -> Duels:
    handlers = Handlers(scripted, scripted.settings, ["collection"])
    list(handlers.ask("a", choices(QUESTIONS[0])))
    return Duels(Lab(scripted, handlers.visitors), JsonLinesVotes(tmp_path / "kept" / "votes.jsonl"))


def test_names_are_hidden_until_the_vote_and_the_vote_is_kept(duels, tmp_path):
    assert "This list: Hybrid, the student’s grade." in page_text(duels.open("a"))
    last = list(duels.fight("a", OTHER | {"hidden": "yes"}))[-1]
    for html in last["parts"].values():
        assert_harmless(html)
    text = page_text(last)
    assert "The left list" in text and "BM25" not in text and "no student" not in text
    after = page_text(duels.vote("a", "left"))
    assert "Your vote was kept: the left one is better." in after and "BM25, no student" in after
    duels.vote("a", "right")
    [line] = (tmp_path / "kept" / "votes.jsonl").read_text(encoding="utf-8").splitlines()
    vote = json.loads(line)
    assert (vote["question"], vote["choice"], vote["hidden"]) == (QUESTIONS[0], "left", True)
    assert {vote["left"]["name"], vote["right"]["name"]} == {"Hybrid, the student’s grade", "BM25, no student"}
    by_name = {side["name"]: side["doc_ids"] for side in (vote["left"], vote["right"])}
    assert by_name["Hybrid, the student’s grade"][0] == "moths" and by_name["BM25, no student"][0] == "attack"


def test_names_can_be_shown(duels):
    text = page_text(list(duels.fight("a", OTHER))[-1])
    assert text.index("Hybrid, the student’s grade") < text.index("BM25, no student"), "the visitor's list on the left"


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({}, "not on offer"),
        ({"other_retriever": "hybrid", "other_judge": "student"}, "That is the set-up of this list"),
    ],
)
def test_what_cannot_be_compared_has_a_sentence(duels, sent, sentence):
    assert sentence in page_text(list(duels.fight("a", sent))[-1])


@pytest.mark.parametrize("choice", ["left", "both", ""])
def test_there_is_no_vote_without_two_lists(duels, choice, tmp_path):
    assert "no two lists" in page_text(duels.vote("a", choice))
    assert not (tmp_path / "kept").exists()
