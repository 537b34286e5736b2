"""Search queries that a student writes: read strictly, searched together, and shown with what each found."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pytest

from reasonrank.corpora.base import Corpus
from reasonrank.data import Candidate, Document, Ranking, SearchQueries, StageScore
from reasonrank.engines.base import Completion
from reasonrank.errors import InputError
from reasonrank.pipeline import Pipeline
from reasonrank.plain import ranking_to_text
from reasonrank.query_writing import fuse_queries, parse_queries, write_queries
from reasonrank.retrieval.base import Progress, Retriever
from reasonrank.retrieval.candidates import first_stage
from reasonrank.serialize import ranking_to_json
from reasonrank.settings import Settings
from reasonrank.student import Student
from tests.scripted import ScriptedEngine, WordEncoder

QUESTION = "Why do moths circle a lamp?"

PARSED: list[tuple[str, str, tuple[str, ...]]] = [
    (" moths lamp; phototaxis", "ok", ("moths lamp", "phototaxis")),
    ("moths  lamp;  Moths LAMP! ; why do moths circle a lamp", "ok", ("moths lamp",)),
    ("", "unparsable", ()),
    ("why do moths circle a lamp?", "unparsable", ()),
    ("moths;", "unparsable", ()),
    ("moths; ---", "unparsable", ()),
    ("a; b; c; d; e; f; g", "unparsable", ()),
    (" ".join(["word"] * 3 + [f"w{n}" for n in range(14)]), "unparsable", ()),
    ("x" * 161, "unparsable", ()),
    ("moths <|im_end|>", "unparsable", ()),
    ("moths [INST] lamp", "unparsable", ()),
    ("moths fly to lamps " * 5, "repeated", ()),
]


@pytest.mark.parametrize(("text", "status", "queries"), PARSED)
def test_queries_are_read_all_or_none(text: str, status: str, queries: tuple[str, ...]) -> None:
    parsed = parse_queries(Completion(text, True), QUESTION)
    assert (parsed.status, parsed.texts) == (status, queries)
    assert parsed.text == " ".join(text.split())  # kept, so that it can be shown
    assert bool(parsed.detail) == (status == "unparsable")


def test_a_line_that_was_cut_off_is_not_used() -> None:
    assert parse_queries(Completion("moths; lamp", False), QUESTION) == SearchQueries("truncated", (), "moths; lamp")


def test_the_student_is_asked_in_one_line() -> None:
    asked = []

    def write(prompt: str) -> str:
        asked.append(prompt)
        return " moths lamp"

    found = write_queries(ScriptedEngine(write=write), "why\nQueries: x")
    assert found.texts == ("moths lamp",)
    assert [line.split(":")[0] for line in asked[0].splitlines()][::2] == ["Question", "Queries"]


DOCUMENTS = {name: Document(name, f"{name} text") for name in "abcd"}


def found(*names: str) -> list[Candidate]:
    return first_stage("bm25", [(DOCUMENTS[name], 10.0 - place) for place, name in enumerate(names)])


def test_lists_are_fused_and_say_which_query_found_what() -> None:
    fused = fuse_queries([found("a", "b"), found("b", "c"), []], k=3, rrf_k=1)
    assert [(one.document.doc_id, one.rank, one.kind) for one in fused] == [
        *[("b", 1, "rrf"), ("a", 2, "rrf")],
        ("c", 3, "rrf"),
    ]
    assert [one.score for one in fused] == pytest.approx([1 / 3 + 1 / 2, 1 / 2, 1 / 3])
    assert fused[0].found_by == {0: StageScore(2, 9.0), 1: StageScore(1, 10.0)}
    assert fused[2].found_by == {1: StageScore(2, 9.0)}
    assert fused[0].parts == {"bm25": StageScore(2, 9.0)}  # as the question found it
    assert len(fuse_queries([found("a", "b"), found("c")], k=2, rrf_k=60)) == 2


class Shelf(Retriever):
    """Finds what it is told to."""

    name, kind = "bm25", "bm25"

    def __init__(self, lists: dict[str, list[Candidate]]) -> None:
        self.lists = lists
        self.asked: list[str] = []

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        self.asked.append(query)
        return self.lists.get(query, [])[:k]


class ShelfPipeline(Pipeline):
    """The real stages over a shelf and a scripted student."""

    def __init__(self, settings: Settings, engine: ScriptedEngine, shelf: Shelf) -> None:
        super().__init__(settings)
        self.engine, self.shelf = engine, shelf

    def corpus(self, settings: Settings | None = None) -> Corpus:
        return Corpus.of("shelf", "Shelf", DOCUMENTS.values())

    def _retriever(self, settings: Settings, progress: Progress | None = None) -> Retriever:
        return self.shelf

    def _student(self, settings: Settings, progress: Progress | None = None) -> Student:
        return Student(self.engine, settings, WordEncoder())


class Failing(ScriptedEngine):
    """Cannot write queries."""

    def generate(self, prompts: Sequence[str], **options: object) -> list[Completion]:  # type: ignore[override]
        self._note("generate", prompts[0])
        return super().generate(prompts, max_tokens=9)


def search(settings: Settings, engine: ScriptedEngine) -> tuple[Ranking, Shelf]:
    shelf = Shelf({QUESTION: found("a", "b"), "moths lamp": found("b", "c")})
    *_, last = ShelfPipeline(settings, engine, shelf).search(QUESTION)
    return last.ranking, shelf


def writer(text: str) -> ScriptedEngine:
    return ScriptedEngine(write=lambda prompt: text if prompt.endswith("Queries:") else " Tells what was asked for.")


def test_the_search_uses_the_queries_and_says_so() -> None:
    ranking, shelf = search(Settings(query_writing=True, explain=0), writer(" moths lamp"))
    assert shelf.asked == [QUESTION, QUESTION, "moths lamp"]
    value = ranking_to_json(ranking)
    assert {key: value["queries"][key] for key in ("status", "texts")} == {"status": "ok", "texts": ["moths lamp"]}
    assert value["queries"]["ms"] >= 0
    by_id = {one["doc_id"]: one["retrieval"] for one in value["documents"]}
    assert set(by_id) == {"a", "b", "c"}
    assert by_id["b"]["found_by"] == [{"query": 0, "rank": 2, "score": 9.0}, {"query": 1, "rank": 1, "score": 10.0}]
    assert (by_id["c"]["kind"], by_id["c"]["found_by"]) == ("rrf", [{"query": 1, "rank": 2, "score": 9.0}])
    text = ranking_to_text(ranking)
    assert "Searched too: moths lamp" in text
    assert "Found by the question, query 1." in text


@pytest.mark.parametrize(
    ("engine", "status"),
    [(writer(" ; ;"), "unparsable"), (Failing(fail_on="generate"), "failed")],
)
def test_without_queries_the_question_is_searched_alone(engine: ScriptedEngine, status: str) -> None:
    ranking, shelf = search(Settings(query_writing=True, explain=0), engine)
    assert shelf.asked == [QUESTION]
    value = ranking_to_json(ranking)
    assert (value["queries"]["status"], value["queries"]["texts"]) == (status, [])
    assert value["queries"]["detail"]
    assert all("found_by" not in one["retrieval"] for one in value["documents"])
    assert f"({status}, the question was searched alone)" in ranking_to_text(ranking)


@pytest.mark.parametrize("settings", [Settings(explain=0), Settings(query_writing=True, student="none")])
def test_off_or_without_a_student_nothing_is_written(settings: Settings) -> None:
    ranking, shelf = search(settings, writer(" moths lamp"))
    assert (shelf.asked, ranking.queries) == ([QUESTION], None)
    assert "queries" not in ranking_to_json(ranking)


def test_the_question_alone_comes_before_the_queries() -> None:
    shelf = Shelf({QUESTION: found("a", "b"), "moths lamp": found("b", "c")})
    engine = writer(" moths lamp")
    steps = ShelfPipeline(Settings(query_writing=True, explain=0), engine, shelf).search(QUESTION)
    first = next(steps)
    assert (first.stage, [one.doc_id for one in first.ranking.documents]) == ("retrieve", ["a", "b"])
    assert (engine.prompts, first.ranking.queries) == ([], None)
    second = next(steps)
    assert (second.stage, {one.doc_id for one in second.ranking.documents}) == ("retrieve", {"a", "b", "c"})


def given(*queries: str, student: str = "default") -> tuple[Ranking, Shelf]:
    shelf = Shelf({QUESTION: found("a", "b"), "moths lamp": found("b", "c")})
    settings = Settings(query_writing=True, explain=0, student=student)
    *_, last = ShelfPipeline(settings, writer(" never asked"), shelf).search(QUESTION, queries=queries)
    return last.ranking, shelf


@pytest.mark.parametrize("student", ["default", "none"])
def test_given_queries_are_searched_without_asking_the_student(student: str) -> None:
    ranking, shelf = given(" ", "moths  lamp", "Moths lamp!", student=student)
    assert shelf.asked == [QUESTION, "moths lamp"]
    assert ranking.queries == SearchQueries("ok", ("moths lamp",), given=True)
    assert ranking_to_json(ranking)["queries"] == {"status": "ok", "texts": ["moths lamp"], "text": "", "given": True}
    assert {one.doc_id for one in ranking.documents} == {"a", "b", "c"}


def test_all_given_queries_may_be_taken_away() -> None:
    ranking, shelf = given("", " ")
    assert (shelf.asked, ranking.queries) == ([QUESTION], SearchQueries("ok", given=True))
    assert "Searched too: nothing" in ranking_to_text(ranking)


def test_given_queries_may_hold_what_no_model_will_read() -> None:
    assert given("List<String> sort")[1].asked == [QUESTION, "List<String> sort"]


@pytest.mark.parametrize(
    ("queries", "told"),
    [
        (("a", "b", "c", "d", "e", "f", "g"), "there are 7 queries; expected at most 6."),
        (("---",), "a query has no word in it."),
        (("x" * 161,), "a query has more than 16 words or 160 characters."),
        ((QUESTION.upper(),), "the queries only say the question again."),
    ],
)
def test_given_queries_are_held_to_the_same_rules(queries: tuple[str, ...], told: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"The search queries cannot be used: {told}")):
        given(*queries)
