// What a reader does on the page: unfold, follow a reference, stop, pick two documents to compare.
(function () {
  "use strict";

  const rr = (window.reasonrank = window.reasonrank || {});
  const FOLD = { open: "Show less", closed: "Show the whole text", marked: "Show the whole text, with the marked sentence" };
  let picked = null; // the first of two documents to compare: {id, label, button}

  // -- results and panel: one list kept in step with the component's value ------------------------------------

  rr.attachList = function (element, props, watch, trigger) {
    const list = element.querySelector(".rr-list");
    const live = element.querySelector("[role=status]");
    let run = 0;
    function update() {
      const value = props.value;
      if (!value || !value.parts || value.run < run) return;
      const isNew = value.run > run;
      run = value.run;
      if (isNew && list.querySelector(".rr-card")) begin(list);
      measure(rr.patch(list, value, staleToKeep(list, value)));
      rr.showView(list);
      element.setAttribute("aria-busy", String(value.busy));
      if (typeof value.link === "string") rr.remember(value.link);
      document.body.classList.toggle("rr-asked", document.body.classList.contains("rr-asked") || Boolean(list.querySelector(".rr-head")));
      if (list.querySelector(".rr-head") && !value.busy) rr.guide(list);
      if (live.textContent !== value.announce) live.textContent = value.announce;
      if (list.querySelector(".rr-panel") && isNew) openSheet();
    }
    element.addEventListener("click", (event) => onClick(event, list, trigger));
    rr.attachForms(element, trigger);
    let width = 0;
    new ResizeObserver(() => {
      if (list.clientWidth !== width) measure(list.querySelectorAll(".rr-card"));
      width = list.clientWidth;
    }).observe(list);
    watch("value", update);
    update();
  };

  function begin(list) {
    forgetPick();
    closeSheet();
    list.classList.remove("rr-all");
    for (const element of list.children) {
      if (!element.classList.contains("rr-head")) element.classList.add("rr-stale");
    }
  }

  // While a new question has no list yet, the old one stays, greyed out, so that the page does not collapse.
  function staleToKeep(list, value) {
    const stale = Array.from(list.querySelectorAll(":scope > .rr-stale"));
    const waits = value.busy && !value.order.some((key) => key.startsWith("card-"));
    const kept = waits ? stale.filter((element) => /^(card|pair)-/.test(element.dataset.part)) : [];
    kept.forEach((element) => element.setAttribute("inert", ""));
    stale.filter((element) => !kept.includes(element)).forEach((element) => element.remove());
    return kept;
  }

  function onClick(event, list, trigger) {
    const button = event.target.closest("button, a.rr-ref");
    if (!button) return;
    if (rr.editQueries(button) || rr.useTool(button, list, trigger)) return;
    if (button.matches(".rr-fold")) toggleFold(button);
    else if (button.matches(".rr-unfold")) unfold(list);
    else if (button.matches(".rr-stop")) trigger("stop");
    else if (button.matches(".rr-pick")) pick(button, trigger);
    else if (button.matches(".rr-close")) closeSheet(trigger);
    else if (button.matches("a.rr-ref")) follow(event, button);
  }

  // -- long texts ---------------------------------------------------------------------------------------------

  // A button to unfold stands where a text is cut. All are read before any is written, to lay out only once.
  function measure(elements) {
    const found = [];
    for (const element of elements) {
      const text = element.querySelector(".rr-text");
      const button = element.querySelector(".rr-fold");
      if (!text || !button) continue;
      const open = text.classList.contains("rr-open");
      const mark = text.querySelector("mark");
      const bottom = text.clientHeight + 2;
      const below = mark && mark.offsetTop - text.offsetTop + mark.offsetHeight > bottom;
      const label = open ? FOLD.open : below ? FOLD.marked : FOLD.closed;
      found.push({ button, label, hidden: !open && text.scrollHeight <= bottom });
    }
    for (const { button, label, hidden } of found) {
      if (button.hidden !== hidden) button.hidden = hidden;
      if (button.textContent !== label) button.textContent = label;
    }
  }

  function toggleFold(button) {
    const text = document.getElementById(button.getAttribute("aria-controls"));
    const open = text.classList.toggle("rr-open");
    button.setAttribute("aria-expanded", String(open));
    measure([button.closest(".rr-card")]);
  }

  function unfold(list) {
    const first = list.querySelector(".rr-card[data-rest]");
    list.classList.add("rr-all");
    measure(list.querySelectorAll(".rr-card[data-rest]"));
    if (first) focusCard(first);
  }

  // -- references to other cards ------------------------------------------------------------------------------

  function follow(event, link) {
    const card = document.getElementById(link.getAttribute("href").slice(1));
    if (!card) return;
    event.preventDefault();
    if (card.dataset.rest !== undefined) card.parentElement.classList.add("rr-all");
    const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    card.scrollIntoView({ block: "center", behavior: calm ? "instant" : "smooth" });
    focusCard(card);
  }

  function focusCard(card) {
    const title = card.querySelector("h3");
    title.tabIndex = -1;
    title.focus({ preventScroll: true });
  }

  // -- two documents to compare -------------------------------------------------------------------------------

  function describe(card) {
    return `${card.querySelector(".rr-rank").lastChild.textContent} · ${card.querySelector("h3").textContent}`;
  }

  function pick(button, trigger) {
    const card = button.closest(".rr-card");
    if (picked && picked.id === button.dataset.doc) return forgetPick();
    if (!picked) {
      picked = { id: button.dataset.doc, button };
      button.setAttribute("aria-pressed", "true");
      closeSheet();
      return showTray(`${describe(card)} — compare it with which one? Choose a second document.`);
    }
    const first = picked.id;
    forgetPick();
    rr.returnTo = button;
    trigger("compare", { first, second: button.dataset.doc });
    return undefined;
  }

  function forgetPick() {
    if (picked) picked.button.setAttribute("aria-pressed", "false");
    picked = null;
    const tray = document.querySelector(".rr-tray");
    if (tray) tray.hidden = true;
    document.body.classList.remove("rr-picking");
  }

  function showTray(text) {
    let tray = document.querySelector(".rr-tray");
    if (!tray) {
      tray = document.createElement("div");
      tray.className = "rr-tray";
      tray.innerHTML = '<p role="status"></p><button type="button" class="rr-link">Cancel</button>';
      tray.querySelector("button").addEventListener("click", () => {
        const back = picked && picked.button;
        forgetPick();
        if (back) back.focus();
      });
      document.querySelector(".gradio-container").append(tray);
    }
    tray.hidden = false;
    tray.querySelector("p").textContent = text;
    document.body.classList.add("rr-picking");
  }

  function openSheet() {
    document.body.classList.add("rr-sheet-open");
    const title = document.getElementById("rr-panel-title");
    if (title && !title.closest(".rr-panel").contains(document.activeElement)) title.focus({ preventScroll: true });
  }

  function closeSheet(trigger) {
    if (!document.body.classList.contains("rr-sheet-open")) return;
    document.body.classList.remove("rr-sheet-open");
    if (trigger) trigger("close");
    if (rr.returnTo && rr.returnTo.isConnected) rr.returnTo.focus({ preventScroll: true });
    rr.returnTo = null;
  }

  // -- keys and print -----------------------------------------------------------------------------------------

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    if (document.body.classList.contains("rr-sheet-open")) document.querySelector(".rr-close").click();
    else if (picked) document.querySelector(".rr-tray button").click();
  });

  window.addEventListener("beforeprint", () => {
    document.querySelectorAll(".rr-list details:not([open])").forEach((details) => {
      details.open = true;
      details.dataset.printed = "";
    });
  });
  window.addEventListener("afterprint", () => {
    document.querySelectorAll("details[data-printed]").forEach((details) => {
      details.open = false;
      delete details.dataset.printed;
    });
  });
})();
