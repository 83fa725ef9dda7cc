/*
 * On an agent's page: keeps the rows of sources that wait or are being trained up to date until they are done.
 * Without scripts the page has a link to reload it.
 */
"use strict";

(function () {
  const section = document.querySelector("[data-sources]");
  if (!section) { return; }
  const often = 1500;
  const seldom = 6000;
  // After this time poll less often, since a crawl may be long.
  const oftenFor = 60 * 1000;
  const begun = Date.now();

  const busy = () => [...section.querySelectorAll("[data-source][data-busy]")];

  function freshRow(html) {
    return new DOMParser().parseFromString(html, "text/html").querySelector("[data-source]");
  }

  function replace(row, told) {
    if (row.dataset.mark === told.mark) { return; }
    const fresh = document.importNode(freshRow(told.html), true);
    const hadFocus = row.contains(document.activeElement);
    row.replaceWith(fresh);
    if (hadFocus) { (fresh.querySelector("button, a") || fresh).focus(); }
    if (!told.busy) { section.querySelector("[data-sources-said]").textContent = told.words; }
  }

  async function look() {
    const rows = busy();
    if (!rows.length) { return; }
    if (!document.hidden) {
      const ids = rows.map((row) => `id=${row.dataset.source}`).join("&");
      try {
        const answer = await fetch(`${section.dataset.sources}?${ids}`, { headers: { Accept: "application/json" } });
        // Signed out, or no longer a member: the person's next action will show that.
        if (!answer.ok || answer.redirected) { return; }
        const { sources } = await answer.json();
        for (const row of rows) {
          const told = sources[row.dataset.source];
          if (told) { replace(row, told); } else { row.remove(); }
        }
      } catch {
        // No connection: try again later.
      }
    }
    setTimeout(look, Date.now() - begun < oftenFor ? often : seldom);
  }

  setTimeout(look, often);
})();
