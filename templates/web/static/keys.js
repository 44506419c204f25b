// Small comforts; every page works without: keys (j, k, s, /) in lists, and a guess at the time zone.
"use strict";
(() => {
  const papers = () => [...document.querySelectorAll(".paper")];
  let at = -1;

  const go = (step) => {
    const all = papers();
    if (!all.length) return;
    at = Math.min(Math.max(at + step, 0), all.length - 1);
    const link = all[at].querySelector(".paper-title a");
    all[at].scrollIntoView({ block: "start" });
    if (link) link.focus({ preventScroll: true });
  };

  const save = () => {
    const button = papers()[at]?.querySelector("[data-save]");
    if (button) button.click();
  };

  const search = (event) => {
    const field = document.querySelector("input[type=search]");
    if (field) { event.preventDefault(); field.focus(); field.select(); return; }
    const link = document.querySelector("a[data-search]");
    if (link) { event.preventDefault(); link.click(); }
  };

  document.addEventListener("focusin", (event) => {
    const paper = event.target.closest?.(".paper");
    if (paper) at = papers().indexOf(paper);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    if (event.key === "j") go(1);
    else if (event.key === "k") go(-1);
    else if (event.key === "s") save();
    else if (event.key === "/") search(event);
  });

  for (const range of document.querySelectorAll("input[type=range]")) {
    range.addEventListener("input", () => {
      for (const output of document.querySelectorAll(`output[for="${range.id}"]`)) output.value = range.value;
    });
  }

  const zone = document.querySelector("input[data-guess-zone]");
  if (zone) {
    const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
    if (here) zone.value = here;
  }
})();
