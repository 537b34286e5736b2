"""Two set-ups against each other on one question: the form, the two lists side by side, the vote."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from reasonrank.data import Ranking
from reasonrank.engines.base import Cancel
from reasonrank.errors import InputError
from reasonrank.settings import Settings
from reasonrank.ui.change import agreement_lines
from reasonrank.ui.evaluation import JUDGES, SetUp
from reasonrank.ui.evaluation_view import name_of
from reasonrank.ui.form import RETRIEVERS, select
from reasonrank.ui.lab import NO_LIST, Lab, searched_with, sheet
from reasonrank.ui.markup import esc, label_of, shorten
from reasonrank.ui.render import Value, sentence_block
from reasonrank.ui.votes import CHOICES, Choice, Side, Vote, VoteStore

log = logging.getLogger(__name__)

TITLE = "Against another set-up"
SHOWN = 10
"""Documents of either list that are shown side by side."""
TEXT_WIDTH = 130
CHOICE_NAMES: dict[Choice, str] = {"left": "The left one is better", "right": "The right one is better", "tie": "Equal"}


@dataclass(frozen=True, slots=True)
class Duel:
    """Two finished lists, in the order in which they are shown."""

    left: tuple[SetUp, Ranking]
    right: tuple[SetUp, Ranking]
    hidden: bool
    choice: Choice | None = None


class Duels:
    """Duels of the page's visitors.

    Args:
        lab: Shows what is at work in the sheet.
        votes: Keeps the votes.
    """

    def __init__(self, lab: Lab, votes: VoteStore) -> None:
        self._lab = lab
        self._votes = votes

    def open(self, session: str | None) -> Value:
        """The form, over the visitor's list."""
        visitor = self._lab.visitors.get(session)
        run = self._lab.visitors.begin_comparison(visitor)
        visitor.duel = None
        if visitor.ranking is None or visitor.settings is None:
            return sheet(run, TITLE, "duel", sentence_block(NO_LIST))
        return sheet(run, TITLE, "duel", duel_form(visitor.settings))

    def fight(self, session: str | None, sent: Mapping[str, Any]) -> Iterator[Value]:
        """Search with the other set-up, then show both lists."""
        visitor = self._lab.visitors.get(session)
        run = self._lab.visitors.begin_comparison(visitor)
        ranking, settings = visitor.ranking, visitor.settings
        try:
            if ranking is None or settings is None:
                raise InputError(NO_LIST)
            own, other = setup_of(settings), SetUp.of(sent, "other")
            if own == other:
                raise InputError("That is the set-up of this list; choose another one.")
        except InputError as error:
            yield sheet(run, TITLE, "duel", sentence_block(str(error)))
            return
        hidden = sent.get("hidden") == "yes"
        yield sheet(run, TITLE, "duel", '<p class="rr-note rr-awaited">Searching…</p>', busy=True)

        def work(cancel: Cancel) -> Iterator[Ranking]:
            queries = searched_with(ranking)
            for step in self._lab.pipeline.search(ranking.query.text, other.settings(settings), cancel, queries):
                last = step.ranking
            if last.problems:
                raise InputError(next(iter(last.problems.values())))
            yield last

        def render(found: Ranking, _: bool) -> str:
            if visitor.duel is None:
                sides = [(own, ranking), (other, found)]
                if hidden:
                    random.shuffle(sides)
                visitor.duel = Duel(sides[0], sides[1], hidden)
            return duel_view(visitor.duel)

        visitor.duel = None
        yield from self._lab.shown(run, work, render, TITLE, "duel")

    def vote(self, session: str | None, choice: str) -> Value:
        """Keep the vote and reveal the names; a second vote on the same lists changes nothing."""
        visitor = self._lab.visitors.get(session)
        run = self._lab.visitors.begin_comparison(visitor)
        duel = visitor.duel
        chosen = next((one for one in CHOICES if one == choice), None)
        if duel is None or chosen is None:
            return sheet(run, TITLE, "duel", sentence_block("There are no two lists to vote on; compare two first."))
        if duel.choice is None:
            try:
                self._votes.add(_vote(duel, chosen))
            except OSError:
                log.exception("A vote could not be kept")
                problem = sentence_block("The vote could not be kept; the server's log has the details.")
                return sheet(run, TITLE, "duel", problem + duel_view(duel))
            visitor.duel = duel = replace(duel, choice=chosen)
        return sheet(run, TITLE, "duel", duel_view(duel))


def setup_of(settings: Settings) -> SetUp:
    """The set-up that made a list."""
    return SetUp(settings.retriever, "none" if settings.student == "none" else settings.order)


def duel_form(settings: Settings) -> str:
    """What to set against this list."""
    own = setup_of(settings)
    judges = [(name, told) for name, told in JUDGES.items() if settings.student != "none" or name == "none"]
    retriever = own.retriever if own.judge != "none" else "bm25" if own.retriever != "bm25" else "dense"
    return (
        f"<p>This list: {esc(name_of(own))}. Set against it, on the same question:</p>"
        '<form class="rr-lab rr-evaluate" data-act="fight">'
        f"{select('other_retriever', 'Find by', RETRIEVERS, retriever)}"
        f"{select('other_judge', 'Order by', judges, 'none')}"
        '<label class="rr-check"><input type="checkbox" name="hidden" value="yes" checked> hide the names until I '
        'have voted</label><button type="submit" class="rr-button">Compare the lists</button></form>'
    )


def duel_view(duel: Duel) -> str:
    """Both lists, their names if they may be told, and the buttons to vote or what was voted."""
    open_names = duel.choice is not None or not duel.hidden
    columns = "".join(
        f"<div><h3>{esc(name_of(setup)) if open_names else f'The {where} list'}</h3>{_column(ranking)}</div>"
        for where, (setup, ranking) in (("left", duel.left), ("right", duel.right))
    )
    if duel.choice is None:
        buttons = " ".join(
            f'<button type="button" class="rr-button" data-act="vote" data-choice="{choice}">{told}</button>'
            for choice, told in CHOICE_NAMES.items()
        )
        verdict = f'<p class="rr-row">{buttons}</p>'
    else:
        verdict = f"<p><b>Your vote was kept:</b> {CHOICE_NAMES[duel.choice].lower()}.</p>"
    ids = [[scored.doc_id for scored in ranking.documents] for _, ranking in (duel.left, duel.right)]
    return f'{verdict}<div class="rr-two">{columns}</div>{agreement_lines(ids[0], ids[1])}'


def _column(ranking: Ranking) -> str:
    rows = "".join(
        f'<li><b dir="auto">{esc(shorten(label_of(scored.document), 80))}</b> '
        f'<span dir="auto">{esc(shorten(scored.document.text, TEXT_WIDTH))}</span></li>'
        for scored in ranking.documents[:SHOWN]
    )
    return f'<ol class="rr-column">{rows}</ol>' if rows else "<p>Nothing was found.</p>"


def _vote(duel: Duel, choice: Choice) -> Vote:
    left, right = (
        Side(name_of(setup), tuple(scored.doc_id for scored in ranking.documents))
        for setup, ranking in (duel.left, duel.right)
    )
    ranking = duel.left[1]
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Vote(now, ranking.query.text, ranking.corpus, left, right, choice, duel.hidden)
