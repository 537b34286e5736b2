"""A StackExchange dump to questions with answers: ``Posts.xml`` of the public dump, or the same rows as JSON lines.

The file is read twice as a stream, so that a dump of any size needs only the memory of the questions that are taken:
first the questions, then their answers. Links of an answer to other pages are kept as pages that the question is
known for, and the question's title as a search query for its body (how BRIGHT and InteRank use such data).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from reasonrank.errors import InputError, MissingDependencyError
from reasonrank.formats import open_text
from train.pairs import MAX_CHARS, Pair

QUESTION, ANSWER = "1", "2"
_BLOCKS = frozenset(("p", "div", "li", "ul", "ol", "pre", "blockquote", "br", "hr", "h1", "h2", "h3", "h4", "tr"))
_SILENT = frozenset(("script", "style"))


@dataclass(frozen=True, slots=True)
class DumpOptions:
    """Which questions are taken.

    Args:
        limit: The first so many; 0 takes all.
        least_question_score: Votes a question has at least.
        least_answer_score: Votes an answer has at least, unless the asker accepted it.
        answers: So many answers of a question, the accepted one first, then by votes.
    """

    limit: int = 0
    least_question_score: int = 1
    least_answer_score: int = 1
    answers: int = 3

    def __post_init__(self) -> None:
        if self.limit < 0 or self.answers < 1:
            raise InputError("--limit is not negative, and --answers counts from 1.")


@dataclass(frozen=True, slots=True)
class _Question:
    number: str
    title: str
    body: str
    accepted: str


def read_dump(path: Path, options: DumpOptions) -> Iterator[Pair]:
    """Questions with at least one answer that is good enough, in the dump's order.

    Raises:
        InputError: The file is not such a dump.
        MissingDependencyError: defusedxml is missing.
    """
    questions = _questions(path, options)
    found: dict[str, list[tuple[bool, int, str, str]]] = {}
    for row in rows(path):
        question = questions.get(str(row.get("ParentId", "")))
        if question is None or str(row.get("PostTypeId")) != ANSWER:
            continue
        number, score = str(row.get("Id", "")), _whole(row.get("Score"))
        accepted = bool(number) and number == question.accepted
        if accepted or score >= options.least_answer_score:
            found.setdefault(question.number, []).append((not accepted, -score, number, str(row.get("Body", ""))))
    for number, question in questions.items():
        best = [body for *_, body in sorted(found.get(number, []))[: options.answers]]
        read = [html_text(body) for body in best]
        answers = tuple(text for text, _ in read if text)
        if answers:
            links = dict.fromkeys(link for _, found_links in read for link in found_links)
            body = html_text(question.body)[0]
            whole = f"{question.title}\n\n{body}".strip() if body else question.title
            queries = (question.title,) if body and question.title else ()
            yield Pair(f"q{number}", whole[:MAX_CHARS], answers, "", tuple(links), queries)


def rows(path: Path) -> Iterator[Mapping[str, Any]]:
    """The rows of a dump, streamed; JSON lines unless the name ends in .xml.

    Raises:
        InputError: The file is not such a dump, or holds what a data file has no need of (entities, a DTD).
        MissingDependencyError: defusedxml is missing.
    """
    if path.suffix.lower() == ".xml":
        yield from _xml_rows(path)
        return
    with open_text(path) as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{path.name}, line {number}: not valid JSON. Mend or remove the line.") from error
            if not isinstance(value, dict):
                raise InputError(f"{path.name}, line {number}: expected a post as an object.")
            yield value


def html_text(html: str) -> tuple[str, list[str]]:
    """The text of a post's HTML, a line a block, and the addresses that it links to.

    >>> html_text('<p>See <a href="https://x.org/a">this</a> &amp; that.</p><pre>a = 1</pre>')
    ('See this & that.\\na = 1', ['https://x.org/a'])
    """
    reader = _Reader()
    reader.feed(html[:MAX_CHARS])
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.pieces).splitlines())
    return "\n".join(line for line in lines if line), reader.links


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.links: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if tag in _SILENT:
            self._silent += 1
        link = dict(attrs).get("href") if tag == "a" else None
        if link and link.startswith(("http://", "https://")):
            self.links.append(link)

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self.pieces.append("\n")
        if tag in _SILENT and self._silent:
            self._silent -= 1

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)


def _questions(path: Path, options: DumpOptions) -> dict[str, _Question]:
    questions: dict[str, _Question] = {}
    posts = 0
    for row in rows(path):
        posts += 1
        number = str(row.get("Id", ""))
        if str(row.get("PostTypeId")) != QUESTION or not number.isdigit():
            continue
        if _whole(row.get("Score")) < options.least_question_score or row.get("AnswerCount") in ("0", 0):
            continue
        title = " ".join(str(row.get("Title", "")).split())
        questions[number] = _Question(number, title, str(row.get("Body", "")), str(row.get("AcceptedAnswerId", "")))
        if len(questions) == options.limit:
            break
    if not posts:
        raise InputError(f"{path.name} holds no posts; expected rows with Id, PostTypeId, Title and Body.")
    return questions


def _xml_rows(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        from defusedxml.common import DefusedXmlException
        from defusedxml.ElementTree import ParseError, iterparse
    except ImportError as error:
        raise MissingDependencyError("defusedxml", "pip install 'reasonrank[train]'") from error
    try:
        root = None
        for event, element in iterparse(str(path), events=("start", "end"), forbid_dtd=True):
            if root is None:
                root = element
            if event == "end" and element.tag == "row":
                yield dict(element.attrib)
                root.clear()  # or the whole dump would stay in memory
    except OSError as error:
        raise InputError(f"{path.name} could not be read: {error.strerror or error}.") from error
    except DefusedXmlException as error:
        raise InputError(f"{path.name} declares a DTD or entities, which no dump does; it was not read.") from error
    except ParseError as error:
        raise InputError(f"{path.name} is not well-formed XML ({error}); expected Posts.xml of a dump.") from error


def _whole(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return 0
