"""The command ``reasonrank review``: create, list, export, import, and passwords."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from reasonrank.errors import InputError
from reasonrank.settings import Settings

if TYPE_CHECKING:
    from reasonrank.review.values import Identity, Kind

AddSettings = Callable[..., None]
LoadSettings = Callable[[argparse.Namespace], Settings]
FORMS = ("jsonl", "csv", "qrels", "pairs", "records", "html")


def add_parser(commands: argparse._SubParsersAction, add: AddSettings, load: LoadSettings) -> None:
    """Add ``review`` and its own commands.

    Args:
        commands: The parser's commands.
        add: Adds settings to a parser as flags, by their names.
        load: Reads them back.
    """
    review = commands.add_parser("review", help="judge documents and explanations, and export what was said")
    inner = review.add_subparsers(title="commands", required=True, metavar="COMMAND")

    create = inner.add_parser("create", help="run the student over a candidates file and make a review set of it")
    create.add_argument("--candidates", type=Path, required=True, help="JSON lines, .gz or not")
    create.add_argument("--name", default="", help="the set's name; the file's name by default")
    create.add_argument("--annotators-per-item", type=int, default=2, metavar="K", help="people who judge each item")
    create.add_argument(
        "--blind", action=argparse.BooleanOptionalAction, default=True, help="ask for the grade before the answer shows"
    )
    create.add_argument("--kinds", default="document,reason,pair", help="which kinds of item, between commas")
    create.add_argument("--depth", type=int, default=None, help="only so many documents from each list's top")
    add(create, "student", "base", "engine", "device", "order", "mode", "samples", "explain", "cache")

    listing = inner.add_parser("list", help="the sets, and how far each is")
    export = inner.add_parser("export", help="write what was judged")
    export.add_argument("--name", default="", help="the set; all sets by default")
    export.add_argument("--format", choices=FORMS, required=True, dest="form", help="what to write")
    export.add_argument("--out", type=Path, required=True, help="file to write")
    importing = inner.add_parser("import", help="put in judgements made elsewhere: JSON lines or TREC qrels")
    importing.add_argument("file", type=Path)
    importing.add_argument("--name", default="", help="the set that qrels are about")
    importing.add_argument("--annotator", default="", help="whom qrels are by; the file's name by default")
    for parser, command in ((create, _create), (listing, _list), (export, _export), (importing, _import)):
        if parser is not create:
            add(parser, "cache")
        add(parser, "database", "segments")
        parser.set_defaults(command=lambda options, command=command: command(options, load(options)))

    password = inner.add_parser("password", help="add a name to a password file, or change its password")
    password.add_argument("name")
    password.add_argument("--file", type=Path, required=True, help="the password file")
    password.add_argument("--role", choices=("annotator", "lead"), default="annotator")
    password.set_defaults(command=_password)


def _create(options: argparse.Namespace, settings: Settings) -> int:
    from tqdm import tqdm

    from reasonrank.formats import read_candidates
    from reasonrank.pipeline import Pipeline
    from reasonrank.review.create import create_from_lists, rankings
    from reasonrank.review.lead import Lead
    from reasonrank.review.opening import open_review

    if settings.student == "none":
        raise InputError("Without a student there is nothing to review; choose one with --student.")
    if options.depth is not None and options.depth < 1:
        raise InputError(f"depth is {options.depth}; it must be at least 1.")
    kinds = _kinds(options.kinds)
    lists = list(read_candidates(options.candidates))
    lead = Lead(open_review(settings), _operator())
    made, count = create_from_lists(
        lead,
        options.name or options.candidates.name.split(".")[0],
        tqdm(rankings(Pipeline(settings), lists), total=len(lists), unit=" questions", file=sys.stderr),
        kinds=kinds,
        depth=options.depth,
        annotators_per_item=options.annotators_per_item,
        blind_first=options.blind,
    )
    sys.stdout.write(f"{made.name}: {count} items of {len(lists)} questions, judged by {made.student}\n")
    return 0


def _kinds(text: str) -> list[Kind]:
    from reasonrank.review.values import KINDS

    named = [name.strip() for name in text.split(",")]
    if set(named) - set(KINDS):
        raise InputError(f"kinds is {text!r}; expected some of {','.join(KINDS)}.")
    return [kind for kind in KINDS if kind in named]


def _list(_: argparse.Namespace, settings: Settings) -> int:
    from reasonrank.review.lead import Lead
    from reasonrank.review.opening import open_review
    from reasonrank.review.report import item_state

    review = open_review(settings)
    lead = Lead(review, _operator())
    for entry in review.store.sets():
        judged = lead.judged(entry.set_id)
        states = [item_state(one) for one in judged]
        told = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states)) or "no items"
        sys.stdout.write(f"{entry.name}\t{len(judged)} items\t{told}\t{entry.student}\n")
    return 0


def _export(options: argparse.Namespace, settings: Settings) -> int:
    from reasonrank.formats import replacing
    from reasonrank.review.export import unresolved
    from reasonrank.review.lead import Lead
    from reasonrank.review.opening import open_review

    review = open_review(settings)
    lead = Lead(review, _operator())
    chosen = [review.store.set_named(options.name)] if options.name else list(review.store.sets())
    if not chosen:
        raise InputError("There is no review set yet; make one with 'reasonrank review create'.")
    ids = [entry.set_id for entry in chosen]
    pieces = lead.export(ids, options.form)
    with replacing(options.out) as file:
        file.writelines(pieces)
    left_out = unresolved([one for set_id in ids for one in lead.judged(set_id)])
    if left_out and options.form in ("qrels", "records"):
        sys.stderr.write(f"{left_out} documents without a majority have no grade in the file; adjudicate them.\n")
    return 0


def _import(options: argparse.Namespace, settings: Settings) -> int:
    from reasonrank.review.imports import import_file
    from reasonrank.review.opening import open_review

    review = open_review(settings)
    added = import_file(review, _operator(), options.file, name=options.name, annotator=options.annotator)
    sys.stdout.write(f"{len(added.sets)} sets, {len(added.items)} items, {len(added.events)} events were new\n")
    return 0


def _password(options: argparse.Namespace) -> int:
    from reasonrank.review.identity import PasswordFile

    first = getpass.getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if sys.stdin.isatty() and getpass.getpass("Again: ") != first:
        raise InputError("The two passwords differ; nothing was changed.")
    PasswordFile(options.file).set(options.name, first, options.role)
    return 0


def _operator() -> Identity:
    """Whoever runs commands on the machine that has the database may do everything in it."""
    from reasonrank.review.values import Identity

    try:
        return Identity(getpass.getuser(), "lead")
    except (KeyError, OSError):  # a container's user may have no name
        return Identity("operator", "lead")
