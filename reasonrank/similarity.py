"""How near question and documents are by the encoder: what the fused order reads beside the student's grade."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reasonrank.data import Candidate
from reasonrank.encoder import Encoder
from reasonrank.prompts import passage_text


def with_similarity(query: str, candidates: Sequence[Candidate], encoder: Encoder) -> list[Candidate]:
    """Candidates with their cosine to the query.

    What dense retrieval found has it already, from the same encoder over the same text; the others are encoded here.

    Raises:
        EngineError: The encoder failed.
    """
    known = {place: cosine for place, one in enumerate(candidates) if (cosine := _known(one)) is not None}
    missing = [place for place in range(len(candidates)) if place not in known]
    if missing:
        documents = [candidates[place].document for place in missing]
        texts = [passage_text(document.text, document.title) for document in documents]
        vectors = encoder.encode(texts)  # (missing, dimensions), of length 1
        cosines = vectors @ encoder.encode([query], as_query=True)[0]
        known |= dict(zip(missing, cosines.tolist(), strict=True))
    return [replace(one, similarity=known[place]) for place, one in enumerate(candidates)]


def _known(candidate: Candidate) -> float | None:
    if candidate.similarity is not None:
        return candidate.similarity
    # A document that another query found has that query's cosine, which says nothing of the question's own.
    found = candidate.parts.get("cosine") if not candidate.found_by else None
    return found.score if found else None
