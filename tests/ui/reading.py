"""Reads HTML back: what a reader sees, what an element is, and whether anything is there that should not be."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = frozenset({"br", "img", "input", "hr", "meta", "link"})
OURS = frozenset(
    (
        "a",
        "article",
        "aside",
        "b",
        "bdi",
        "blockquote",
        "button",
        "code",
        "dd",
        "details",
        "div",
        "dl",
        "dt",
        "em",
        "fieldset",
        "footer",
        "form",
        "h2",
        "h3",
        "h4",
        "header",
        "i",
        "input",
        "label",
        "legend",
        "li",
        "mark",
        "ol",
        "option",
        "p",
        "progress",
        "section",
        "select",
        "span",
        "strong",
        "summary",
        "textarea",
        "ul",
        "ol",
        *("svg", "path", "line", "circle", "rect", "text", "g", "title"),
        *("figure", "figcaption", "polyline", "hr", "table", "thead", "tbody", "tr", "th", "td", "sub", "pre"),
    )
)
"""Tags that the page is made of."""
BLOCKS = frozenset(("p", "div", "li", "dd", "dt", "h2", "h3", "h4", "details", "summary", "button", "th", "td"))


class Reader(HTMLParser):
    """Collects tags with their attributes, and the text; fails on tags that do not nest."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert len(dict(attrs)) == len(attrs), f"an attribute stands twice in <{tag}>: {attrs}"
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open}"
        self.open.pop()
        self.text += " " if tag in BLOCKS else ""

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        raise AssertionError(f"a comment: {data!r}")

    def handle_decl(self, decl):
        raise AssertionError(f"a declaration: {decl!r}")


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == [], f"not closed: {reader.open}"
    return reader


def text_of(html: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(read(html).text.split())


def assert_harmless(html: str) -> None:
    """Only tags of ours, no event handlers, no addresses but those on the page."""
    for tag, attributes in read(html).tags:
        assert tag in OURS, f"<{tag}> is none of ours"
        for name, value in attributes.items():
            assert not name.startswith("on"), f"{name} in <{tag}>"
            assert name not in ("src", "srcdoc", "action", "formaction"), f"{name} in <{tag}>"
            if name == "href":
                assert value is not None and value.startswith("#doc-") and value[5:].isalnum()
            if name == "style":
                assert value is not None and value.startswith("width:")
