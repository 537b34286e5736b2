"""The page in a real Chromium, over the scripted pipeline: what a reader sees, does, and is told."""

from __future__ import annotations

import re
import time

import pytest
from browsing import CONTRAST, ask, axe_script, served, titles, wait_for_end
from playwright.sync_api import expect
from standin import DOCUMENTS, EVIDENCE, QUESTIONS, ScriptedPipeline

from reasonrank.ui.markup import visible
from reasonrank.ui.runs import UPDATES_PER_SECOND

pytestmark = pytest.mark.browser

QUESTION = QUESTIONS[0]
FIRST_STAGE = [visible(d.title or d.doc_id) for d in sorted(DOCUMENTS, key=lambda d: d.doc_id)]


FIRST_LIST = """() => document.querySelector("[data-stage=score].rr-stage-active") && {
  titles: [...document.querySelectorAll(".rr-card h3")].map((title) => title.innerText),
  found: document.querySelector("[data-stage=retrieve]").textContent,
  score: document.querySelector(".rr-score").textContent,
  moves: document.querySelectorAll(".rr-move").length,
}"""
"""What the page shows while the student scores."""


def card(page, title):
    return page.locator(".rr-card", has=page.get_by_role("heading", name=title, exact=True))


def eventually(condition, seconds=5.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


# -- from the question to the comparisons --------------------------------------------------------------------


def test_a_question_is_answered_stage_by_stage(page, pipeline):
    pipeline.delay = 0.12
    page.evaluate(
        """() => {
          window.carets = 0;
          const note = () => { window.carets += document.querySelectorAll(".rr-caret").length; };
          new MutationObserver(note).observe(document.body, {childList: true, subtree: true});
        }"""
    )
    ask(page, QUESTION)
    seen = page.wait_for_function(FIRST_LIST).json_value()  # at once: the scores come soon after
    assert seen == {"titles": FIRST_STAGE, "found": "Found 7 ms", "score": "Score follows", "moves": 0}

    page.locator("[data-stage=score].rr-stage-done").wait_for()
    assert titles(page)[:3] == ["The dorsal light response", "Steering by the moon", "Warm street lamps"]
    top = page.locator(".rr-card").first
    expect(top.locator(".rr-rank")).to_have_text("Rank 1")
    expect(top.locator(".rr-move")).to_have_text("+8 up 8 places, was 9th")
    expect(top.locator(".rr-grade")).to_have_text("1.86 of 2 expected grade")
    expect(top.locator(".rr-bars")).to_have_attribute("aria-label", re.compile("grade 2, fully relevant: 88%"))

    wait_for_end(page, QUESTION)
    assert page.evaluate("window.carets") > 0, "reasons were shown while they were written"
    expect(top.locator(".rr-why")).to_contain_text("insects near a lamp roll their backs toward it")
    expect(top.locator("mark")).to_have_text(EVIDENCE)
    expect(card(page, "Steering by the moon").locator(".rr-why")).to_contain_text("Cut off.")
    pairs = page.locator(".rr-pair")
    expect(pairs.nth(0)).to_contain_text("1 says what the insects do near the lamp, while 2 only tells")
    expect(pairs.nth(0)).to_contain_text("clearly, 93%")
    expect(pairs.nth(1)).to_contain_text("changes its mind with the order of presentation")
    expect(pairs.nth(2)).to_contain_text("Contradicts the order.")
    expect(page.locator(".rr-stages")).to_have_text(
        "Found 7 msScored 812 msExplained 2,310 msCompared 1,504 msTogether 4,633 ms"
    )
    expect(page.locator(".rr-chips")).to_contain_text("Ordered by the student's expected grade")


def test_an_example_is_asked_by_a_click(page):
    page.get_by_role("button", name=QUESTIONS[1]).click()
    wait_for_end(page, QUESTIONS[1])
    expect(page.locator("#rr-question")).to_have_value(QUESTIONS[1])
    expect(page.locator(".rr-examples")).to_be_hidden()


def test_the_choices_are_sent(page, pipeline):
    page.get_by_text("BM25", exact=True).click()
    page.get_by_text("10", exact=True).first.click()
    page.get_by_text("More settings").click()
    page.get_by_text("student and encoder together").click()
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    sent = pipeline.searched[0]
    assert (sent.retriever, sent.k, sent.order, sent.corpus) == ("bm25", 10, "fused", "collection")


def test_stages_are_announced_politely(page):
    page.evaluate(
        """() => {
          window.told = [];
          const live = document.querySelector("[role=status][aria-live=polite]");
          const note = () => window.told.push(live.textContent);
          new MutationObserver(note).observe(live, {childList: true, subtree: true});
        }"""
    )
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    assert page.evaluate("window.told") == [
        "Searching.",
        "11 documents found, in the first stage's order. The student is scoring.",
        "11 documents scored and reordered. Reasons follow.",
        "Reasons are written. Comparisons follow.",
        "Finished: 11 documents, ordered by the student's expected grade.",
    ]


# -- nothing flickers ----------------------------------------------------------------------------------------


def test_updates_keep_what_the_reader_did(page, pipeline):
    pipeline.delay = 0.1
    ask(page, QUESTION)
    page.locator("[data-stage=score].rr-stage-active").wait_for()
    chosen = card(page, "Warm street lamps")
    chosen.evaluate("element => { element.mine = true; }")
    chosen.locator(".rr-pick").focus()
    page.locator("[data-stage=score].rr-stage-done").wait_for()
    assert chosen.evaluate("element => element.mine"), "the card moved, it was not made anew"
    assert page.evaluate("document.activeElement.dataset.doc") == "lamps", "and kept the focus"
    chosen.locator(".rr-doubts summary").click()
    page.locator(".rr-fold:not([hidden])").first.click()
    page.evaluate("window.scrollTo(0, 300)")
    before = chosen.evaluate("element => element.getBoundingClientRect().top")
    page.locator(".rr-pair .rr-orders").first.wait_for()
    page.locator(".rr-pair .rr-orders summary").first.click()
    wait_for_end(page, QUESTION)
    assert chosen.locator(".rr-doubts").evaluate("details => details.open")
    assert page.locator(".rr-pair .rr-orders").first.evaluate("details => details.open")
    assert page.locator(".rr-text.rr-open").count() == 1
    assert chosen.evaluate("element => element.mine")
    after = chosen.evaluate("element => element.getBoundingClientRect().top")
    assert abs(after - before) < page.viewport_size["height"], (
        "what is read stays near where it was, though reasons grew above it"
    )
    assert page.evaluate("window.scrollY") > 0


def test_updates_are_throttled(page, pipeline):
    pipeline.delay = 0.005
    page.evaluate(
        """() => {
          window.patches = [];
          const patch = window.reasonrank.patch;
          window.reasonrank.patch = (...args) => { window.patches.push(performance.now()); return patch(...args); };
        }"""
    )
    ask(page, "a slow one")
    time.sleep(3)
    times = page.evaluate("window.patches")
    page.locator(".rr-stop").click()
    busiest = max(sum(1 for t in times if start <= t < start + 1000) for start in times)
    assert busiest <= UPDATES_PER_SECOND + 3, f"{busiest} updates in one second"


# -- one question ends the other -----------------------------------------------------------------------------


def test_a_new_question_ends_the_old_one(page, pipeline):
    ask(page, "a slow one")
    page.locator(".rr-caret").wait_for()
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    assert eventually(lambda: pipeline.cancelled == ["a slow one"]), "the old work stopped"
    assert pipeline.finished == [QUESTION]
    time.sleep(0.5)
    expect(page.locator(".rr-head h2")).to_have_text(f"Results for {QUESTION}")


def test_many_questions_in_a_row_leave_the_last(page, pipeline):
    for number in range(8):
        ask(page, f"slow question {number}")
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    assert eventually(lambda: len(pipeline.cancelled) == len(pipeline.searched) - 1)
    assert pipeline.finished == [QUESTION]


def test_stop_keeps_what_was_reached(page, pipeline):
    ask(page, "a slow one")
    page.locator(".rr-caret").wait_for()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator(".rr-head")).to_contain_text("Stopped. What was reached stands.")
    assert page.locator(".rr-caret").count() == 0 and page.locator(".rr-card").count() == 11
    assert eventually(lambda: pipeline.cancelled == ["a slow one"])


def test_closing_the_tab_ends_the_work(open_page, pipeline):
    page = open_page()
    ask(page, "a slow one")
    page.locator(".rr-caret").wait_for()
    page.close()
    assert eventually(lambda: pipeline.cancelled == ["a slow one"], 20)


# -- comparing two documents ---------------------------------------------------------------------------------


def test_any_two_documents_are_compared(page):
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    card(page, "The dorsal light response").locator(".rr-pick").click()
    expect(page.locator(".rr-tray")).to_contain_text("1 · The dorsal light response — compare it with which one?")
    card(page, "How a moth warms up").locator(".rr-pick").click()
    panel = page.locator(".rr-panel")
    expect(panel).to_contain_text("says what the insects do near the lamp, while 8 only tells")
    expect(panel).to_contain_text("clearly, 93%")
    expect(page.locator(".rr-tray")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.doc") == "heat"


def test_a_comparison_that_fails_has_its_sentence(page):
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    picks = page.locator(".rr-pick")
    picks.nth(0).click()
    page.locator(".rr-pick[data-doc=attack]").click()
    expect(page.locator(".rr-panel")).to_contain_text("The engine refused this pair.")


# -- by keyboard alone ---------------------------------------------------------------------------------------


def focused(page) -> str:
    return page.evaluate(
        "(document.activeElement.name || '') + ' ' + (document.activeElement.innerText || '').slice(0, 30).trim()"
    ).strip()


def tab_to(page, wanted: str) -> None:
    for _ in range(80):
        if wanted in focused(page):
            style = page.evaluate(
                "(() => { const e = document.activeElement; const s = getComputedStyle(e.type === 'radio' ? "
                "e.nextElementSibling : e); return s.outlineStyle !== 'none' || s.boxShadow !== 'none'; })()"
            )
            assert style or wanted == "question", f"no visible focus on {wanted}"
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab never reached {wanted!r}")


def test_everything_works_by_keyboard(page, pipeline):
    page.keyboard.press("Escape")
    page.keyboard.press("/") if focused(page) != "question" else None
    assert focused(page) == "question"
    page.keyboard.type(QUESTION)
    tab_to(page, "Search")
    tab_to(page, "corpus")
    tab_to(page, "retriever")
    page.keyboard.press("ArrowRight")
    tab_to(page, "k")
    tab_to(page, "More settings")
    page.keyboard.press("Enter")
    tab_to(page, "order")
    page.keyboard.press("ArrowRight")
    page.locator("#rr-question").focus()
    page.keyboard.press("Enter")
    wait_for_end(page, QUESTION)
    assert (pipeline.searched[0].retriever, pipeline.searched[0].order) == ("bm25", "fused")
    tab_to(page, "Show the whole text")
    page.keyboard.press("Enter")
    assert focused(page) == "Show less"
    tab_to(page, "Compare with")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    tab_to(page, "Both orders")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    tab_to(page, "Compare with")
    page.keyboard.press("Enter")
    expect(page.locator(".rr-panel .rr-orders")).to_be_visible()
    assert focused(page) == "Why this one above that one"
    tab_to(page, "Close")
    page.keyboard.press("Enter")
    assert focused(page) == "Compare with…"


# -- no dead ends --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("nothing", "Nothing in Scripted matches this question."),
        ("damaged", "The index of Scripted is damaged; rebuild it with: reasonrank index --rebuild"),
        ("crash", "Something went wrong on the server; its log has the details. You can ask again."),
        ("broken student", "Scoring failed. The model 'x' could not be loaded; check the name."),
        ("broken reasons", "Explaining failed. The engine ran out of memory. The order and the scores stand."),
    ],
)
def test_every_failure_has_its_sentence(page, question, sentence):
    ask(page, question)
    wait_for_end(page, question)
    expect(page.locator(".rr-list").first).to_contain_text(sentence)
    assert page.locator(".rr-card").count() == (11 if "broken" in question else 0)
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    assert page.locator(".rr-card").count() == 11, "and one can go on"


@pytest.mark.parametrize(
    ("question", "sentence"),
    [
        ("", "The question is empty; type a few words."),
        ("word " * 10_000, "The question has 49,999 characters; at most 4,000 are read. Shorten it."),
    ],
    ids=["empty", "10,000 words"],
)
def test_a_question_that_cannot_be_asked_leaves_the_list(page, question, sentence):
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    ask(page, question)
    expect(page.get_by_role("alert")).to_have_text(sentence)
    assert page.locator(".rr-card").count() == 11
    ask(page, "What do bats hunt?")
    wait_for_end(page, "What do bats hunt?")
    expect(page.get_by_role("alert")).to_have_count(0)


def test_preparing_is_shown(tmp_path, open_page, pipeline):
    slow = ScriptedPipeline(pipeline.settings)
    slow.prepared.clear()
    with served(slow, prepare=True) as address:
        page = open_page(address=address)
        expect(page.locator("#rr-preparing")).to_contain_text("Building the index of Scripted")
        ask(page, QUESTION)
        expect(page.locator(".rr-list").first).to_contain_text("Building the index of Scripted")
        slow.prepared.set()
        wait_for_end(page, QUESTION)
        assert page.locator(".rr-card").count() == 11
        expect(page.locator("#rr-preparing")).to_be_hidden()


# -- the visitor's own file ----------------------------------------------------------------------------------


def choose_file(page, name: str, content: str) -> None:
    page.get_by_text("Search in your own texts").click()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a file…").click()
    chooser.value.set_files({"name": name, "mimeType": "text/plain", "buffer": content.encode()})


def test_a_file_of_ones_own_is_searched(page):
    choose_file(page, "notes.jsonl", '{"doc_id": "n1", "title": "A note", "text": "Of <b>lamps</b>."}\n')
    expect(page.locator("#rr-notice")).to_contain_text("notes.jsonl has 1 document. Ask your question.")
    expect(page.locator("#rr-corpus option:checked")).to_have_text("Your file: notes.jsonl")
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    assert titles(page) == ["A note"]
    expect(page.locator(".rr-text")).to_have_text("Of <b>lamps</b>.")


def test_a_broken_file_says_where(page):
    choose_file(page, "notes.jsonl", '{"doc_id": "n1", "text": "One."}\n{"doc_id": \n')
    expect(page.get_by_role("alert")).to_contain_text("line 2")
    expect(page.locator("#rr-corpus option")).not_to_contain_text(["Your file"])


# -- widths, darkness, paper ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1440, 768, 390, 320])
def test_nothing_sticks_out(open_page, width):
    page = open_page(width)
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    page.locator(".rr-pick").nth(0).click()
    page.locator(".rr-pick").nth(5).click()
    page.locator(".rr-panel .rr-orders").wait_for()
    sticking = page.evaluate(
        """() => [...document.querySelectorAll("main *")]
          .filter((e) => e.checkVisibility() && !e.closest(".rr-sr, .visually-hidden"))
          .filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
          .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert sticking == []
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_the_question_box_shows_all_its_lines(open_page):
    clipped = (
        "() => { const box = document.getElementById('rr-question'); return box.scrollHeight - box.clientHeight; }"
    )
    page = open_page(390)
    page.locator("#rr-question").fill("Why do moths circle a lamp at night, and not the moon?")
    assert page.evaluate(clipped) <= 0
    wide = open_page(1440)
    wide.locator("#rr-question").fill("Why do moths circle a lamp at night, and not the moon?")
    wide.set_viewport_size({"width": 390, "height": 800})
    wide.wait_for_function(f"({clipped})() <= 0")
    assert wide.locator("#rr-question").bounding_box()["height"] > 60, "two lines and more"


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (768, "dark"), (390, "light"), (390, "dark")])
def test_contrast_and_names(open_page, pipeline, scheme, width):
    page = open_page(width, color_scheme=scheme, reduced_motion="reduce")
    assert page.evaluate("document.body.classList.contains('dark')") == (scheme == "dark")
    check_access(page, "start")
    pipeline.delay = 0.1
    ask(page, QUESTION)
    page.locator("[data-stage=score].rr-stage-active").wait_for()
    assert page.evaluate(CONTRAST) == []
    wait_for_end(page, QUESTION)
    page.evaluate("document.querySelectorAll('details').forEach((details) => { details.open = true; })")
    page.locator(".rr-pick").nth(0).click()
    assert page.evaluate(CONTRAST) == []
    page.locator(".rr-pick").nth(5).click()
    page.locator(".rr-panel .rr-orders").wait_for()
    check_access(page, "comparing")
    ask(page, "broken student")
    wait_for_end(page, "broken student")
    check_access(page, "failed")


def check_access(page, where: str) -> None:
    """Contrast by our own reckoning always; axe-core's rules where axe-core is there."""
    assert page.evaluate(CONTRAST) == [], where
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("button, a, input, select, textarea, summary, progress")]
          .filter((e) => e.checkVisibility())
          .filter((e) => !(e.innerText || e.ariaLabel || e.title || [...(e.labels || [])].some((l) => l.textContent)))
          .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert nameless == [], where
    script = axe_script()
    if script is not None:
        page.evaluate(script)
        found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        told = [f"{v['id']}: {n['html'][:120]}" for v in found["violations"] for n in v["nodes"]]
        assert told == [], where


def test_paper_has_the_whole_list(page):
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    page.emulate_media(media="print")
    assert page.locator(".rr-form").is_hidden() and page.locator(".rr-pick").first.is_hidden()
    cut = page.evaluate(
        "[...document.querySelectorAll('.rr-text')].filter((t) => t.scrollHeight > t.clientHeight + 2).length"
    )
    assert cut == 0, "long texts are not folded on paper"


def test_documents_are_text_and_nothing_else(page):
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    attack = page.locator(".rr-card[data-doc=attack]")
    expect(attack.locator("h3")).to_have_text("<b onclick='window.hacked=1'>bold</b> {preferred} {0}")
    expect(attack.locator(".rr-text")).to_have_text(
        'Before <script>window.hacked = 1</script> & "quotes" ${value} {{value}} <img src=x onerror=1>'
    )
    assert attack.locator("script, img, b[onclick]").count() == 0
