"""What becomes a corpus, and the sentence for what does not."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reasonrank.corpora import docstrings, python_docs
from reasonrank.corpora.base import Corpus
from reasonrank.corpora.collection import load_collection
from reasonrank.corpora.lines import Limits
from reasonrank.corpora.passages import split_passages
from reasonrank.corpus import corpus_names, load_corpus, load_file, load_named
from reasonrank.data import Document
from reasonrank.errors import InputError, ReasonRankError
from reasonrank.settings import Settings

LIMITS = Limits(file_bytes=3_000, line_bytes=1_000, documents=4, text_chars=60, title_chars=20, id_chars=10)
BEES = Document("a", "Bees hum.", "Bees")


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


GOOD = [
    # Every spelling of the fields; numbers as ids; fields that are not ours; blank lines.
    ("a.jsonl", '{"doc_id": "a", "text": "Bees hum.", "title": "Bees"}\n', [BEES]),
    ("a.jsonl", '{"_id": "a", "body": "Bees hum.", "Title": "Bees", "year": 1}\n\n', [BEES]),
    ("a.ndjson", '{"id": 7, "contents": " Bees hum. ", "title": null}', [Document("7", "Bees hum.")]),
    ("a.jsonl.gz", '{"docid": "a", "passage": "Bees hum.", "title": "Bees"}\n', [BEES]),
    # A byte order mark, and Windows line ends.
    ("a.jsonl", b'\xef\xbb\xbf{"id": "a", "text": "Bees hum.", "title": "Bees"}\r\n', [BEES]),
    ("a.csv", "\ufeffID,Text,Title\r\na,Bees hum.,Bees\r\n", [BEES]),
    # Quoted commas, quotation marks and line breaks; rows of nothing; no ids: the line is the id.
    (
        "a.csv",
        'text\n"Hum, ""hum"",\nhum."\n\nBuzz.\n',
        [Document("line-2", 'Hum, "hum",\nhum.'), Document("line-5", "Buzz.")],
    ),
    ("A.CSV.GZ", "id,text,title\na,Bees hum.,Bees\n", [Document("a", "Bees hum.", "Bees")]),
    # A tab-separated file has no quoting.
    ("a.tsv", 'id\ttext\na\tBees "hum.\n', [Document("a", 'Bees "hum.')]),
    # Paragraphs where a line is blank, else lines.
    (
        "a.txt",
        "Bees\nhum.\n\n\nMoths\ncircle.\n",
        [Document("line-1", "Bees\nhum."), Document("line-5", "Moths\ncircle.")],
    ),
    ("a.md", "\nBees hum.\nMoths circle.", [Document("line-2", "Bees hum."), Document("line-3", "Moths circle.")]),
    ("a.txt", "\n\nBees hum.\n\n", [Document("line-3", "Bees hum.")]),
]


@pytest.mark.parametrize(("name", "content", "documents"), GOOD)
def test_a_file_becomes_documents(name: str, content: str | bytes, documents: list[Document], tmp_path: Path) -> None:
    path = tmp_path / name
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if name.lower().endswith(".gz") else content)
    corpus = load_file(path, LIMITS)
    assert list(corpus.documents) == documents
    assert (corpus.name, corpus.origin) == (name, str(path.resolve()))


LINE = '{"id": "a", "text": "Bees hum."}\n'
BAD = [
    # JSON lines
    ("a.jsonl", '{"id": "a"}\n', 'line 1: no text; expected a field named "text", "body", "passage" or "contents"'),
    ("a.jsonl", '{"text": "x"}\n', 'line 1: no doc_id; expected a field named "doc_id", "id", "_id", "docid" or "pid"'),
    ("a.jsonl", LINE + LINE, "line 2: the doc_id 'a' was on line 1 before"),
    ("a.jsonl", '{"id": "a", "text": "  "}\n', 'line 1: "text" is empty'),
    ("a.jsonl", '{"id": "", "text": "x"}\n', 'line 1: "id" is empty'),
    ("a.jsonl", '{"id": "a", "text": 5}\n', 'line 1: "text" is a number; expected text'),
    ("a.jsonl", '{"id": "a", "text": ["x"]}\n', 'line 1: "text" is a list; expected text'),
    ("a.jsonl", '{"id": true, "text": "x"}\n', 'line 1: "id" is true or false; expected text'),
    ("a.jsonl", '{"id": 1.5, "text": "x"}\n', 'line 1: "id" is a number; expected text'),
    ("a.jsonl", '{"id": null, "text": "x"}\n', 'line 1: "id" is null; expected text'),
    ("a.jsonl", '{"id": "a", "text": "x", "title": {}}\n', 'line 1: "title" is an object; expected text'),
    ("a.jsonl", '{"id": "a b", "text": "x"}\n', "line 1: \"id\" is 'a b'; an id must have no white space"),
    ("a.jsonl", '{"id": "a", "text": "\\u0000"}\n', 'line 1: "text" has a NUL character'),
    ("a.jsonl", '{"id": "a", "text": "\\ud83d"}\n', 'line 1: "text" has half a surrogate pair'),
    ("a.jsonl", '{"id": "a"\n', "line 1: not JSON (Expecting ',' delimiter at column"),
    ("a.jsonl", "[1]\n", "line 1: not a JSON object"),
    ("a.jsonl", "[" * 900 + "\n", "line 1: not JSON"),
    ("a.jsonl", '{"id": ' + "1" * 900 + ', "text": "x"}', 'line 1: "id" has 900 characters; at most 10'),
    ("a.jsonl", '{"id": "a", "text": "' + "x" * 61 + '"}', 'line 1: "text" has 61 characters; at most 60'),
    ("a.jsonl", '{"id": "a", "text": "x", "title": "' + "x" * 21 + '"}', 'line 1: "title" has 21 characters'),
    ("a.jsonl", b'{"id": "a", "text": "\xff"}\n', "line 1: byte 22 is not UTF-8"),
    ("a.jsonl", '{"id": "a", "text": "x"}\x00\n', "line 1: has a NUL character, as binary files do"),
    ("a.jsonl", LINE.encode("utf-16"), "a.jsonl is UTF-16 text; save it as UTF-8."),
    ("a.jsonl", "", "a.jsonl has no passage. Expected one JSON object a line"),
    ("a.jsonl", "\n \n", "a.jsonl has no passage."),
    # Tables
    ("a.csv", "a,b\n1,2\n", 'line 1: no column named "text", "body", "passage" or "contents"; got \'a, b\''),
    ("a.csv", "id,text\na\n", "line 2: 1 columns; the first line names 2"),
    ("a.csv", "id,text\na,b,c\n", "line 2: 3 columns; the first line names 2"),
    (
        "a.csv",
        'id,text\na,"x\nmore\n',
        "line 2: not a table row (unexpected end of data; is a quotation mark left open?)",
    ),
    ("a.csv", "id,text\na,x\n\na,y\n", "line 4: the doc_id 'a' was on line 2 before"),
    ("a.csv", "id,text\n,x\n", 'line 2: "id" is empty'),
    ("a.csv", "id,text\n", "a.csv has no passage. Expected a first line that names the columns"),
    ("a.tsv", "id,text\na,x\n", "line 1: no column named"),
    # Plain text
    ("a.txt", b"Bees \xe9\n", "line 1: byte 6 is not UTF-8"),
    ("a.txt", "\n\n", "a.txt has no passage. Expected UTF-8 text"),
    ("a.txt", "x" * 61, 'line 1: "text" has 61 characters'),
    # Sizes
    ("a.txt", "a\n" * 5, "a.txt has more than 4 passages; split it into files."),
    ("a.txt", "x" * 1_001, "a.txt, line 1: longer than 1,000 bytes"),
    ("a.txt", ("x" * 50 + "\n") * 70, "a.txt holds more than 3,000 bytes; split it into files."),
    ("bomb.txt.gz", "\n" * 1_000_000, "bomb.txt.gz holds more than 3,000 bytes"),
    # What the name says
    ("a.pdf", "x", "a.pdf does not say what it is; expected a name that ends in .jsonl"),
    ("a", "x", "a does not say what it is"),
    ("a.gz", "x", "a.gz does not say what it is"),
]


@pytest.mark.parametrize(("name", "content", "message"), BAD)
def test_what_is_wrong_is_said_with_its_line(name: str, content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load_file(write(tmp_path, name, content), LIMITS)
    assert message in str(caught.value)
    assert str(caught.value).startswith(name)


def test_a_broken_gzip_file_is_said_to_be_one(tmp_path: Path) -> None:
    whole = gzip.compress(LINE.encode() * 3)
    for content in (whole[:-9], b"not gzip", whole[:20] + b"\x00" * 8 + whole[28:]):
        path = tmp_path / "a.jsonl.gz"
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.jsonl\.gz is not a whole gzip file"):
            load_file(path, LIMITS)


def test_the_first_few_problems_come_together(tmp_path: Path) -> None:
    lines = ["{}", '{"id": "a", "text": "x"}', "[]", "{", '{"id": "a", "text": "x"}', "{}", "{}", "{}"]
    with pytest.raises(InputError) as caught:
        load_file(write(tmp_path, "a.jsonl", "\n".join(lines)))
    message = str(caught.value)
    assert message.startswith("a.jsonl was not loaded: line 1: no text;")
    assert [f"line {number}:" in message for number in range(1, 9)] == [
        True,
        False,
        True,
        True,
        True,
        True,
        False,
        False,
    ]
    assert message.endswith("There may be more after them.")


def test_places_without_a_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.csv is not there; expected a \.jsonl"):
        load_corpus(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="is a folder; expected"):
        load_corpus(str(tmp_path))


def test_unknown_names_are_a_sentence_and_never_a_file(tmp_path: Path) -> None:
    names = [entry.name for entry in corpus_names()]
    assert names[:2] == ["collection", "python-docs"]
    with pytest.raises(InputError, match="There is no corpus 'colection'; expected collection, python-docs"):
        load_corpus("colection")
    for name in ("", " ", "a\x00b", "a" * 5_000):
        with pytest.raises(InputError, match="There is no corpus"):
            load_corpus(name)
    write(tmp_path, "secret.txt", "Not for visitors.")
    with pytest.raises(InputError, match="There is no corpus"):
        load_named(str(tmp_path / "secret.txt"))


def test_fingerprints_follow_contents_not_order_or_name() -> None:
    moths = Document("b", "Moths circle.")
    one = Corpus.of("one", "One", [BEES, moths])
    assert Corpus.of("two", "Two", [moths, BEES]).fingerprint == one.fingerprint
    assert one.by_id == {"a": BEES, "b": moths}
    # The same characters, cut into fields in another way.
    shifted = [Document("a", "Bees hum", ".Bees"), moths]
    assert Corpus.of("one", "One", shifted).fingerprint != one.fingerprint
    with pytest.raises(InputError, match="two passages with the doc_id 'a'"):
        Corpus.of("one", "One", [BEES, BEES])


def test_the_collection_has_questions_and_judgements(tmp_path: Path) -> None:
    write(tmp_path, "corpus.jsonl", '{"doc_id": "a", "title": "Bees", "text": "Bees hum.", "field": "biology"}\n')
    write(tmp_path, "queries.jsonl", '{"query_id": "q1", "query": "What hums?", "field": "biology", "step": ""}\n')
    write(tmp_path, "qrels.test", "q1 0 a 2\n")
    corpus = load_collection(tmp_path)
    assert corpus.name == corpus.origin == "collection"
    assert corpus.documents == (BEES,)
    assert [(query.query_id, query.text) for query in corpus.queries] == [("q1", "What hums?")]
    assert corpus.qrels == {"q1": {"a": 2}}
    write(tmp_path, "queries.jsonl", '{"query_id": "q1"}\n')
    with pytest.raises(InputError, match=r'queries\.jsonl, line 1: expected "query_id" and "query"'):
        load_collection(tmp_path)
    with pytest.raises(InputError, match=r"expected corpus\.jsonl there"):
        load_collection(tmp_path / "elsewhere")


def test_the_collection_that_comes_with_the_project_loads() -> None:
    corpus = load_corpus("collection")
    assert len(corpus) >= 60
    assert {query.query_id for query in corpus.queries} == set(corpus.qrels)
    assert {doc_id for grades in corpus.qrels.values() for doc_id in grades} <= set(corpus.by_id)


@pytest.fixture(scope="module")
def docs(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return load_corpus("python-docs", Settings(cache=tmp_path_factory.mktemp("docs")))


def test_python_docs_have_what_is_written_in_python_and_in_c(docs: Corpus) -> None:
    assert len(docs) > 3_000
    assert docs.by_id["asyncio.Queue.put"].title == "asyncio.Queue.put(item)"
    assert docs.by_id["asyncio.Queue.put"].text.startswith("Put an item into the queue.\n\nPut an item")
    assert docs.by_id["str.split"].title == "str.split(sep=None, maxsplit=-1)"
    assert docs.by_id["heapq"].title == "heapq (module)"
    assert {"itertools.chain", "os.path.join", "math.sin", "json.dumps", "collections.deque.append"} <= set(docs.by_id)
    assert not any(doc_id.startswith(("this", "antigravity", "_", "idlelib")) for doc_id in docs.by_id)
    assert not any(" at 0x" in document.title for document in docs.documents)


def test_python_docs_are_the_same_each_time(docs: Corpus, tmp_path: Path) -> None:
    again = load_corpus("python-docs", Settings(cache=tmp_path))
    assert again.fingerprint == docs.fingerprint
    (kept,) = (tmp_path / "corpora").iterdir()
    # What is kept on disk is the same corpus; a damaged file is collected anew.
    assert load_corpus("python-docs", Settings(cache=tmp_path)).fingerprint == docs.fingerprint
    kept.write_text(kept.read_text()[:1000])
    assert load_corpus("python-docs", Settings(cache=tmp_path)).fingerprint == docs.fingerprint


CRASHING = """
import json, os, sys
with open(sys.argv[1], "w") as out:
    for name in ("alpha", "broken", "omega"):
        if name in sys.argv[2:]:
            continue
        out.write(json.dumps({"begin": name}) + "\\n")
        out.flush()
        if name == "broken":
            out.write('{"name": "half a li')
            out.flush()
            os._exit(1)
        print("noise")
        out.write(json.dumps({"name": name, "signature": "", "text": "x"}) + "\\n")
    out.write(json.dumps({"end": True}) + "\\n")
"""


def test_a_module_that_brings_python_down_is_left_out(tmp_path: Path) -> None:
    entries = python_docs.collect(write(tmp_path, "script.py", CRASHING))
    assert [entry["name"] for entry in entries] == ["alpha", "omega"]
    with pytest.raises(ReasonRankError, match=r"could not be collected: .* stopped at its start"):
        python_docs.collect(write(tmp_path, "script.py", "raise SystemExit(1)"))


def test_docstrings_are_dropped_merged_and_split() -> None:
    long = "\n\n".join(f"Paragraph {number} " + "word " * 50 for number in range(9))
    entries = [
        {"name": "a.short", "signature": "()", "text": "Return it."},
        {"name": "a.Base.run", "signature": "(x)", "text": "Run the thing with care and patience."},
        {"name": "a.Child.run", "signature": "(x)", "text": "Run the thing with care and patience."},
        {"name": "a.Child.go", "signature": "(x)", "text": "Run the thing with care and patience."},
        {"name": "a.long", "signature": "", "text": long},
    ]
    documents = list(python_docs.passages(entries))
    assert [document.doc_id for document in documents] == ["a.Base.run", "a.Child.go", "a.long", "a.long#2", "a.long#3"]
    assert documents[0].title == "a.Base.run(x)"
    assert {document.title for document in documents[2:]} == {"a.long"}


class Sample:
    """A class with a docstring."""

    def bare(self) -> None: ...


def sample(first: int, *, second: object = Sample(), third: str = "x" * 50) -> None: ...


@pytest.mark.parametrize(
    ("value", "signature", "text"),
    [
        (Sample, "()", "A class with a docstring."),
        (Sample(), "", ""),  # the instance has only its type's docstring
        (Sample.bare, "()", ""),
        (sample, "(first, *, second=..., third=...)", ""),  # no addresses, no long texts
        (3, "", ""),
        (str.upper, "()", "Return a copy of the string converted to uppercase."),
    ],
)
def test_signatures_and_docstrings_of_objects(value: object, signature: str, text: str) -> None:
    assert docstrings.signature(value) == signature
    assert docstrings.docstring(value) == text


@given(st.lists(st.text(st.sampled_from("ab.\n "), max_size=40), max_size=20), st.integers(1, 12))
def test_split_passages_lose_no_word(pieces: list[str], most: int) -> None:
    text = " ".join(pieces)
    passages = split_passages(text, most)
    assert " ".join(passages).split() == text.split()
    assert all(0 < len(passage.split()) <= most for passage in passages)


def test_public_collections_need_the_internet_or_say_so(tmp_path: Path) -> None:
    pytest.importorskip("ir_datasets")
    with pytest.raises(InputError, match="There is no corpus 'beir/none'; expected collection"):
        load_named("beir/none")


def test_what_is_written_is_read(tmp_path: Path) -> None:
    documents = [
        Document(f"d{number}", f"Text {number} – ünïcode 🐝", "T\u00adt" * (number % 2)) for number in range(5)
    ]
    lines = [json.dumps({"doc_id": d.doc_id, "text": d.text, "title": d.title}) for d in documents]
    assert list(load_file(write(tmp_path, "a.jsonl", "\n".join(lines))).documents) == documents
