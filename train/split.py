"""Which judged lists are kept aside: by passage and by a stable hash, so that no kept-aside passage is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace

from train.records import SoftList, TeacherRecord

HELD_OUT_SHARE = 0.1
KEEP_SOFT_SHARE = 0.5
"""A soft list stays in training when at least this share of its documents remains."""


def stable_share(key: str) -> float:
    """A number in [0, 1) that depends on nothing but ``key``."""
    return int.from_bytes(hashlib.sha256(key.encode("utf-8")).digest()[:8], "big") / 2**64


def held_out_documents(records: Sequence[TeacherRecord], share: float = HELD_OUT_SHARE) -> frozenset[str]:
    """Ids of all documents that are kept aside.

    Lists that share a passage, directly or through other lists, stay together: each connected group falls on one
    side by the hash of its smallest document id, whatever the order of files and lines.
    """
    parent: dict[str, str] = {}

    def root(doc_id: str) -> str:
        parent.setdefault(doc_id, doc_id)
        while parent[doc_id] != doc_id:
            parent[doc_id] = doc_id = parent[parent[doc_id]]
        return doc_id

    for record in records:
        for document in record.documents:
            low, high = sorted((root(record.documents[0].doc_id), root(document.doc_id)))
            parent[high] = low  # the smaller id leads, so a group's root is its smallest id
    return frozenset(doc_id for doc_id in list(parent) if stable_share(root(doc_id)) < share)


def split_records(
    records: Sequence[TeacherRecord], share: float = HELD_OUT_SHARE
) -> tuple[list[TeacherRecord], list[TeacherRecord]]:
    """Records to train on, and records kept aside (these in a stable shuffled order)."""
    aside = held_out_documents(records, share)
    kept = [record for record in records if record.documents[0].doc_id not in aside]
    held = [record for record in records if record.documents[0].doc_id in aside]
    return kept, sorted(held, key=lambda record: stable_share(record.query.query_id))


def without_documents(lists: Iterable[SoftList], aside: frozenset[str]) -> list[SoftList]:
    """Soft lists without the documents kept aside, targets normalised anew.

    A list that loses more than half of its documents (a query whose own list is kept aside) is dropped.
    """
    kept = []
    for soft in lists:
        documents = tuple(document for document in soft.documents if document.doc_id not in aside)
        total = sum(soft.target[document.doc_id] for document in documents)
        if len(documents) < KEEP_SOFT_SHARE * len(soft.documents) or total <= 0:
            continue
        target = {document.doc_id: soft.target[document.doc_id] / total for document in documents}
        kept.append(replace(soft, documents=documents, target=target))
    return kept
