"""Indexes on disk: built once, rebuilt when something changed, never half there."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from words_encoder import WordsEncoder

from reasonrank import __version__
from reasonrank.corpora.base import Corpus
from reasonrank.data import Document
from reasonrank.errors import Cancelled, IndexDamagedError, InputError, ReasonRankError
from reasonrank.retrieval.base import Retriever
from reasonrank.retrieval.store import is_built, open_retriever
from reasonrank.settings import Settings

CHILD = """
import sys
from pathlib import Path
sys.path[:0] = sys.argv[4:]
from words_encoder import WordsEncoder
from reasonrank.corpora.base import Corpus
from reasonrank.data import Document
from reasonrank.retrieval.store import open_retriever
from reasonrank.settings import Settings

class Noting(WordsEncoder):
    def _encode(self, texts, as_query):
        if not as_query:
            with open(sys.argv[2], "a") as log:
                log.write("built\\n")
            {during}
        return super()._encode(texts, as_query)

corpus = Corpus.of("shared", "Shared", [Document("a", sys.argv[3]), Document("b", "two")])
found = open_retriever("dense", corpus, Settings(cache=Path(sys.argv[1])), encoder=Noting()).retrieve("two", 1)
print(found[0].document.doc_id)
"""


def child(during: str, settings: Settings, log: Path, text: str) -> subprocess.Popen[str]:
    """Another process that builds and searches an index; ``during`` runs in the middle of its build."""
    here = Path(__file__).parent
    code = CHILD.replace("{during}", during)
    paths = [str(here), str(here.parents[1])]
    return subprocess.Popen(
        [sys.executable, "-c", code, str(settings.cache), str(log), text, *paths],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def shared(text: str) -> Corpus:
    """The corpus of the other process."""
    return Corpus.of("shared", "Shared", [Document("a", text), Document("b", "two")])


def opened(corpus: Corpus, settings: Settings, encoder: WordsEncoder, *, rebuild: bool = False) -> Retriever:
    return open_retriever("dense", corpus, settings, encoder=encoder, rebuild=rebuild)


def parent_of(settings: Settings) -> Path:
    (parent,) = (path for path in (settings.cache / "indexes").iterdir() if path.is_dir())
    return parent


def manifest_of(settings: Settings) -> dict[str, object]:
    return json.loads((parent_of(settings) / "manifest.json").read_text())


def test_an_index_is_built_once(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    first = opened(corpus, settings, encoder)
    encoded = len(encoder.asked)
    again = opened(corpus, settings, encoder)
    assert len(encoder.asked) == encoded
    assert again.retrieve("lamp", 3) == first.retrieve("lamp", 3)


def test_the_manifest_says_what_the_index_is(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    opened(corpus, settings, encoder)
    manifest = manifest_of(settings)
    assert manifest["stamp"] == {
        "index": "dense",
        "corpus": "garden",
        "corpus_fingerprint": corpus.fingerprint,
        "documents": 7,
        "parameters": {"encoder": "words", "encoder_fingerprint": "one"},
        "version": __version__,
        "format": 1,
    }
    assert manifest["origin"] == "garden"
    assert list(manifest["files"]) == ["vectors.faiss"]


def test_a_changed_corpus_or_encoder_builds_anew_in_the_same_place(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder
) -> None:
    opened(corpus, settings, encoder)
    place, before = parent_of(settings), manifest_of(settings)
    changed = Corpus.of("garden", "Garden", [*corpus.documents[1:], Document("bees", "Bees hum.")])
    found = opened(changed, settings, encoder).retrieve("bees hum.", 1)
    assert found[0].document.text == "Bees hum."
    second = manifest_of(settings)
    retrained = WordsEncoder("two")
    opened(changed, settings, retrained)
    third = manifest_of(settings)
    assert len(retrained.asked) == 7
    assert parent_of(settings) == place
    assert len({before["folder"], second["folder"], third["folder"]}) == 3
    assert sorted(path.name for path in place.iterdir()) == sorted(["manifest.json", third["folder"]])


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (f'"version": "{__version__}"', '"version": "0.0.9"'),
        ('"format": 1', '"format": 0, "something": "else"'),  # a layout that this version cannot know
    ],
)
def test_what_another_version_wrote_is_built_anew(
    now: str, before: str, corpus: Corpus, settings: Settings, encoder: WordsEncoder
) -> None:
    opened(corpus, settings, encoder)
    path = parent_of(settings) / "manifest.json"
    written = path.read_text()
    path.write_text(written.replace(now, before))
    assert path.read_text() != written
    opened(corpus, settings, encoder)
    assert now in path.read_text()


def test_order_of_the_documents_changes_nothing(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    opened(corpus, settings, encoder)
    encoded = len(encoder.asked)
    opened(Corpus.of("garden", "Garden", reversed(corpus.documents)), settings, encoder)
    assert len(encoder.asked) == encoded


def test_a_stopped_build_leaves_the_old_index(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    expected = opened(corpus, settings, encoder).retrieve("lamp", 3)
    before = manifest_of(settings)

    def stop(what: str, fraction: float) -> None:
        raise Cancelled("a newer question came")

    with pytest.raises(Cancelled):
        open_retriever("dense", corpus, settings, stop, rebuild=True, encoder=encoder)
    assert manifest_of(settings) == before
    encoder.asked.clear()
    assert opened(corpus, settings, encoder).retrieve("lamp", 3) == expected
    assert encoder.asked == ["lamp"]


def test_a_killed_build_leaves_the_old_index_and_is_cleaned_up(
    settings: Settings, encoder: WordsEncoder, tmp_path: Path
) -> None:
    opened(shared("one"), settings, encoder)
    killed = child("import os; os._exit(9)", settings, tmp_path / "log", "changed")
    killed.wait(timeout=60)
    names = [path.name for path in parent_of(settings).iterdir()]
    assert killed.returncode == 9
    assert any(name.startswith("unfinished-") for name in names)
    encoder.asked.clear()
    assert opened(shared("one"), settings, encoder).retrieve("two", 1)[0].document.doc_id == "b"
    assert encoder.asked == ["two"]
    opened(shared("changed"), settings, encoder)
    assert not any(path.name.startswith("unfinished-") for path in parent_of(settings).iterdir())


def test_two_processes_build_once(settings: Settings, tmp_path: Path) -> None:
    log = tmp_path / "log"
    # Each would take a moment to build, so that the second one comes in the middle of the first one's build.
    both = [child("import time; time.sleep(0.5)", settings, log, "one") for _ in range(2)]
    outputs = [one.communicate(timeout=60) for one in both]
    assert [out for out, _ in outputs] == ["b\n", "b\n"], outputs
    assert log.read_text() == "built\n"


def damage_a_byte(parent: Path, file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def cut_short(parent: Path, file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5])


def take_away(parent: Path, file: Path) -> None:
    file.unlink()


def scribble(parent: Path, file: Path) -> None:
    (parent / "manifest.json").write_text("{")


def forget_a_field(parent: Path, file: Path) -> None:
    (parent / "manifest.json").write_text('{"folder": "x"}')


@pytest.mark.parametrize(
    ("damage", "problem", "looks_built"),
    [
        (damage_a_byte, "is not what was written", True),  # only a checksum can tell
        (cut_short, "has 936 bytes; expected 941", False),
        (take_away, "is missing", False),
        (scribble, "cannot be read", False),
        (forget_a_field, "cannot be read", False),
    ],
)
def test_damage_is_found_and_a_rebuild_mends_it(
    damage: object, problem: str, looks_built: bool, corpus: Corpus, settings: Settings, encoder: WordsEncoder
) -> None:
    expected = opened(corpus, settings, encoder).retrieve("lamp", 3)
    parent = parent_of(settings)
    damage(parent, parent / manifest_of(settings)["folder"] / "vectors.faiss")
    with pytest.raises(IndexDamagedError, match=problem) as caught:
        opened(corpus, settings, encoder)
    assert str(caught.value).startswith("The dense index of garden is damaged: ")
    assert str(caught.value).endswith("Rebuild it with: reasonrank index --corpus garden --retriever dense --rebuild")
    assert opened(corpus, settings, encoder, rebuild=True).retrieve("lamp", 3) == expected
    assert opened(corpus, settings, encoder).retrieve("lamp", 3) == expected


def test_is_built_follows_the_indexes(corpus: Corpus, settings: Settings) -> None:
    assert [is_built(name, corpus, settings) for name in ("bm25", "dense", "hybrid")] == [False, False, False]
    open_retriever("bm25", corpus, settings).close()
    assert [is_built(name, corpus, settings) for name in ("bm25", "dense", "hybrid")] == [True, False, False]
    assert not is_built("bm25", shared("one"), settings)
    # k1 and b are no part of the index.
    assert is_built("bm25", corpus, replace(settings, bm25_k1=1.2, bm25_b=0.75))
    for file in parent_of(settings).rglob("segments_*"):
        file.unlink()
    assert not is_built("bm25", corpus, settings)


def test_hybrid_fuses_both_indexes(corpus: Corpus, settings: Settings, encoder: WordsEncoder) -> None:
    told: set[str] = set()
    hybrid = open_retriever("hybrid", corpus, settings, lambda what, fraction: told.add(what), encoder=encoder)
    first = hybrid.retrieve("moths circle lamp", 3)[0]
    assert first.document.doc_id == "moths"
    assert set(first.parts) == {"bm25", "cosine"}
    assert told == {"Indexing words", "Encoding passages"}
    hybrid.close()


def test_the_index_of_a_file_that_is_gone_goes_too(
    corpus: Corpus, settings: Settings, encoder: WordsEncoder, tmp_path: Path
) -> None:
    upload = tmp_path / "upload.csv"
    upload.touch()
    opened(Corpus.of("upload.csv", "Upload", corpus.documents, origin=str(upload)), settings, encoder)
    opened(corpus, settings, encoder)
    assert len([path for path in (settings.cache / "indexes").iterdir() if path.is_dir()]) == 2
    upload.unlink()
    opened(corpus, settings, encoder, rebuild=True)
    assert parent_of(settings).name.startswith("garden-dense-")


def test_a_cache_that_cannot_be_written_is_a_sentence(corpus: Corpus, encoder: WordsEncoder, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file in the way")
    with pytest.raises(ReasonRankError, match="name another folder with REASONRANK_CACHE"):
        opened(corpus, Settings(cache=tmp_path / "cache"), encoder)


def test_an_unknown_retriever_is_a_sentence(corpus: Corpus, settings: Settings) -> None:
    with pytest.raises(InputError, match="no retriever 'tfidf'; expected bm25, dense, hybrid"):
        open_retriever("tfidf", corpus, settings)
    with pytest.raises(InputError, match="no retriever 'tfidf'"):
        is_built("tfidf", corpus, settings)
