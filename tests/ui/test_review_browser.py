"""Three people review in a real browser, two by keyboard alone and one by mouse; the server is killed on the way."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browsing import CONTRAST
from playwright.sync_api import Browser, Page, expect
from test_browser import check_access

from reasonrank.review.items import ranking_items
from reasonrank.review.lead import Lead
from reasonrank.review.opening import open_review
from reasonrank.review.values import Identity, Kind
from reasonrank.settings import Settings
from tests.review.helpers import scripted_ranking

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parents[2]
SIDES = {"left": "ArrowLeft", "right": "ArrowRight"}
# Ten reasons of z (the student says 2) and y (it says 1) in turn, one document x (it says 0), one pair of z and y.
KINDS: tuple[Kind, ...] = ("reason", "reason", "document", "pair", *("reason",) * 8)
ADA = ["2", "1", "0", "z", "2", "1", "2", "1", "2", "1", "2", "1"]
BO = ["2", "1", "0", "z", "2", "1", "2", "1", "2", "1", "2", "0"]
CY = ["2", "1", "1", "y", "2", "1", "2", "1", "2", "1", "1", "0"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings whose database holds a set of twelve items, each for three people."""
    settings = Settings(cache=tmp_path)
    review = open_review(settings)
    lead = Lead(review, Identity("Lea", "lead"))
    made = lead.create_set("first", student="script", engine="none", prompt_version="1", annotators_per_item=3)
    for number in range(1, 6):
        kinds: tuple[Kind, ...] = ("document", "reason", "pair") if number == 1 else ("reason",)
        items = ranking_items(scripted_ranking(f"q{number}", f"why good {number}"), made.set_id, kinds=kinds)
        lead.add_items(made.set_id, items)
    assert tuple(item.kind for item in review.store.items(made.set_id)) == KINDS
    review.store.database.close()
    return settings


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(settings: Settings, port: int) -> Iterator[str]:
    """The page in a process that is killed at the end, with no chance to tidy up."""
    command = [sys.executable, str(ROOT / "tests/ui/review_server.py"), str(settings.cache), str(port)]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests/ui'}"}
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            assert process.poll() is None, "the server ended"
            try:
                urllib.request.urlopen(address, timeout=1).close()
                break
            except OSError:
                time.sleep(0.2)
        yield address
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


class Reviewer:
    """Somebody at the Review tab, by keyboard or by mouse.

    Attributes:
        strokes: Keys pressed, or buttons clicked, since signing in.
    """

    def __init__(self, page: Page, name: str, *, mouse: bool = False) -> None:
        self.page, self.name, self.mouse, self.strokes = page, name, mouse, 0
        page.set_default_timeout(60_000)
        expect.set_options(timeout=60_000)

    def open(self, address: str, *, sign_in: bool = True) -> None:
        self.page.goto(address)
        self.page.get_by_role("tab", name="Review").click()
        if sign_in:
            self.page.locator(".rr-rv-sign input").wait_for()
            self.page.keyboard.type(self.name)
            self.page.keyboard.press("Enter")
        self.page.locator(".rr-rv-bar").wait_for()

    def do(self, key: str, control: str) -> None:
        """Press the key, or click the control that shows it."""
        self.strokes += 1
        if self.mouse:
            self.page.locator(control).click()
        else:
            self.page.keyboard.press(key)

    def answer(self, field: str, key: str, value: str) -> None:
        self.do(key, f'.rr-rv-ask[data-field="{field}"] .rr-rv-choice[data-value="{value}"]')

    def save(self) -> None:
        """Save, and wait until the server has committed it and shows what comes next."""
        before = self.page.locator(".rr-rv-task").get_attribute("data-part")
        self.do("Enter", '[data-do="save"]')
        self.page.wait_for_function(
            """(before) => { const task = document.querySelector('.rr-rv-task, .rr-rv-done');
            return task && task.dataset.part !== before; }""",
            arg=before,
        )

    def judge(self, kind: Kind, said: str, scales: str = "222") -> None:
        """One item: a grade, or which document is better."""
        if kind == "pair":
            left = self.page.locator(".rr-rv-pair > div").first.inner_text()
            side = "left" if ("good" in left.split("\n", 1)[1]) == (said == "z") else "right"
            self.answer("preferred", SIDES[side], side)
            self.save()
            self.answer("reason_right", "2", "2")
        else:
            assert self.page.locator(".rr-rv-student").count() == 0, "the student spoke first"
            self.answer("grade", said, said)
            if kind == "reason":
                self.save()
                expect(self.page.locator(".rr-rv-student")).to_contain_text(f"You said {said}, the student ")
                for field, step in zip(("correct", "supported", "complete"), scales, strict=True):
                    self.answer(field, step, step)
        self.save()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[object]:
    """Opens pages in browsers of their own; at the end no script may have failed in any."""
    contexts, wrong = [], []

    def open_one(width: int = 1440, height: int = 900, **options: str) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert wrong == []


def test_three_review_and_a_lead_reads_what_they_said(settings, visit):
    port = free_port()
    ada = Reviewer(visit(), "Ada")
    with server(settings, port) as address:
        ada.open(address)
        for kind, said in zip(KINDS[:10], ADA[:10], strict=True):
            ada.judge(kind, said)
        assert ada.strokes == 8 * 6 + 2 + 4
        assert "10 judged, 2 left for you, of 12 items" in ada.page.locator(".rr-rv-bar").inner_text()
        ada.page.keyboard.press("u")
        expect(ada.page.locator("#rr-review .rr-rv-told")).to_contain_text("Taken back")
        assert "9 judged, 3 left for you" in ada.page.locator(".rr-rv-bar").inner_text()
        assert ada.page.locator(".rr-rv-choice[aria-pressed=true]").count() == 4  # what was said is filled in
        ada.page.keyboard.press("0")  # another answer, which is not sent yet
    with server(settings, port) as address:
        ada.open(address, sign_in=False)  # the page remembers the name, the database the place
        expect(ada.page.locator("#rr-rv-query")).to_have_text("why good 4")
        assert "9 judged, 3 left for you" in ada.page.locator(".rr-rv-bar").inner_text()
        expect(ada.page.locator('[data-field="complete"] [aria-pressed=true]')).to_have_text("0 no")
        ada.page.keyboard.press("2")
        ada.save()  # the grade of the item that was taken back still stands
        for kind, said in zip(KINDS[10:], ADA[10:], strict=True):
            ada.judge(kind, said)
        expect(ada.page.locator(".rr-rv-done")).to_contain_text("Everything is judged")
        bo, cy = Reviewer(visit(), "Bo"), Reviewer(visit(), "Cy", mouse=True)
        for who, answers in ((bo, BO), (cy, CY)):
            who.open(address)
            for place, (kind, said) in enumerate(zip(KINDS, answers, strict=True)):
                who.judge(kind, said, "221" if who is bo and place == 4 else "222")
        assert bo.strokes == cy.strokes == 10 * 6 + 2 + 4
        read_by_the_lead(ada.page)
        export(ada.page, settings)
        assert ada.page.evaluate(CONTRAST) == []


def read_by_the_lead(page: Page) -> None:
    """The lead's page against a hand count of the three lists of answers above."""
    page.get_by_role("button", name="Lead’s view").click()
    page.locator(".rr-rv-decide").first.wait_for()
    rows = {row.locator("th").inner_text(): row.locator("td").all_inner_texts() for row in people(page)}
    assert [rows[name][:2] + rows[name][3:] for name in ("Ada", "Bo", "Cy")] == [
        ["12", "0", "12 of 12"],
        ["12", "0", "11 of 12"],
        ["12", "0", "8 of 12"],
    ]
    # 8 reasons on which all three agree, and two on which two of the three do: 26 of 30 pairs of answers.
    grades = page.locator('[data-question="reason-grade"] td').all_inner_texts()
    assert (grades[0], grades[1].split()[0]) == ("10", "87%")
    assert page.locator('[data-question="reason-correct"] td').all_inner_texts()[2] == "Everybody gave the same answer"
    assert page.locator('[data-question="document-grade"] td').all_inner_texts()[1] == "Not enough overlap yet"
    counts = page.locator(".rr-rv-number").all_text_contents()
    assert [int(count) for count in counts] == [2, 2, 0, 1, 13, 1, 0, 0, 14]
    assert states(page) == {"complete": 7, "disagreement": 5, "adjudicated": 0, "waiting": 0, "in_progress": 0}
    decision = page.locator(".rr-rv-decide").nth(3)
    expect(decision.locator("h4").first).to_have_text("why good 5")
    told = decision.inner_text()
    assert not any(name in told for name in ("Ada", "Bo", "Cy"))
    assert told.count("stands") == 3
    decision.locator('[name="grade"][value="2"]').check(force=True)
    decision.get_by_role("button", name="Decide").click()
    expect(page.locator("#rr-lead .rr-rv-told")).to_have_text("Decided and saved.")
    assert states(page)["adjudicated"] == 1
    assert page.locator(".rr-rv-decide").count() == 4


def people(page: Page):
    return page.get_by_role("region", name="Annotators").locator("tbody tr").all()


def states(page: Page) -> dict[str, int]:
    return {
        group.get_attribute("data-state"): int(group.locator("dd").inner_text())
        for group in page.locator(".rr-rv-states > div").all()
    }


def export(page: Page, settings: Settings) -> None:
    """The downloads, and that they hold what was judged and decided."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Grades (TREC qrels)").click()
    lines = download.value.path().read_text().splitlines()
    # y of the fifth question: 1, 0, 0; its z was decided; x of the first: 0, 0, 1.
    assert {"q5 0 z 2", "q5 0 y 0", "q1 0 x 0", "q1 0 z 2"} <= set(lines)
    assert len(lines) == 11
    with page.expect_download() as download:
        page.get_by_role("button", name="Offline page").click()
    assert download.value.suggested_filename == "first.html"
    review = open_review(settings)
    made = review.store.set_named("first")
    actions = [event.action for event in review.store.events(made.set_id)]
    review.store.database.close()
    # Eleven blind halves (all but the document) of each; Ada judged one item twice.
    assert {name: actions.count(name) for name in set(actions)} == {
        "grade": 33, "judge": 37, "undo": 1, "adjudicate": 1,
    }  # fmt: skip


def said(settings: Settings) -> list[tuple[str, object]]:
    """Actions and values that the database holds, in order."""
    review = open_review(settings)
    events = [(event.action, event.value) for event in review.store.events(review.store.set_named("first").set_id)]
    review.store.database.close()
    return events


def test_wrong_words_a_corrected_text_and_a_skip_with_its_reason(settings, visit):
    ada = Reviewer(visit(390), "Ada")
    page, port = ada.page, free_port()
    with server(settings, port) as address:
        ada.open(address)
        check_access(page, "a document to grade")
        ada.answer("grade", "2", "2")
        ada.save()
        expect(page.locator(".rr-rv-reason")).to_have_text("Tells what was asked for.")
        for key in ("m", "ArrowRight", "Space", "ArrowRight", "Space", "m"):
            page.keyboard.press(key)
        page.locator(".rr-w", has_text="for").click()
        assert page.locator(".rr-wrong").all_inner_texts() == ["what", "was", "for"]
        page.keyboard.press("e")
        page.keyboard.type("Tells 2 of 0 <b>things</b> 🦋.")  # digits are text here, not answers
        page.keyboard.press("Escape")
        check_access(page, "a reason with marks")
        for field, step in (("correct", "0"), ("supported", "1"), ("complete", "2")):
            ada.answer(field, step, step)
        ada.save()
        page.keyboard.press("s")
        expect(page.locator(".rr-rv-skip")).to_be_visible()
        page.keyboard.press("2")
        expect(page.locator("#rr-review .rr-rv-told")).to_have_text("Skipped.")
        expect(page.locator(".rr-rv-count")).to_contain_text("1 judged, 1 skipped, 10 left for you")
        for key in ("s", "5"):
            page.keyboard.press(key)
        page.keyboard.type("0 of <i>it</i> is mine")
        page.keyboard.press("Enter")
        expect(page.locator(".rr-rv-count")).to_contain_text("1 judged, 2 skipped")
        page.keyboard.press("k")
        expect(page.locator(".rr-rv-task")).to_contain_text("You skipped it: 0 of <i>it</i> is mine")
        page.keyboard.press("k")
        expect(page.locator(".rr-rv-task")).to_contain_text("You skipped it: the question is unclear")
        page.keyboard.press("k")
        expect(page.locator(".rr-rv-corrected")).to_have_value("Tells 2 of 0 <b>things</b> 🦋.")
        assert page.locator(".rr-wrong").all_inner_texts() == ["what", "was", "for"]
    graded, judged, *skipped = said(settings)
    assert graded[0] == "grade"
    assert judged == (
        "judge",
        {"grade": 2, "correct": 0, "supported": 1, "complete": 2, "corrected": "Tells 2 of 0 <b>things</b> 🦋.",
         "wrong_spans": [[6, 14], [21, 24]]},
    )  # fmt: skip
    assert skipped == [("skip", {"reason": "the question is unclear"}), ("skip", {"reason": "0 of <i>it</i> is mine"})]


def test_what_was_not_acknowledged_is_sent_again_and_stored_once(settings, visit):
    ada = Reviewer(visit(), "Ada")
    page, port = ada.page, free_port()
    with server(settings, port) as address:
        ada.open(address)
        page.route("**/queue/data*", lambda route: route.abort())  # what the server answers does not arrive
        ada.answer("grade", "2", "2")
        page.keyboard.press("Enter")
        for _ in range(300):
            if said(settings):
                break
            time.sleep(0.1)
        assert [action for action, _ in said(settings)] == ["grade"], "it was committed"
        assert page.locator(".rr-rv-student").count() == 0, "and the page was not told"
    page.unroute("**/queue/data*")
    with server(settings, port) as address:
        ada.open(address, sign_in=False)
        expect(page.locator(".rr-rv-student")).to_contain_text("You said 2, the student 2")
        assert [action for action, _ in said(settings)] == ["grade"], "sent twice, stored once"
        for field in ("correct", "supported", "complete"):
            ada.answer(field, "1", "1")
    page.keyboard.press("Enter")  # nobody is there to take it
    with server(settings, port) as address:
        ada.open(address, sign_in=False)
        expect(page.locator(".rr-rv-count")).to_contain_text("1 judged")
    graded, judged = said(settings)
    assert (graded[0], judged[0]) == ("grade", "judge")
    assert [judged[1][field] for field in ("grade", "correct", "supported", "complete")] == [2, 1, 1, 1]
