// Search queries beside the question: rows that are removed and added before they are searched again.
(function () {
  "use strict";

  const rr = (window.reasonrank = window.reasonrank || {});

  // True if the click was for the form of queries.
  rr.editQueries = function (button) {
    const form = button.closest(".rr-queries form");
    if (!form || button.type === "submit") return false;
    const rows = Array.from(form.querySelectorAll("li"));
    const add = form.querySelector(".rr-add-query");
    if (button.matches(".rr-drop-query")) {
      const row = button.closest("li");
      row.querySelector("input").value = "";
      row.hidden = true;
      add.hidden = false;
      const left = rows.find((one) => !one.hidden);
      (left ? left.querySelector("input") : add).focus();
    } else {
      const row = rows.find((one) => one.hidden);
      row.hidden = false;
      row.querySelector("input").focus();
      add.hidden = rows.every((one) => !one.hidden);
    }
    return true;
  };

  // The form goes with the old list; the heading over both stays.
  document.addEventListener("submit", (event) => {
    const form = event.target.closest(".rr-queries form");
    const title = form && form.closest(".rr-list").querySelector(".rr-head h2");
    if (title) title.focus({ preventScroll: true });
  });
})();
