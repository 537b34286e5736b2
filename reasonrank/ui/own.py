"""A visitor's own corpus: files or pasted text, with judgements if they come along, gone with the visit."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reasonrank.corpora.base import Corpus
from reasonrank.corpus import UPLOAD_LIMITS, load_corpus
from reasonrank.data import Document, Query
from reasonrank.errors import InputError
from reasonrank.formats import Qrels, open_text, read_qrels
from reasonrank.settings import Settings
from reasonrank.ui.markup import esc, label_of, plural, shorten

PREVIEWED = 3
PREVIEW_WIDTH = 160
PASTED = "pasted.txt"
MAX_PASTED = 200_000
"""Characters of pasted text."""
MAX_QUERIES = 5_000
UPLOAD_MB = 50
QUESTION_NAMES = ("queries", "questions", "topics")
LIMITS_TOLD = (
    f"JSON lines, CSV, TSV or plain text, up to {UPLOAD_MB} MB, {UPLOAD_LIMITS.documents:,} passages of "
    f"{UPLOAD_LIMITS.text_chars:,} characters. Only you can search it. It is deleted when you close this page."
)
JUDGED_TOLD = (
    "If you have judgements, choose three files at once: the corpus, a TREC qrels file whose name ends in .qrels, and "
    "the questions as queries.jsonl or queries.tsv (query_id and query)."
)


@dataclass(frozen=True, slots=True)
class Own:
    """A corpus of a visitor's own.

    Args:
        path: The file it is read from.
        corpus: Its passages, and the questions and judgements that came along.
    """

    path: Path
    corpus: Corpus


def take_files(paths: Sequence[Path], settings: Settings) -> Own:
    """The corpus among uploaded files, with questions and judgements from the others.

    Raises:
        InputError: There is not just one corpus, or a file is not as expected; the message names the lines.
    """
    qrels_files = [path for path in paths if ".qrels" in path.suffixes]
    question_files = [
        path for path in paths if path not in qrels_files and path.name.lower().startswith(QUESTION_NAMES)
    ]
    if not qrels_files:  # without judgements, "queries.csv" may well be what is to be searched
        question_files = []
    corpora = [path for path in paths if path not in (*qrels_files, *question_files)]
    if len(corpora) != 1 or len(qrels_files) > 1 or len(question_files) != len(qrels_files):
        names = ", ".join(path.name for path in paths)
        raise InputError(
            f"Got {names}; expected one file of passages, or that with one .qrels file and one queries file."
        )
    corpus = load_corpus(str(corpora[0]), settings, limits=UPLOAD_LIMITS)
    if qrels_files:
        qrels, queries = read_qrels(qrels_files[0]), read_questions(question_files[0])
        _check(qrels, queries, corpus, qrels_files[0].name)
        corpus = replace(corpus, queries=tuple(queries), qrels=qrels)
    return Own(corpora[0], corpus)


def take_pasted(text: str, settings: Settings) -> Own:
    """Pasted text as a corpus, one passage a paragraph (or a line, where no line is blank).

    Raises:
        InputError: There is none, or too much.
    """
    if not text.strip():
        raise InputError("There is no text yet; paste some, one passage a paragraph.")
    if len(text) > MAX_PASTED:
        raise InputError(f"The text has {len(text):,} characters; paste at most {MAX_PASTED:,}, or choose a file.")
    folder = Path(tempfile.mkdtemp(prefix="reasonrank-"))
    path = folder / PASTED
    try:
        path.write_text(text, encoding="utf-8", errors="replace", newline="")
        return Own(path, load_corpus(str(path), settings, limits=UPLOAD_LIMITS))
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def forget(own: Own) -> None:
    """Delete the file, and its folder where nothing else is in it."""
    own.path.unlink(missing_ok=True)
    if not any(own.path.parent.iterdir()):
        own.path.parent.rmdir()


def read_questions(path: Path) -> list[Query]:
    """Questions of a file: JSON lines with ``query_id`` and ``query``, or TSV with the id before the tab.

    Raises:
        InputError: A line is not as expected; the message has its number.
    """
    queries: list[Query] = []
    with open_text(path) as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            if len(queries) == MAX_QUERIES:
                raise InputError(f"{path.name} has more than {MAX_QUERIES:,} questions; leave some out.")
            queries.append(_question(line, f"{path.name}, line {number}"))
    return queries


def _question(line: str, where: str) -> Query:
    try:
        if line.lstrip().startswith("{"):
            record = json.loads(line)
            query_id, text = record["query_id"], record["query"]
        else:
            query_id, text = line.rstrip("\r\n").split("\t", 1)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InputError(f'{where}: expected {{"query_id", "query"}}, or an id, a tab and the question.') from None
    if not (isinstance(query_id, str) and isinstance(text, str) and query_id.strip() and text.strip()):
        raise InputError(f"{where}: the id or the question is empty or no text.")
    return Query(query_id.strip(), text.strip())


def _check(qrels: Qrels, queries: Sequence[Query], corpus: Corpus, name: str) -> None:
    """Judgements that fit nothing would make every figure 0 without a word."""
    if not qrels.keys() & {query.query_id for query in queries}:
        raise InputError(f"{name} judges none of the questions; its query_ids must be those of the queries file.")
    if not any(doc_id in corpus.by_id for grades in qrels.values() for doc_id in grades):
        raise InputError(f"{name} judges none of the passages; its doc_ids must be those of the corpus.")


def preview(corpus: Corpus) -> str:
    """The first passages and how many there are, as escaped HTML."""
    shown = "".join(_row(document) for document in corpus.documents[:PREVIEWED])
    judged = sum(1 for query in corpus.queries if corpus.qrels.get(query.query_id))
    told = f", and {plural(judged, 'judged question')}" if judged else ""
    return (
        f'<div class="rr-preview"><p>{esc(plural(len(corpus), "document"))}{told}. The first ones:</p>'
        f"<ul>{shown}</ul></div>"
    )


def _row(document: Document) -> str:
    return (
        f'<li><b dir="auto">{esc(shorten(label_of(document), 80))}</b> '
        f'<span dir="auto">{esc(shorten(document.text, PREVIEW_WIDTH))}</span></li>'
    )


def own_section() -> str:
    """The part of the form that takes a visitor's own corpus, closed until it is wanted."""
    return (
        '<details class="rr-own"><summary>Search in your own texts</summary>'
        f"<p>{esc(LIMITS_TOLD)}</p>"
        '<p class="rr-row"><button type="button" class="rr-button rr-upload">Choose a file…</button></p>'
        '<p><label for="rr-paste">Or paste text, one passage a paragraph</label></p>'
        f'<textarea id="rr-paste" rows="4" maxlength="{MAX_PASTED}" dir="auto"></textarea>'
        '<p class="rr-row"><button type="button" class="rr-button rr-use">Use this text</button></p>'
        f'<p class="rr-note">{esc(JUDGED_TOLD)}</p></details>'
    )
