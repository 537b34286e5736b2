"""A corpus: documents in order of doc_id, with a fingerprint of their contents."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from reasonrank.data import Document, Query
from reasonrank.errors import InputError


@dataclass(frozen=True)
class Corpus:
    """What is searched.

    Args:
        name: What a user types: a known name, or a file's name.
        title: The same for people: ``Sample collection``.
        documents: In order of doc_id, so that ties in a list are the order of rows in an index.
        fingerprint: SHA-256 of the documents, whatever their order was.
        queries: Example questions.
        qrels: Grades by query_id and doc_id, where the corpus has them.
        origin: What tells two corpora of the same name apart, for a file its path; indexes are kept under it.
    """

    name: str
    title: str
    documents: tuple[Document, ...]
    fingerprint: str
    queries: tuple[Query, ...] = ()
    qrels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    origin: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        title: str,
        documents: Iterable[Document],
        *,
        queries: Iterable[Query] = (),
        qrels: Mapping[str, Mapping[str, int]] | None = None,
        origin: str = "",
    ) -> Corpus:
        """A corpus with its documents put in order and fingerprinted.

        Raises:
            InputError: There is no document, or two have the same doc_id.
        """
        ordered = tuple(sorted(documents, key=lambda document: document.doc_id))
        if not ordered:
            raise InputError(f"{name} has no passage; expected at least one.")
        for before, after in itertools.pairwise(ordered):
            if before.doc_id == after.doc_id:
                raise InputError(f"{name} has two passages with the doc_id {after.doc_id!r}; give each its own.")
        return cls(name, title, ordered, fingerprint(ordered), tuple(queries), qrels or {}, origin or name)

    def __len__(self) -> int:
        return len(self.documents)

    @cached_property
    def by_id(self) -> Mapping[str, Document]:
        """The documents under their doc_id."""
        return {document.doc_id: document for document in self.documents}


def fingerprint(documents: Iterable[Document]) -> str:
    """SHA-256 over id, title and text of documents, in the order given."""
    digest = hashlib.sha256()
    for document in documents:
        fields = [document.doc_id, document.title, document.text]
        digest.update(json.dumps(fields).encode("ascii"))
        digest.update(b"\n")
    return digest.hexdigest()
