// The Review tab: keys for everything, a draft that stays until the server has committed it, words marked as wrong.
(function () {
  "use strict";

  const rr = (window.reasonrank = window.reasonrank || {});
  const KEPT = "reasonrank-review-"; // begins the names under which the browser keeps things
  const PATIENCE_MS = 15000;
  const LETTERS = { s: "ask_skip", u: "undo", k: "earlier", j: "later", e: "correct", m: "mark", g: "guideline", "?": "keys" };
  const SIDES = { ArrowLeft: "left", ArrowRight: "right", "=": "equal" };

  function keep(name, value, storage = localStorage) {
    if (value) storage.setItem(KEPT + name, value);
    else storage.removeItem(KEPT + name);
  }
  const kept = (name, storage = localStorage) => storage.getItem(KEPT + name) || "";
  // Who asks; a token only counts on servers with a password file, where a name alone does not.
  rr.reviewer = () => ({ name: kept("name"), token: kept("token", sessionStorage) });
  rr.reviewSet = () => kept("set");
  const newId = () => crypto.getRandomValues(new Uint32Array(4)).reduce((text, part) => text + part.toString(36), "rv");

  rr.attachReview = function (element, props, watch, trigger) {
    const hosts = { who: element.querySelector(".rr-rv-who-host"), bar: element.querySelector(".rr-rv-bar-host") };
    const main = element.querySelector(".rr-rv");
    const told = element.querySelector(".rr-rv-told");
    let number = 0; // of the last request
    let waiting = null; // the request that is under way: {number, timer}
    let failed = null; // a save that was not acknowledged: {like, event_id}
    let state = null; // what the server said of the item that is shown
    let draft = {};
    let part = ""; // the version of the item that is shown
    let now = ""; // the field that a digit answers
    let cursor = -1; // the word at hand while words are marked; -1 while they are not
    let spent = 0;
    let since = performance.now();

    // -- asking the server ------------------------------------------------------------------------------------

    function ask(does, more = {}) {
      if (waiting) return;
      number += 1;
      waiting = { number, timer: setTimeout(lostPatience, PATIENCE_MS) };
      element.setAttribute("aria-busy", "true");
      trigger("act", { ...rr.reviewer(), set: rr.reviewSet(), ...more, do: does, number });
    }

    function lostPatience() {
      waiting = null;
      element.setAttribute("aria-busy", "false");
      say(kept("pending") ? "The server does not answer. Your answer is not saved yet, but kept in this browser: " +
        "press Enter to try again, or load the page again." : "The server does not answer; try again.", true);
    }

    // Kept until the server says that it is committed, under one id however often it is sent.
    function submit(does, more) {
      const like = JSON.stringify([does, state.item, more]);
      const event_id = failed && failed.like === like ? failed.event_id : newId();
      failed = { like, event_id };
      const seconds = Math.round(time() / 100) / 10;
      const asked = { ...more, item: state.item, set: state.set, event_id, ...(does === "undo" ? {} : { seconds }) };
      if (waiting) return;
      keep("pending", JSON.stringify({ name: rr.reviewer().name, does, asked }));
      say("Saving…");
      ask(does, asked);
    }

    function update() {
      const reply = props.value;
      if (!reply || reply.answers !== number || !waiting) return;
      clearTimeout(waiting.timer);
      waiting = null;
      element.setAttribute("aria-busy", "false");
      const pending = kept("pending") ? JSON.parse(kept("pending")) : null;
      if (pending && reply.saved === pending.asked.event_id) {
        keep("pending", "");
        failed = null;
      } else if (pending && reply.problem && failed) keep("pending", ""); // refused: the draft is still on the page
      if (reply.who) {
        keep("name", reply.who.name);
        keep("token", reply.who.token, sessionStorage);
      }
      if (reply.problem) return say(reply.problem, true);
      show(reply);
      const unsent = kept("pending") ? JSON.parse(kept("pending")) : null;
      if (unsent && reply.who && unsent.name === reply.who.name) {
        say("Saving what was not saved yet…");
        failed = { like: "", event_id: unsent.asked.event_id };
        ask(unsent.does, unsent.asked);
      }
    }

    function show(reply) {
      const own = (key) => hosts[key] || main;
      for (const host of [hosts.who, hosts.bar, main]) {
        rr.patch(host, { order: reply.order.filter((key) => own(key) === host),
          parts: Object.fromEntries(reply.order.filter((key) => own(key) === host).map((key) => [key, reply.parts[key]])) });
      }
      const before = state && state.item;
      state = reply.state;
      part = reply.order.find((key) => key.startsWith("task-")) || "";
      draft = state ? { ...state.draft, ...remembered() } : {};
      cursor = -1;
      if (state) keep("set", state.set);
      if (!state || state.item !== before) {
        spent = 0;
        since = performance.now();
      }
      now = state ? state.fields.find((field) => draft[field] === undefined) || state.fields.at(-1) || "" : "";
      say(reply.message || "");
      if (window.matchMedia("(max-width: 900px)").matches) fold();
      words();
      const box = main.querySelector(".rr-rv-corrected");
      if (box) box.value = draft.corrected || "";
      draw();
      arrive();
    }

    function arrive() {
      const title = main.querySelector("#rr-rv-query, h2, input");
      if (!title) return;
      if (title.nodeName === "H2") title.tabIndex = -1;
      title.focus({ preventScroll: true });
      if (title.getBoundingClientRect().top < 0) element.scrollIntoView({ block: "start" });
    }

    function fold() {
      for (const details of main.querySelectorAll(".rr-rv-guideline:not([data-folded])")) {
        details.open = false;
        details.dataset.folded = "";
      }
    }

    function say(text, bad = false) {
      told.textContent = text;
      told.classList.toggle("rr-notice-bad", bad);
    }

    // -- the draft --------------------------------------------------------------------------------------------

    // What was answered and not sent yet outlives the page; another version of the item begins anew.
    function remember() {
      keep("draft", JSON.stringify({ name: rr.reviewer().name, part, draft }));
    }

    function remembered() {
      const left = kept("draft") ? JSON.parse(kept("draft")) : {};
      return part && left.part === part && left.name === rr.reviewer().name ? left.draft : {};
    }

    const asks = (field) => main.querySelector(`.rr-rv-ask[data-field="${field}"]`);

    function answer(field, value) {
      if (!state || !state.fields.includes(field)) return;
      draft[field] = value;
      remember();
      const after = state.fields.slice(state.fields.indexOf(field) + 1);
      now = after.find((one) => draft[one] === undefined) || state.fields.find((one) => draft[one] === undefined) || field;
      draw();
    }

    function draw() {
      if (!state) return;
      for (const field of state.fields) {
        const group = asks(field);
        group.classList.toggle("rr-rv-now", field === now);
        for (const button of group.querySelectorAll(".rr-rv-choice")) {
          button.setAttribute("aria-pressed", String(String(draft[field]) === button.dataset.value));
        }
      }
      for (const [place, word] of wordsOf().entries()) {
        word.classList.toggle("rr-wrong", isWrong(word));
        word.classList.toggle("rr-at", place === cursor);
      }
    }

    function step(by) {
      const place = state.fields.indexOf(now) + by;
      now = state.fields[Math.max(0, Math.min(state.fields.length - 1, place))] || now;
      draw();
      if (asks(now)) asks(now).scrollIntoView({ block: "nearest" });
    }

    function save() {
      if (!state || !state.item) return;
      const missing = state.fields.find((field) => draft[field] === undefined);
      if (missing) {
        now = missing;
        draw();
        asks(missing).scrollIntoView({ block: "nearest" });
        return say("Answer the marked question first.", true);
      }
      const value = Object.fromEntries(state.fields.map((field) => [field, draft[field]]));
      const box = main.querySelector(".rr-rv-corrected");
      if (box) Object.assign(value, { corrected: box.value, wrong_spans: draft.wrong_spans || [] });
      submit("save", { action: state.action, value });
    }

    function skip(reason) {
      if (state && state.item && reason.trim()) submit("skip", { reason: reason.trim() });
    }

    // -- words that are wrong ---------------------------------------------------------------------------------

    const wordsOf = () => Array.from(main.querySelectorAll(".rr-rv-reason .rr-w"));
    const isWrong = (word) =>
      (draft.wrong_spans || []).some(([start, end]) => start < Number(word.dataset.end) && end > Number(word.dataset.start));

    // Places are counted in code points, as the database keeps them.
    function words() {
      const holder = main.querySelector(".rr-rv-reason");
      if (!holder || holder.querySelector(".rr-w")) return;
      const parts = [];
      let at = 0;
      for (const { segment, isWordLike } of new Intl.Segmenter(undefined, { granularity: "word" }).segment(holder.textContent)) {
        const end = at + Array.from(segment).length;
        const part = isWordLike ? document.createElement("span") : document.createTextNode(segment);
        if (isWordLike) {
          part.className = "rr-w";
          part.textContent = segment;
          Object.assign(part.dataset, { start: at, end });
        }
        parts.push(part);
        at = end;
      }
      holder.replaceChildren(...parts);
    }

    // Neighbouring wrong words become one place, with what stands between them.
    function toggle(word) {
      if (!word || !state || state.action !== "judge") return;
      const all = wordsOf();
      const wrong = all.map((one) => isWrong(one) !== (one === word));
      const spans = [];
      all.forEach((one, place) => {
        if (!wrong[place]) return;
        if (place && wrong[place - 1]) spans.at(-1)[1] = Number(one.dataset.end);
        else spans.push([Number(one.dataset.start), Number(one.dataset.end)]);
      });
      draft.wrong_spans = spans;
      remember();
      draw();
    }

    function mark() {
      if (!wordsOf().length) return;
      cursor = cursor < 0 ? 0 : -1;
      say(cursor < 0 ? "" : "Marking wrong words: ← → move, Space marks, M ends.");
      draw();
    }

    function moveCursor(by) {
      const all = wordsOf();
      cursor = Math.max(0, Math.min(all.length - 1, cursor + by));
      draw();
      all[cursor].scrollIntoView({ block: "nearest" });
    }

    // -- what is done -----------------------------------------------------------------------------------------

    const DOES = {
      save,
      mark,
      undo: () => state && submit("undo", {}),
      earlier: () => state && ask("earlier", { item: state.item }),
      later: () => state && ask("later", { item: state.item }),
      sets: () => {
        keep("set", "");
        ask("sets");
      },
      choose: (button) => ask("choose", { set: button.dataset.set }),
      skip: (button) => skip(button.dataset.reason),
      sign_out: () => {
        const token = kept("token", sessionStorage);
        for (const name of ["name", "set"]) keep(name, "");
        keep("token", "", sessionStorage);
        ask("sign_out", { token });
      },
      lead: () => rr.openLead && rr.openLead(),
      correct: () => {
        const box = main.querySelector(".rr-rv-corrected");
        if (box) box.focus();
      },
      guideline: () => {
        const details = main.querySelector(".rr-rv-guideline");
        if (!details) return;
        details.open = !details.open;
        if (details.open) details.scrollIntoView({ block: "nearest" });
      },
      keys: () => {
        const dialog = main.querySelector(".rr-rv-keys");
        if (dialog && !dialog.open) dialog.showModal();
      },
      ask_skip: () => {
        const row = main.querySelector(".rr-rv-skip");
        if (row) row.hidden = !row.hidden;
      },
    };

    element.addEventListener("click", (event) => {
      const word = event.target.closest(".rr-w");
      if (word) return toggle(word);
      const button = event.target.closest("button");
      if (!button) return undefined;
      if (button.matches(".rr-rv-choice")) {
        const value = button.dataset.value;
        return answer(button.closest(".rr-rv-ask").dataset.field, /^\d$/.test(value) ? Number(value) : value);
      }
      if (DOES[button.dataset.do]) DOES[button.dataset.do](button);
      return undefined;
    });
    element.addEventListener("submit", (event) => {
      const form = event.target;
      if (form.dataset.do !== "sign_in") return;
      event.preventDefault();
      const sent = Object.fromEntries(new FormData(form));
      ask("sign_in", { ...sent, token: "" });
    });
    element.addEventListener("input", (event) => {
      if (!event.target.matches(".rr-rv-corrected")) return;
      draft.corrected = event.target.value;
      remember();
    });

    // -- keys -------------------------------------------------------------------------------------------------

    document.addEventListener("keydown", (event) => {
      if (!element.isConnected || !element.checkVisibility() || event.isComposing) return;
      if (event.ctrlKey || event.metaKey || event.altKey || main.querySelector("dialog[open]")) return;
      if (event.target.closest("[role=tablist]")) return;
      if (event.target.matches("input, textarea, select")) {
        if (typed(event)) event.preventDefault();
        return;
      }
      if (press(event)) event.preventDefault();
    });

    // While something is typed, only what ends the typing. True if the key was for the tab.
    function typed(event) {
      if (event.key === "Escape") event.target.blur();
      else if (event.key === "Enter" && event.target.matches(".rr-rv-other")) skip(event.target.value);
      else return false;
      return true;
    }

    function press(event) {
      const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
      const row = main.querySelector(".rr-rv-skip:not([hidden])");
      if (event.repeat && !key.startsWith("Arrow")) return key === "Enter";
      if (!state) return pick(main.querySelectorAll(".rr-rv-set"), key);
      if (cursor >= 0) return markKey(key);
      if (row) return skipKey(row, key);
      if (key === "Enter") {
        if (event.target.matches('button:not(.rr-rv-choice[aria-pressed="true"]), summary, a')) return false;
        save();
      } else if (/^[012]$/.test(key) && now && now !== "preferred") answer(now, Number(key));
      else if (SIDES[key] && state.fields.includes("preferred")) answer("preferred", SIDES[key]);
      else if (key === "ArrowUp" || key === "ArrowDown") step(key === "ArrowUp" ? -1 : 1);
      else if (LETTERS[key]) DOES[LETTERS[key]]();
      else return false;
      return true;
    }

    function pick(buttons, key) {
      const button = /^[1-9]$/.test(key) && buttons[Number(key) - 1];
      if (!button) return false;
      button.click();
      return true;
    }

    function skipKey(row, key) {
      if (key === "Escape" || key === "s") row.hidden = true;
      else if (key === "5") row.querySelector("input").focus();
      else return pick(row.querySelectorAll('[data-do="skip"]'), key);
      return true;
    }

    function markKey(key) {
      if (key === "ArrowLeft" || key === "ArrowRight") moveCursor(key === "ArrowLeft" ? -1 : 1);
      else if (key === " ") toggle(wordsOf()[cursor]);
      else if (key === "m" || key === "Escape" || key === "Enter") mark();
      else return false;
      return true;
    }

    // -- time, and the beginning ------------------------------------------------------------------------------

    const time = () => spent + (document.hidden ? 0 : performance.now() - since);
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) spent += performance.now() - since;
      since = performance.now();
    });
    rr.openReview = () => {
      document.body.classList.remove("rr-leading");
      ask("open");
    };
    watch("value", update);
    // Only once somebody looks, so that a page that is not used for reviewing opens no database.
    new IntersectionObserver((entries, observer) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      ask("open");
    }).observe(element);
  };

  // The lead's view: forms and buttons that say what they are for, a reply that says what became of it, files.
  rr.attachLead = function (element, props, watch, trigger) {
    const told = element.querySelector(".rr-rv-told");
    const list = element.querySelector(".rr-rv-leading");
    let number = 0;
    let set = "";

    function ask(does, more = {}) {
      number += 1;
      told.textContent = "Working…";
      told.classList.remove("rr-notice-bad");
      element.setAttribute("aria-busy", "true");
      trigger("lead", { ...rr.reviewer(), set, ...more, do: does, number });
    }

    function saveFile(file) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([file.text], { type: `${file.mime};charset=utf-8` }));
      link.download = file.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), PATIENCE_MS);
    }

    watch("value", () => {
      const reply = props.value;
      if (!reply || reply.answers !== number) return;
      element.setAttribute("aria-busy", "false");
      told.textContent = reply.problem || reply.message;
      told.classList.toggle("rr-notice-bad", Boolean(reply.problem));
      if (reply.file) saveFile(reply.file);
      if (reply.problem || !reply.order.length) return;
      set = reply.set;
      rr.patch(list, reply);
    });

    element.addEventListener("change", (event) => {
      if (event.target.matches('select[data-do="look"]')) ask("look", { set: event.target.value });
    });
    element.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-do]");
      if (!button) return;
      if (button.dataset.do === "look") ask("look");
      else if (button.dataset.do === "keep") ask("keep", { form: button.dataset.form });
      else if (button.dataset.do === "back") rr.openReview();
    });
    element.addEventListener("submit", (event) => {
      const form = event.target;
      event.preventDefault();
      const value = Object.fromEntries(new FormData(form));
      if (form.querySelector("[name=wrong_spans]")) value.wrong_spans = new FormData(form).getAll("wrong_spans");
      // One id for what the form holds, so that sending it again stores it once.
      const like = JSON.stringify(value);
      if (form.dataset.like !== like) Object.assign(form.dataset, { like, event: newId() });
      ask(form.dataset.do, { item: form.dataset.item, value, event_id: form.dataset.event });
    });
    rr.openLead = () => {
      document.body.classList.add("rr-leading");
      ask("look", { set: set || rr.reviewSet() });
    };
  };

  // Forms of other tabs that send something to review carry who is signed in.
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches('form[data-act="send"]')) return;
    const { name, token } = rr.reviewer();
    event.formData.set("token", token);
    if (!(event.formData.get("name") || "").trim()) event.formData.set("name", name);
  });
})();
