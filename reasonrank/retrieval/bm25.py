"""BM25 on Lucene: the index of a corpus in a folder, and its search."""

from __future__ import annotations

import functools
import re
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from reasonrank.corpora.base import Corpus
from reasonrank.data import Candidate, Document
from reasonrank.errors import IndexDamagedError, ReasonRankError
from reasonrank.prompts import passage_text
from reasonrank.retrieval.base import Progress, Retriever
from reasonrank.retrieval.candidates import first_stage
from reasonrank.retrieval.java import in_java, postpone, start_java

MAX_QUERY_CHARS = 32_768
"""A longer query is cut here. A query cannot have more terms than characters, so Lucene's limit on the number of
terms, set to the same, is never met."""
FIELD, ID_FIELD = "contents", "id"
"""Anserini's names, so that its other tools can read the index."""
BUFFER_MB = 64.0
STEP = 64
"""Documents added between two reports of progress."""
_NAME = re.compile(r"\w+(?:[._]\w+)+")
_CLASSES = {
    "AnalyzerUtils": "io.anserini.analysis.AnalyzerUtils",
    "BM25": "org.apache.lucene.search.similarities.BM25Similarity",
    "BagOfWords": "io.anserini.search.query.BagOfWordsQueryGenerator",
    "Config": "org.apache.lucene.index.IndexWriterConfig",
    "Document": "org.apache.lucene.document.Document",
    "English": "io.anserini.analysis.DefaultEnglishAnalyzer",
    "FSDirectory": "org.apache.lucene.store.FSDirectory",
    "MergePolicy": "org.apache.lucene.index.LogByteSizeMergePolicy",
    "Paths": "java.nio.file.Paths",
    "QuerySide": "io.anserini.search.query.QuerySideBm25QueryGenerator",
    "Reader": "org.apache.lucene.index.DirectoryReader",
    "Searcher": "org.apache.lucene.search.IndexSearcher",
    "Store": "org.apache.lucene.document.Field$Store",
    "StringField": "org.apache.lucene.document.StringField",
    "TextField": "org.apache.lucene.document.TextField",
    "Writer": "org.apache.lucene.index.IndexWriter",
}


def indexed_text(document: Document) -> str:
    """What is indexed of a document: title and text, and the parts of a dotted or underscored name in the title.

    The analyzer keeps ``asyncio.Queue.put`` as one word, which only a query with the whole name would match.
    """
    parts = [part for name in _NAME.findall(document.title) for part in re.split(r"[._]", name)]
    return " ".join([passage_text(document.text, document.title), *parts])


@in_java
def analyze(text: str) -> list[str]:
    """The terms of a text: split, in lower case, without stop words, stemmed by Porter's rules (Anserini's default)."""
    lucene = _lucene()
    return list(lucene.AnalyzerUtils.analyze(lucene.English.newDefaultInstance(), _sendable(text)).toArray())


def build_bm25_index(corpus: Corpus, folder: Path, progress: Progress) -> None:
    """Write the Lucene index of a corpus into an empty folder: one segment, rows in order of doc_id.

    Raises:
        MissingDependencyError: Java or Lucene is missing.
        ReasonRankError: Lucene could not write.
    """
    writer = _Writer(folder)
    try:
        for start in range(0, len(corpus), STEP):
            progress("Indexing words", start / len(corpus))
            writer.add(corpus.documents[start : start + STEP])
        writer.finish()
    finally:
        writer.close()
    progress("Indexing words", 1.0)


class _Writer:
    """A Lucene index in the making. Each method is one short stay in Java, so that searches get their turn between."""

    @in_java
    def __init__(self, folder: Path) -> None:
        lucene = _lucene()
        self._folder = folder
        with _sentence(self._problem, ReasonRankError):
            self._directory = lucene.FSDirectory.open(lucene.Paths.get(str(folder)))
            config = lucene.Config(lucene.English.newDefaultInstance())
            # This policy merges neighbours only, which keeps the rows in the order in which they were added.
            config.setMergePolicy(lucene.MergePolicy())
            config.setRAMBufferSizeMB(BUFFER_MB)
            self._writer = lucene.Writer(self._directory, config)
        # Making fields anew for each document would cost four times as much as indexing it.
        self._row, self._doc_id = lucene.Document(), lucene.StringField(ID_FIELD, "", lucene.Store.YES)
        self._contents = lucene.TextField(FIELD, "", lucene.Store.NO)
        self._row.add(self._doc_id)
        self._row.add(self._contents)

    @property
    def _problem(self) -> str:
        return f"Lucene could not write its index into {self._folder}"

    @in_java
    def add(self, documents: Sequence[Document]) -> None:
        with _sentence(self._problem, ReasonRankError):
            for document in documents:
                self._doc_id.setStringValue(_sendable(document.doc_id))
                self._contents.setStringValue(_sendable(indexed_text(document)))
                self._writer.addDocument(self._row)

    @in_java
    def finish(self) -> None:
        with _sentence(self._problem, ReasonRankError):
            self._writer.forceMerge(1)
            self._writer.commit()

    @in_java
    def close(self) -> None:
        with _sentence(self._problem, ReasonRankError):
            self._writer.close()
            self._directory.close()
        # Java objects are let go of in Java; elsewhere that would attach the thread once more.
        del self._writer, self._directory, self._row, self._doc_id, self._contents
        (self._folder / "write.lock").unlink(missing_ok=True)


class BM25Retriever(Retriever):
    """Ranks by BM25 (Robertson and Zaragoza 2009), as Lucene computes it.

    A query is plain words, whatever characters it has: it is analyzed into terms, never parsed.

    Args:
        folder: An index of :func:`build_bm25_index`.
        corpus: The corpus it was built from.
        k1: Saturation of a term's frequency.
        b: Weight of the document's length.
        long_queries: Weight the query's terms by BM25 too, as if it were a document (Ge et al.,
            arXiv 2509.02558), so that one word repeated through a long question does not decide alone.

    Raises:
        IndexDamagedError: Lucene cannot read the index, or it has another number of documents.
    """

    name = kind = "bm25"

    @in_java
    def __init__(self, folder: Path, corpus: Corpus, *, k1: float, b: float, long_queries: bool = False) -> None:
        lucene = _lucene()
        self._corpus = corpus
        with _sentence(f"Lucene cannot read the index in {folder}", IndexDamagedError):
            directory = lucene.FSDirectory.open(lucene.Paths.get(str(folder)))
            reader = start_java().cast("org.apache.lucene.index.IndexReader", lucene.Reader.open(directory))
        self._java = SimpleNamespace(directory=directory, reader=reader)
        # Closed when nobody uses the retriever any more; not at exit, when Java may be gone.
        self._finalizer = weakref.finalize(self, postpone, functools.partial(_close, self._java))
        self._finalizer.atexit = False
        if reader.numDocs() != len(corpus):
            raise IndexDamagedError(
                f"The index in {folder} has {reader.numDocs():,} documents; expected {len(corpus):,} of {corpus.name}."
            )
        self._java.searcher = lucene.Searcher(reader)
        self._java.searcher.setSimilarity(lucene.BM25(k1, b))
        self._java.analyzer = lucene.English.newDefaultInstance()
        self._java.generator = lucene.QuerySide(k1, b, reader) if long_queries else lucene.BagOfWords()

    def _retrieve(self, query: str, k: int) -> list[Candidate]:
        rows = self._search(_sendable(query[:MAX_QUERY_CHARS]), min(k, len(self._corpus)))
        return first_stage(self.kind, [(self._corpus.documents[row], score) for row, score in rows])

    @in_java
    def _search(self, query: str, k: int) -> list[tuple[int, float]]:
        """Rows and scores; Lucene breaks ties by row, and rows are in order of doc_id."""
        with _sentence("Lucene could not search its index", IndexDamagedError):
            terms = self._java.generator.buildQuery(FIELD, self._java.analyzer, query)
            found = self._java.searcher.search(terms, k)
            return [(hit.doc, hit.score) for hit in found.scoreDocs]

    def close(self) -> None:
        if self._finalizer.detach():
            _close(self._java)


@in_java
def _close(java: SimpleNamespace) -> None:
    java.reader.close()
    java.directory.close()
    vars(java).clear()


def _sendable(text: str) -> str:
    """Text that Java can take: half surrogate pairs become question marks."""
    return text.encode("utf-8", "replace").decode("utf-8")


@contextmanager
def _sentence(what: str, kind: type[ReasonRankError]) -> Iterator[None]:
    """Turn a Java exception into one of ours."""
    jnius = start_java()
    try:
        yield
    except jnius.JavaException as error:
        raise kind(f"{what} ({error.innermessage or error.classname}).") from error


@functools.lru_cache(maxsize=1)
def _lucene() -> Any:
    """Lucene's classes, for a function in Java; reflecting them takes a third of a second, once."""
    jnius = start_java()
    classes = {
        name: jnius.autoclass(path, include_protected=False, include_private=False) for name, path in _CLASSES.items()
    }
    classes["Searcher"].setMaxClauseCount(MAX_QUERY_CHARS)
    return SimpleNamespace(**classes)
