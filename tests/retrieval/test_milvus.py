"""Milvus behind the same interface as the files here: what it finds, how it is built, and how it fails."""

from __future__ import annotations

import random
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from milvus_place import server
from words_encoder import WordsEncoder

from reasonrank.cli import main
from reasonrank.corpora.base import Corpus
from reasonrank.data import Candidate, Document
from reasonrank.doctor import examine
from reasonrank.encoder import EncoderIdentity
from reasonrank.errors import Cancelled, InputError, ReasonRankError
from reasonrank.prompts import passage_text
from reasonrank.retrieval.base import Retriever
from reasonrank.retrieval.milvus import MOST, best
from reasonrank.retrieval.milvus_collection import STEP, TEXT_BYTES, Plan, storable
from reasonrank.retrieval.milvus_server import TOKEN, checked_uri, connect
from reasonrank.retrieval.store import RETRIEVERS, is_built, open_retriever
from reasonrank.settings import Settings

WORDS = ["lamp", "moth", "sky", "bright", "water", "clay", "bee", "nectar", "item", "wait", "lock", "grain", "leaf"]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of Milvus Lite for the tests of this module; each corpus has a collection of its own in it."""
    return tmp_path_factory.mktemp("milvus") / "milvus.db"


@pytest.fixture
def settings(tmp_path: Path, place: Path) -> Settings:
    return Settings(cache=tmp_path / "cache", milvus_uri=str(place))


@pytest.fixture(scope="module")
def many() -> Corpus:
    """Three batches of documents, without two alike."""
    draw = random.Random(3)
    texts = [f"{' '.join(draw.choices(WORDS, k=draw.randint(4, 30)))} n{number}" for number in range(2 * STEP + 40)]
    return Corpus.of("many", "Many", [Document(f"d{number:04}", text) for number, text in enumerate(texts)])


def ids(candidates: Sequence[Candidate]) -> list[str]:
    return [one.document.doc_id for one in candidates]


def opened(name: str, corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> Retriever:
    return open_retriever(name, corpus, settings, encoder=encoder)


def plan_of(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> Plan:
    return Plan.of(corpus, encoder.identity, settings)


# -- what is found -------------------------------------------------------------------------------------------------


def test_dense_order_is_that_of_exact_search(many: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    dense = opened("dense", many, settings, encoder)
    matrix = encoder.encode([document.text for document in many.documents])
    for query in ("lamp moth", "water clay grain", "n17 stone leaf"):
        cosines = matrix @ encoder.encode([query], as_query=True)[0]
        expected = np.argsort(-cosines, kind="stable")[:10]
        found = dense.retrieve(query, 10)
        assert ids(found) == [many.documents[row].doc_id for row in expected]
        assert [one.score for one in found] == pytest.approx(cosines[expected].tolist(), abs=1e-5)
        assert [one.rank for one in found] == list(range(1, 11))
        assert all(one.kind == "cosine" and one.parts["cosine"].rank == one.rank for one in found)


def test_bm25_agrees_with_lucene_where_no_word_needs_its_stem(
    many: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path
) -> None:
    milvus = opened("bm25", many, settings, encoder)
    lucene = open_retriever("bm25", many, Settings(cache=tmp_path))
    for query in ("lamp moth", "the water and the clay", "n17 stone leaf"):
        ours, theirs = milvus.retrieve(query, 10), lucene.retrieve(query, 10)
        # The same formula but for a constant, and for lengths, which Lucene keeps to eight bits.
        ratios = {one.document.doc_id: one.score for one in ours}
        known = [ratios[one.document.doc_id] / one.score for one in theirs if one.document.doc_id in ratios]
        assert len(known) >= 9
        assert known == pytest.approx([1 + settings.bm25_k1] * len(known), rel=0.02)
        assert all(one.kind == "bm25" and one.score > 0 for one in ours)
    lucene.close()


def test_hybrid_is_fused_on_the_server_and_tells_its_parts(
    many: Corpus, settings: Settings, encoder: WordsEncoder
) -> None:
    query = "lamp moth sky"
    found = opened("hybrid", many, settings, encoder).retrieve(query, 20)
    words = {one.document.doc_id: one for one in opened("bm25", many, settings, encoder).retrieve(query, 100)}
    assert len(found) == 20
    assert {kind for one in found for kind in one.parts} == {"bm25", "cosine"}
    assert [one.rank for one in found] == list(range(1, 21))
    for one in found:
        assert one.kind == "rrf"
        assert one.score == pytest.approx(sum(1 / (60 + part.rank) for part in one.parts.values()), rel=1e-5)
        if "bm25" in one.parts:
            assert one.parts["bm25"].score == pytest.approx(words[one.document.doc_id].score)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_ties_are_in_order_of_doc_id(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    for name in ("bm25", "dense"):
        found = opened(name, corpus, settings, encoder).retrieve("the same words stand in two documents.", 2)
        assert ids(found) == ["twin-a", "twin-b"]
        assert found[0].score == found[1].score
        assert ids(opened(name, corpus, settings, encoder).retrieve("the same words stand", 1)) == ["twin-a"]


def test_a_tie_at_the_end_is_searched_to_its_end() -> None:
    """Fifty rows of one score, which the server gives from the highest row down."""
    asked: list[int] = []

    def find(depth: int) -> list[tuple[int, float]]:
        asked.append(depth)
        return ([(99, 2.0)] + [(row, 1.0) for row in range(50, 0, -1)] + [(51, 0.5)])[:depth]

    assert best(find, 3, 1000) == [(99, 2.0), (1, 1.0), (2, 1.0)]
    assert asked[0] == 4
    assert max(asked) < 200
    assert best(find, 3, 3) == [(99, 2.0), (49, 1.0), (50, 1.0)]  # no more than there are


@pytest.mark.parametrize("name", RETRIEVERS)
@pytest.mark.parametrize(
    "query",
    [
        "???",  # no word
        'row in [1] or text == "x" --',  # would be a filter, were it one
        "\ud800 lone \x00 surrogate",
        "лампа 灯 " * 40,
        "lamp " * 20_000,  # longer than what is read
    ],
)
def test_any_query_is_plain_words(
    name: str, query: str, corpus: Corpus, settings: Settings, encoder: WordsEncoder
) -> None:
    found = opened(name, corpus, settings, encoder).retrieve(query, 3)
    assert len(found) <= 3
    assert all(one.document in corpus.documents for one in found)
    if name == "bm25" and query == "???":
        assert found == []


def test_any_text_can_be_stored(settings: Settings, encoder: WordsEncoder) -> None:
    texts = {
        "long": "lamp " * 30_000,
        "wide": "灯" * 30_000,
        "lone": "half \ud800 pair",
        "nul": "a \x00 b",
        "quote\"'] or row > 0": "an id is never part of an expression",
        "marks": "...",
    }
    odd = Corpus.of("odd", "Odd", [Document(doc_id, text) for doc_id, text in texts.items()])
    assert ids(opened("bm25", odd, settings, encoder).retrieve("lamp", 3)) == ["long"]
    assert ids(opened("bm25", odd, settings, encoder).retrieve("expression", 3)) == ["quote\"'] or row > 0"]
    assert len(opened("dense", odd, settings, encoder).retrieve("lamp", 9)) == len(texts)


@pytest.mark.parametrize("text", ["x" * TEXT_BYTES, "灯" * TEXT_BYTES, "\ud800", "short"])
def test_stored_texts_keep_within_the_limit(text: str) -> None:
    encoded = storable(text).encode("utf-8")
    assert len(encoded) <= TEXT_BYTES
    assert len(encoded) > TEXT_BYTES - 4 or len(text) < 10


def test_more_than_milvus_returns_is_refused(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    with pytest.raises(InputError, match="k is 16,385; Milvus returns at most 16,384"):
        opened("bm25", corpus, settings, encoder).retrieve("lamp", MOST + 1)


@pytest.mark.parametrize("index", ["hnsw", "auto"])
def test_an_index_that_is_not_exact_finds_the_same_in_a_small_corpus(
    index: str, many: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path
) -> None:
    exact = opened("dense", many, settings, encoder).retrieve("lamp moth", 10)
    other = replace(settings, milvus_index=index, milvus_uri=str(tmp_path / f"{index}.db"))
    found = opened("dense", many, other, encoder).retrieve("lamp moth", 10)
    assert len(set(ids(found)) & set(ids(exact))) >= 9


# -- how it is built -----------------------------------------------------------------------------------------------


def test_it_is_built_once_and_serves_all_three(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path
) -> None:
    settings = replace(settings, milvus_uri=str(tmp_path / "own.db"))
    told: list[tuple[str, float]] = []
    open_retriever("bm25", corpus, settings, lambda what, part: told.append((what, part)), encoder=encoder)
    assert sorted(encoder.asked) == sorted(passage_text(one.text, one.title) for one in corpus.documents)
    assert {what for what, _ in told} == {"Encoding passages for Milvus", "Milvus writes its files"}
    assert all(0 <= part <= 1 for _, part in told)
    encoder.asked.clear()
    opened("dense", corpus, settings, encoder).retrieve("lamp", 1)
    opened("hybrid", corpus, settings, encoder).retrieve("lamp", 1)
    assert encoder.asked == ["lamp", "lamp"]


def test_a_stopped_build_is_never_searched_and_gone_on_with(
    many: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path
) -> None:
    settings = replace(settings, milvus_uri=str(tmp_path / "own.db"))
    expected = opened("dense", many, settings, encoder).retrieve("lamp moth", 10)
    stopped = replace(settings, milvus_uri=str(tmp_path / "stopped.db"))
    halfway = WordsEncoder()

    def stop(what: str, part: float) -> None:
        if halfway.asked:
            raise Cancelled("a newer question came")

    with pytest.raises(Cancelled):
        open_retriever("dense", many, stopped, stop, encoder=halfway)
    assert len(halfway.asked) == STEP
    client, name = connect(stopped.milvus_uri), plan_of(many, stopped, encoder).name
    assert client.list_collections() == [f"{name}_a"]
    assert not client.has_collection(name)
    again = WordsEncoder()
    found = opened("dense", many, stopped, again).retrieve("lamp moth", 10)
    assert len(again.asked) == len(many) - STEP + 1  # the query too
    assert not set(again.asked) & set(halfway.asked)
    assert found == expected


CHILD = """
import os, sys
from pathlib import Path
sys.path[:0] = sys.argv[3:]
from test_milvus import KilledEncoder, of_numbers
from reasonrank.retrieval.store import open_retriever
from reasonrank.settings import Settings

open_retriever("bm25", of_numbers(), Settings(cache=Path(sys.argv[1]), milvus_uri=sys.argv[2]), encoder=KilledEncoder())
"""


class KilledEncoder(WordsEncoder):
    """Kills its own process in the second batch."""

    def _encode(self, texts: list[str], as_query: bool) -> np.ndarray:
        if self.asked:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGKILL)
        return super()._encode(texts, as_query)


def of_numbers() -> Corpus:
    documents = [Document(f"{number:04}", f"lamp number n{number}") for number in range(STEP + 20)]
    return Corpus.of("numbers", "Numbers", documents)


def test_a_killed_build_is_gone_on_with(settings: Settings, encoder: WordsEncoder, tmp_path: Path) -> None:
    settings = replace(settings, milvus_uri=str(tmp_path / "killed.db"))
    here = Path(__file__).parent
    words = [str(settings.cache), settings.milvus_uri, str(here), str(here.parents[1])]
    killed = subprocess.run([sys.executable, "-c", CHILD, *words], capture_output=True, timeout=120)
    assert killed.returncode == -9, killed.stderr
    assert not is_built_with(encoder, settings, of_numbers())
    found = opened("bm25", of_numbers(), settings, encoder).retrieve("n7", 3)
    assert ids(found) == ["0007"]
    assert len(encoder.asked) == 20  # what the killed one had sent is not encoded again


def is_built_with(encoder: WordsEncoder, settings: Settings, corpus: Corpus) -> bool:
    return bool(connect(settings.milvus_uri).has_collection(plan_of(corpus, settings, encoder).name))


def test_a_rebuild_replaces_the_collection_under_the_same_name(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path
) -> None:
    settings = replace(settings, milvus_uri=str(tmp_path / "own.db"))
    before = opened("bm25", corpus, settings, encoder)
    expected = before.retrieve("lamp", 3)
    open_retriever("bm25", corpus, settings, rebuild=True, encoder=encoder)
    name = plan_of(corpus, settings, encoder).name
    assert connect(settings.milvus_uri).list_collections() == [f"{name}_b"]
    assert before.retrieve("lamp", 3) == expected  # who had it open goes on
    open_retriever("bm25", corpus, settings, rebuild=True, encoder=encoder)
    assert connect(settings.milvus_uri).list_collections() == [f"{name}_a"]


def test_a_changed_corpus_does_not_use_the_old_collection(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder
) -> None:
    assert ids(opened("bm25", corpus, settings, encoder).retrieve("nectar", 3)) == ["bees"]
    changed = Corpus.of("garden", "Garden", [*corpus.documents[1:], Document("bees", "Bees hum.")])
    assert opened("bm25", changed, settings, encoder).retrieve("nectar", 3) == []
    assert opened("bm25", changed, settings, encoder).retrieve("hum", 1)[0].document.text == "Bees hum."
    assert ids(opened("bm25", corpus, settings, encoder).retrieve("nectar", 3)) == ["bees"]


def test_the_name_follows_all_that_rows_and_scores_depend_on(corpus: Corpus, settings: Settings) -> None:
    def name(corpus: Corpus = corpus, identity: str = "one", **changes: object) -> str:
        return Plan.of(corpus, EncoderIdentity("words", identity), replace(settings, **changes)).name

    changed = Corpus.of("garden", "Garden", corpus.documents[1:])
    names = [name(), name(changed), name(identity="two"), name(bm25_k1=1.2), name(bm25_b=0.75)]
    assert len(set(names)) == 5
    assert name(milvus_index="hnsw") == name()
    assert all(re.fullmatch(r"reasonrank_garden_[0-9a-f]{16}", one) for one in names)


@pytest.mark.parametrize("name", ["../../etc", "Ünïcode 灯.jsonl", '"] or row > 0', "x" * 500, "---", "A B"])
def test_whatever_a_corpus_is_called_its_collection_has_a_valid_name(name: str, settings: Settings) -> None:
    corpus = Corpus.of(name, name, [Document("a", "text")])
    assert re.fullmatch(
        r"reasonrank_[a-z0-9_]{1,32}_[0-9a-f]{16}", Plan.of(corpus, WordsEncoder().identity, settings).name
    )


def test_is_built_asks_milvus(corpus: Corpus, settings: Settings) -> None:
    from reasonrank.encoder import encoder_identity

    identity = encoder_identity("default")
    assert identity is not None
    assert not is_built("hybrid", corpus, settings)
    stand_in = WordsEncoder()
    stand_in.identity = identity
    opened("bm25", corpus, settings, stand_in)
    assert [is_built(name, corpus, settings) for name in RETRIEVERS] == [True, True, True]


# -- over the wire -------------------------------------------------------------------------------------------------


def test_a_server_is_the_same_as_a_file(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # where nobody is
    expected = {name: opened(name, corpus, settings, encoder).retrieve("moths lamp", 3) for name in RETRIEVERS}
    with server(tmp_path / "served") as (uri, process):
        served = replace(settings, milvus_uri=uri)
        retrievers = {name: opened(name, corpus, served, encoder) for name in RETRIEVERS}
        assert {name: one.retrieve("moths lamp", 3) for name, one in retrievers.items()} == expected
        [finding] = [one for one in examine(replace(served, student="none")) if one.subject == "Milvus"]
        assert finding.works
        assert uri in finding.sentence
        assert "collections of ReasonRank there: 1." in finding.sentence
        process.kill()
        process.wait()
        with pytest.raises(ReasonRankError, match=f"Milvus at {uri} does not answer"):
            retrievers["bm25"].retrieve("lamp", 1)


# -- how it fails --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("milvus", "expected a file that ends in .db, or an address like"),
        ("ftp://host:19530", "expected a file that ends in .db, or an address like"),
        ("http://", "expected a file that ends in .db, or an address like"),
        ("http://host:port", "expected a file that ends in .db, or an address like"),
        ("http://host/milvus.db", "expected a file that ends in .db, or an address like"),
        ("http://root:secret@host:19530", f"put them into {TOKEN} as user:password"),
        ("no-such-folder/milvus.db", "there is no folder"),
        (f"{__file__}.db", "milvus-lite"),  # replaced below by a file that is none of Milvus's
    ],
)
def test_a_wrong_uri_is_a_sentence(uri: str, problem: str, tmp_path: Path) -> None:
    if problem == "milvus-lite":
        uri, problem = str(tmp_path / "old.db"), "not written by Milvus Lite 3 or later"
        Path(uri).write_text("SQLite")
    with pytest.raises(InputError, match=re.escape(problem)) as caught:
        checked_uri(uri)
    assert "secret" not in str(caught.value)


def test_nobody_there_is_a_sentence(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    with pytest.raises(ReasonRankError, match=r"Milvus at http://127.0.0.1:9 does not answer; see that it runs"):
        opened("bm25", corpus, replace(settings, milvus_uri="http://127.0.0.1:9"), encoder)


def test_a_file_that_another_process_has_open_is_a_sentence(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with (
        server(tmp_path / "held.db"),
        pytest.raises(ReasonRankError, match="if another process has it open, stop that one, or let both ask a server"),
    ):
        opened("bm25", corpus, replace(settings, milvus_uri=str(tmp_path / "held.db")), encoder)
    assert "Traceback" not in capfd.readouterr().err


def test_a_missing_client_is_a_sentence(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pymilvus'] = None\n"
        "from reasonrank.retrieval.milvus_server import connect\n"
        "try:\n    connect(sys.argv[1])\nexcept Exception as error:\n    print(type(error).__name__, error)"
    )
    words = [sys.executable, "-c", code, str(tmp_path / "milvus.db")]
    said = subprocess.run(words, capture_output=True, text=True, timeout=60).stdout
    assert said.startswith("MissingDependencyError pymilvus, the client of Milvus, is not installed. Install it with: ")
    assert said.strip().endswith("pip install 'reasonrank[milvus]'")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"long_queries": True}, "Milvus cannot weight the words of long questions"),
        ({"bm25_k1": 0.0}, "Milvus takes a bm25_k1 above 0"),
        ({"bm25_b": 1.5}, "a bm25_b from 0 to 1"),
    ],
)
def test_what_milvus_cannot_do_is_a_sentence(
    changes: dict[str, object], problem: str, corpus: Corpus, settings: Settings, encoder: WordsEncoder
) -> None:
    with pytest.raises(InputError, match=re.escape(problem)):
        opened("bm25", corpus, replace(settings, **changes), encoder)


def test_what_the_server_refuses_is_a_sentence(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    settings = replace(settings, milvus_uri=str(tmp_path / "own.db"))
    retrievers = [opened(name, corpus, settings, encoder) for name in RETRIEVERS]
    connect(settings.milvus_uri).drop_collection(plan_of(corpus, settings, encoder).name + "_a")
    for retriever in retrievers:
        with pytest.raises(ReasonRankError, match=r"Milvus at .*own.db refused: collection .* does not exist"):
            retriever.retrieve("lamp", 1)
    assert "Traceback" not in capfd.readouterr().err


def test_the_command_line_searches_in_milvus(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Moths circle a lamp at night.\n\nSoil holds water.\n", encoding="utf-8")
    monkeypatch.setenv("REASONRANK_MILVUS_URI", settings.milvus_uri)
    monkeypatch.setenv("REASONRANK_CACHE", str(settings.cache))
    assert main(["index", "--corpus", str(path), "--retriever", "hybrid"]) == 0
    assert not (settings.cache / "indexes").exists()
    assert main(["search", "moths", "--corpus", str(path), "--retriever", "bm25", "--student", "none"]) == 0
    assert "Moths circle a lamp" in capsys.readouterr().out
    monkeypatch.setenv("REASONRANK_MILVUS_URI", "nowhere")
    assert main(["search", "moths", "--corpus", str(path), "--student", "none"]) == 2
    assert "milvus_uri is 'nowhere'; expected a file" in capsys.readouterr().err
