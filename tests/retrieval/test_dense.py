"""Dense retrieval against exact search in numpy, and the packaged encoder."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from words_encoder import WordsEncoder

from reasonrank.corpora.base import Corpus
from reasonrank.data import Document, StageScore
from reasonrank.encoder import encoder_identity, load_encoder
from reasonrank.errors import IndexDamagedError, InputError
from reasonrank.prompts import passage_text
from reasonrank.retrieval.dense import DenseRetriever, build_dense_index
from reasonrank.settings import Settings


def opened(corpus: Corpus, encoder: WordsEncoder, folder: Path) -> DenseRetriever:
    build_dense_index(corpus, encoder, folder, lambda what, fraction: None)
    return DenseRetriever(folder, corpus, encoder)


@pytest.mark.parametrize("query", ["lamp", "moths circle lamp", "unknown words only"])
def test_equals_exact_search(query: str, corpus: Corpus, encoder: WordsEncoder, tmp_path: Path) -> None:
    found = opened(corpus, encoder, tmp_path).retrieve(query, 5)
    vectors = encoder.encode([passage_text(one.text, one.title) for one in corpus.documents])
    cosines = vectors @ encoder.encode([query])[0]
    # Rounded, because numpy may sum the two equal documents in two ways.
    best = sorted(range(len(corpus)), key=lambda row: (-cosines[row].round(5), row))[:5]
    assert [one.document for one in found] == [corpus.documents[row] for row in best]
    assert [one.score for one in found] == pytest.approx([cosines[row] for row in best], abs=1e-6)
    assert found[1].parts == {"cosine": StageScore(2, found[1].score)}


def test_only_the_query_is_encoded_at_search(corpus: Corpus, encoder: WordsEncoder, tmp_path: Path) -> None:
    retriever = opened(corpus, encoder, tmp_path)
    encoder.asked.clear()
    retriever.retrieve("lamp", 3)
    assert encoder.asked == ["lamp"]


@pytest.mark.parametrize("k", [1, 3, 20, 99])
def test_a_tie_at_the_end_of_the_list_is_broken_by_doc_id(k: int, encoder: WordsEncoder, tmp_path: Path) -> None:
    twins = [Document(f"twin-{number:02}", "the same") for number in range(20)]
    corpus = Corpus.of("twins", "Twins", [*reversed(twins), Document("other", "else where")])
    found = opened(corpus, encoder, tmp_path).retrieve("the same", k)
    expected = [*(twin.doc_id for twin in twins), "other"][:k]
    assert [one.document.doc_id for one in found] == expected


def test_progress_tells_the_whole_way(corpus: Corpus, encoder: WordsEncoder, tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    build_dense_index(corpus, encoder, tmp_path, lambda what, fraction: told.append((what, fraction)))
    assert told == [("Encoding passages", 0.0), ("Encoding passages", 1.0)]


def test_an_index_of_another_size_is_refused(corpus: Corpus, encoder: WordsEncoder, tmp_path: Path) -> None:
    opened(corpus, encoder, tmp_path)
    smaller = Corpus.of("smaller", "Smaller", corpus.documents[:3])
    with pytest.raises(IndexDamagedError, match=r"\(7, 32\) rows and columns; expected \(3, 32\)"):
        DenseRetriever(tmp_path, smaller, encoder)


def test_the_packaged_encoder_knows_meaning_and_is_shared() -> None:
    encoder = load_encoder(Settings())
    vectors = encoder.encode(["a physician", "a doctor", "a bicycle", ""])
    assert vectors.shape == (4, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2]
    assert encoder.encode([]).shape == (0, 384)
    assert encoder.identity == encoder_identity("default")
    assert encoder.name == "all-MiniLM-L6-v2"
    assert load_encoder(Settings()) is encoder


def test_the_fingerprint_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    before = encoder_identity(str(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    after = encoder_identity(str(tmp_path))
    assert before is not None
    assert after is not None
    assert before.name == after.name == tmp_path.name
    assert before.fingerprint != after.fingerprint


def test_an_encoder_that_is_not_here_has_no_identity() -> None:
    assert encoder_identity("nobody/has-this-encoder") is None
    with pytest.raises(InputError, match="There is no encoder 'no/such/name'; expected default, a folder, or a hub id"):
        encoder_identity("no/such/name")
