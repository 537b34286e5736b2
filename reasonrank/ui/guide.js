// A first visit, guided in a few notes over the first list; told once, and again when asked for.
(function () {
  "use strict";

  const rr = (window.reasonrank = window.reasonrank || {});
  const SEEN = "reasonrank-guide";
  const NOTES = [
    ["This is the first stage’s list, put in the order of the grades that a small language model gives.", ".rr-card .rr-score"],
    ["The number under the rank says how far a document moved. “Before and after” draws it.", ".rr-card .rr-gutter"],
    ["“Why” is the model’s reason. The sentence that supports it is marked in the text, if there is one.", ".rr-card .rr-why"],
    ["Between two cards stands why the upper one is above. “Compare with…” compares any two, “What if…” changes a text.", ".rr-pair"],
  ];
  const FAR = 120; // pixels
  let at = -1;

  function seen() {
    try {
      return window.localStorage.getItem(SEEN) === "1";
    } catch {
      return true; // no storage: a note that comes back at every question would only disturb
    }
  }

  function close(box) {
    mark("");
    box.remove();
    at = -1;
    try {
      window.localStorage.setItem(SEEN, "1");
    } catch {
      // Then it is told again at the next visit.
    }
    const title = document.querySelector(".rr-head h2");
    if (title) title.focus({ preventScroll: true });
  }

  function mark(selector) {
    for (const one of document.querySelectorAll(".rr-shown")) one.classList.remove("rr-shown");
    const target = selector && document.querySelector(selector);
    if (target) target.classList.add("rr-shown");
  }

  function show(box) {
    const [text, selector] = NOTES[at];
    box.querySelector("p").textContent = `${at + 1} of ${NOTES.length}. ${text}`;
    box.querySelector(".rr-next").textContent = at + 1 < NOTES.length ? "Next" : "Done";
    mark(selector);
  }

  // Begins over a finished list, unless it was told before.
  rr.guide = function (list) {
    if (at >= 0 || seen() || !list.querySelector(".rr-card")) return;
    if (window.scrollY > FAR) return; // it would push away what is being read; the next question tells it
    at = 0;
    const box = document.createElement("aside");
    box.className = "rr-guide";
    box.setAttribute("aria-label", "How to read this list");
    box.innerHTML =
      '<p role="status"></p><button type="button" class="rr-button rr-next"></button>' +
      '<button type="button" class="rr-link rr-skip">Close</button>';
    box.querySelector(".rr-next").addEventListener("click", () => {
      at += 1;
      if (at < NOTES.length) show(box);
      else close(box);
    });
    box.querySelector(".rr-skip").addEventListener("click", () => close(box));
    list.before(box);
    show(box);
  };
})();
