// The tools over the list: one view open at a time, whatever is patched meanwhile, and rows that light up together.
(function () {
  "use strict";

  const rr = (window.reasonrank = window.reasonrank || {});
  let open = ""; // the name of the open view

  // True if the click was for a tool. What a button carries in data-* goes along to the server.
  rr.useTool = function (button, list, trigger) {
    if (button.dataset.act) {
      const { act, ...carried } = button.dataset;
      const form = button.closest("form.rr-lab");
      if (!form && !button.closest(".rr-panel")) rr.returnTo = button;
      trigger(act, form ? { ...Object.fromEntries(new FormData(form)), ...carried } : carried);
      return true;
    }
    if (button.matches(".rr-copy")) {
      rr.copy(button);
      return true;
    }
    if (!button.matches(".rr-tool")) return false;
    open = open === button.dataset.view ? "" : button.dataset.view;
    rr.showView(list);
    return true;
  };

  rr.showView = function (list) {
    rr.fillLinks(list);
    for (const view of list.querySelectorAll(".rr-view")) view.hidden = view.dataset.view !== open;
    for (const button of list.querySelectorAll(".rr-tool[data-view]")) {
      button.setAttribute("aria-expanded", String(button.dataset.view === open));
    }
  };

  // Forms in the sheet: sent when they are submitted, and a moment after the last key where something was changed.
  const PAUSE_MS = 700;
  rr.attachForms = function (element, trigger) {
    let waiting = 0;
    const send = (form) => {
      clearTimeout(waiting);
      trigger(form.dataset.act, Object.fromEntries(new FormData(form)));
    };
    element.addEventListener("submit", (event) => {
      event.preventDefault();
      send(event.target);
    });
    for (const name of ["input", "reset"]) {
      element.addEventListener(name, (event) => {
        const form = event.target.closest('form[data-act="judge"]');
        clearTimeout(waiting);
        if (form) waiting = setTimeout(() => form.isConnected && send(form), PAUSE_MS);
      });
    }
  };

  function light(event) {
    const row = event.target.closest && event.target.closest(".rr-slope [data-key]");
    const chart = row && row.closest(".rr-slope");
    for (const lit of document.querySelectorAll(".rr-lit")) lit.classList.remove("rr-lit");
    if (!chart) return;
    for (const one of chart.querySelectorAll(`[data-key="${row.dataset.key}"]`)) one.classList.add("rr-lit");
  }
  document.addEventListener("pointerover", light);
  document.addEventListener("focusin", light);
})();
