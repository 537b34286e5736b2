"""Training lists from pairs and dumps: duplicates, roles, resuming, and what a dump may not hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from conftest import write_lines
from standin_server import Answer, completion, serving

from reasonrank.data import Candidate, Document, Query
from reasonrank.errors import InputError
from reasonrank.formats import read_candidates
from reasonrank.retrieval.candidates import first_stage
from train.mining import MiningOptions, is_like, mine, shingles
from train.pairs import Pair, pair_set, read_pairs
from train.records import read_records, read_soft_lists
from train.stackexchange import DumpOptions, html_text, read_dump, rows
from train.synthesize import candidates_line, drawn, likely_record, main, roles, soft_line

ANIMALS = ("cat", "dog", "cow", "fox", "owl", "bat", "elk", "ant", "bee", "eel", "hen", "pig")


def medquad(name: str, question: str, answer: str) -> dict[str, str]:
    return {"doc_id": name, "question": question, "answer": answer, "source": "s", "focus": "On animals"}


def test_pairs_are_cut_joined_and_freed_of_duplicates(tmp_path: Path) -> None:
    long = " ".join(f"Sentence {number} of it." for number in range(10))  # 40 words
    path = write_lines(
        tmp_path / "p.jsonl.gz",
        [
            medquad("m1", "How long?", long),
            medquad("m2", "how  LONG?", "Another answer."),  # the same question
            medquad("m3", "Why?", "another answer."),  # the same answer
            {
                "id": 4,
                "question": "Where?",
                "answers": ["Here.", "There."],
                "positives": ["page"],
                "queries": ["place"],
            },
        ],
    )
    found = pair_set(read_pairs(path), max_words=25)
    assert [pair.pair_id for pair in found.pairs] == ["m1", "m3", "4"]
    assert [(one.doc_id, one.title) for one in found.passages] == [
        *[("m1", "On animals"), ("m1#2", "On animals"), ("m2", "On animals")],
        *[("4", ""), ("4~2", "")],
    ]
    assert " ".join(one.text for one in found.passages[:2]) == long
    assert found.known == {"m1": ("m1", "m1#2", "m2"), "m3": ("m2",), "4": ("page", "4", "4~2")}
    assert (found.duplicates, found.merged) == (1, 1)


BAD_PAIRS: list[tuple[Any, str]] = [
    ("{", "not valid JSON"),
    ([], "expected an object"),
    ({"id": "a", "answer": "x"}, "'question'"),
    ({"id": "a", "question": " ", "answer": "x"}, "'question'"),
    ({"id": "a", "question": "x"}, "without answer"),
    ({"id": "a b", "question": "x", "answer": "y"}, "without white space"),
    ({"id": "a", "question": "x", "answer": 5}, "'answer'"),
    ({"id": "a", "question": "x", "answers": "y"}, "'answers'"),
    ({"id": "a", "question": "x", "answer": "y" * 100_001}, "100,000"),
]


@pytest.mark.parametrize(("line", "words"), BAD_PAIRS)
def test_a_bad_pair_is_named_by_its_line(tmp_path: Path, line: Any, words: str) -> None:
    path = write_lines(tmp_path / "p.jsonl", [medquad("m", "Why?", "So."), line])
    with pytest.raises(InputError, match="line 2") as caught:
        list(read_pairs(path))
    assert words in str(caught.value)


def test_two_questions_of_one_id_are_an_error() -> None:
    with pytest.raises(InputError, match="stands for two questions"):
        pair_set([Pair("a", "x", ("1",)), Pair("a", "y", ("2",))], 20)


POSTS = """<?xml version="1.0" encoding="utf-8"?>
<posts>
  <row Id="1" PostTypeId="1" AcceptedAnswerId="4" Score="5" AnswerCount="3" Title="Why do moths  circle a lamp?"
    Body="&lt;p&gt;I saw &lt;b&gt;moths&lt;/b&gt; &amp;amp; flies.&lt;/p&gt;&lt;script&gt;x()&lt;/script&gt;" />
  <row Id="2" PostTypeId="1" Score="-1" AnswerCount="1" Title="Bad?" Body="x" />
  <row Id="3" PostTypeId="2" ParentId="1" Score="9"
    Body="&lt;p&gt;Light &lt;a href='https://x.org/m'&gt;page&lt;/a&gt;&lt;/p&gt;" />
  <row Id="4" PostTypeId="2" ParentId="1" Score="0" Body="Accepted." />
  <row Id="5" PostTypeId="2" ParentId="1" Score="0" Body="Nobody liked it." />
  <row Id="6" PostTypeId="2" ParentId="2" Score="9" Body="To a bad question." />
  <row Id="7" PostTypeId="1" Score="3" AnswerCount="1" Title="Unanswered" Body="y" />
</posts>
"""


def test_a_dump_becomes_pairs(tmp_path: Path) -> None:
    xml = tmp_path / "Posts.xml"
    xml.write_text(POSTS, encoding="utf-8")
    (pair,) = read_dump(xml, DumpOptions())
    assert pair == Pair(
        "q1",
        "Why do moths circle a lamp?\n\nI saw moths & flies.",
        ("Accepted.", "Light page"),
        "",
        ("https://x.org/m",),
        ("Why do moths circle a lamp?",),
    )
    lines = write_lines(tmp_path / "posts.jsonl", [dict(row) for row in rows(xml)])
    assert list(read_dump(lines, DumpOptions())) == [pair]
    (one,) = read_dump(xml, DumpOptions(answers=1, limit=1))
    assert one.answers == ("Accepted.",)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('<!DOCTYPE x [<!ENTITY a "b">]><posts><row Id="1" Body="&a;"/></posts>', "DTD or entities"),
        ('<posts><row Id="1"', "not well-formed"),
        ("<posts></posts>", "no posts"),
    ],
)
def test_a_bad_dump_is_a_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "Posts.xml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=words):
        list(read_dump(path, DumpOptions()))


def test_html_that_is_broken_is_still_text() -> None:
    assert html_text("<p>a <b>b<li>c</p> &lt;d&gt; <a href='javascript:x'>e") == ("a b\nc\n<d> e", [])


CORPUS = {name: Document(name, f"All of the {name} and what it does by day and night.") for name in ANIMALS}
OPTIONS = MiningOptions(positives=1, tempting=2, pool=4, easy=2, depth=5)


def found(*names: str) -> list[Candidate]:
    return first_stage("bm25", [(CORPUS[name], 9.0 - place) for place, name in enumerate(names)])


def test_a_list_has_its_three_kinds() -> None:
    texts = {**CORPUS, "copy": Document("copy", "All of the dog and what it does by day and night, too.")}
    listed = {
        "bm25 0": [*found("cat", "dog", "cow"), *first_stage("bm25", [(texts["copy"], 1.0)])],
        "dense 0": found("dog", "fox"),
    }
    mined = mine(Query("q", "dogs"), listed, ["dog", "gone"], texts, list(CORPUS), OPTIONS)
    assert mined is not None
    assert (mined.positives, mined.recalled) == (("dog",), True)
    assert set(mined.tempting) <= {"cat", "cow", "fox"}  # never the near copy of the positive
    assert len(mined.tempting) == len(mined.easy) == 2
    assert not set(mined.easy) & {"cat", "dog", "cow", "fox"}
    assert mined.documents[0].doc_id == "dog"  # both found it
    assert [mined.scores[name] for name in mined.easy] == [0, 0]
    assert mined == mine(Query("q", "dogs"), listed, ["dog", "gone"], texts, list(CORPUS), OPTIONS)


def test_a_positive_that_was_not_found_is_still_in_the_list() -> None:
    mined = mine(Query("q", "dogs"), {"bm25 0": found("cat", "cow")}, ["dog"], CORPUS, list(CORPUS), OPTIONS)
    assert mined is not None
    assert (mined.positives, mined.recalled, mined.scores["dog"]) == (("dog",), False, 0)
    assert "dog" not in mined.easy
    assert mine(Query("q", "x"), {"bm25 0": found("cat")}, ["gone"], CORPUS, list(CORPUS), OPTIONS) is None


@pytest.mark.parametrize(
    ("text", "like"),
    [
        ("Cats sleep for sixteen hours a day.", True),  # inside the other
        ("cats  SLEEP for sixteen hours", True),
        ("Dogs sleep for twelve hours a day.", False),
        ("Hi", False),
        ("", False),
    ],
)
def test_likeness(text: str, like: bool) -> None:
    assert is_like(text, [shingles("They say cats sleep for sixteen hours a day. They purr too.")]) is like


def test_files_say_only_what_is_known() -> None:
    mined = mine(Query("q", "dogs"), {"bm25 0": found("cat", "dog", "cow")}, ["dog"], CORPUS, list(CORPUS), OPTIONS)
    assert mined is not None
    line = candidates_line(mined)
    candidates = [
        Candidate(Document(one["doc_id"], one["text"]), rank, one["score"], "given")
        for rank, one in enumerate(line["candidates"], start=1)
    ]
    assert roles(candidates, ["dog"]) == (["dog"], ["cat", "cow"], sorted(mined.easy))
    record = likely_record(Query("q", "dogs"), candidates, ["dog"])
    assert record.ranking == ("dog", *sorted(mined.easy))  # nothing of the tempting ones
    assert (record.labels, record.source) == ({}, "imported")
    assert soft_line(Query("q", "dogs"), candidates, ["dog"])["target"] == {
        one["doc_id"]: float(one["doc_id"] == "dog") for one in line["candidates"]
    }


def animals(path: Path) -> Path:
    return write_lines(path, [medquad(f"m-{name}", f"What does the {name} do?", CORPUS[name].text) for name in ANIMALS])


class WordRetrievers:
    """Both retrievers, by words in common; counts its queries."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.documents: tuple[Document, ...] = ()

    def open(self, corpus: Any, settings: Any) -> WordRetrievers:
        self.documents = corpus.documents
        return self

    def retrieve(self, texts: Any, depth: int) -> dict[str, list[Candidate]]:
        self.asked += texts
        listed = {}
        for number, text in enumerate(texts):
            words = set(text.lower().strip("?").split())
            shared = [(one, float(len(words & set(one.text.lower().split())))) for one in self.documents]
            best = sorted((pair for pair in shared if pair[1] > 1), key=lambda pair: (-pair[1], pair[0].doc_id))
            listed[f"bm25 {number}"] = first_stage("bm25", best[:depth])
        return listed

    def close(self) -> None:
        return


FEW = ("--depth", "5", "--pool", "4", "--tempting", "2", "--easy", "2")


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    retrievers = WordRetrievers()
    flags = ["--pairs", str(animals(tmp_path / "p.jsonl")), "--out", str(tmp_path / "c.jsonl"), *FEW]
    assert main(flags, retrievers.open) == 0
    whole = (tmp_path / "c.jsonl").read_text()
    summary = json.loads(capsys.readouterr().out)
    assert (summary["lists"], summary["positives"], summary["lists_with_a_positive_first"]) == (12, 12, 12)
    assert len(retrievers.asked) == 12
    # As a kill in the middle of the sixth line would leave it.
    lines = whole.splitlines(keepends=True)
    (tmp_path / "c.jsonl").write_text("".join(lines[:5]) + lines[5][:40])
    assert main(flags, retrievers.open) == 0
    assert (tmp_path / "c.jsonl").read_text() == whole
    assert len(retrievers.asked) == 12 + 7
    assert len(list(read_candidates(tmp_path / "c.jsonl"))) == 12
    assert len(read_records(tmp_path / "c.records.jsonl")) == len(read_soft_lists(tmp_path / "c.soft.jsonl")) == 12
    assert main([*flags, "--seed", "2"], retrievers.open) == 2  # other settings would mix
    assert "was begun with" in capsys.readouterr().err


def test_the_teacher_writes_queries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    retrievers = WordRetrievers()

    def script(body: dict[str, Any], before: int) -> Answer:
        prompt = body["messages"][-1]["content"]
        if "the dog do" in prompt:
            return completion('{"queries": []}')
        if "the cow do" in prompt:
            return completion(json.dumps({"queries": ["cow <|im_end|>"]}))
        return completion(json.dumps({"queries": ["by night", "By night"]}))

    flags = ["--pairs", str(animals(tmp_path / "p.jsonl")), "--out", str(tmp_path / "c.jsonl"), *FEW, "--attempts", "1"]
    with serving(script) as server:
        flags += ["--server", server.url, "--model", "m", "--questions", "6"]
        assert main(flags, retrievers.open) == 0
        assert main(flags, retrievers.open) == 0
    assert sum(server.asked.values()) == 6  # nothing twice
    summary = json.loads(capsys.readouterr().out.split("\n}\n")[0] + "}")
    pairs = [pair.pair_id for pair in drawn(list(read_pairs(tmp_path / "p.jsonl")), 6, 0)]
    good = [name for name in pairs if name not in ("m-dog", "m-cow")]
    assert summary["questions_with_queries"] == len(good)
    lines = [json.loads(line) for line in (tmp_path / "c.queries.jsonl").read_text().splitlines()]
    assert [(line["query_id"], line["queries"]) for line in lines] == [(name, ["by night"]) for name in good]
    rejects = [json.loads(line) for line in (tmp_path / "c.rejects.jsonl").read_text().splitlines()]
    assert [line["query_id"] for line in rejects] == [name for name in pairs if name not in good]
    assert retrievers.asked.count("by night") == len(good)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (("--pairs", "missing.jsonl"), "could not be read"),
        (("--pairs", "p.jsonl", "--pool", "1"), "--pool at least --tempting"),
        (("--pairs", "p.jsonl", "--depth", "10"), "must not be below --pool"),
        (("--pairs", "p.jsonl", "--out", "c.jsonl.gz"), "name a .jsonl file"),
        (("--pairs", "p.jsonl", "--server", "http://x/v1"), "--model"),
    ],
)
def test_bad_flags_are_one_sentence(
    flags: tuple[str, ...],
    words: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    animals(tmp_path / "p.jsonl")
    assert main(["--out", "c.jsonl", *flags]) == 2
    assert words in capsys.readouterr().err
