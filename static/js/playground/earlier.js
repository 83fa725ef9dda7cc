// Loads earlier turns from the link's page and inserts them above, without moving what is being read.

import { parsed } from "../live_text.js";

export function showEarlierOn(log, { shown, announce }) {
  log.addEventListener("click", async (event) => {
    const link = event.target.closest("[data-earlier] a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    if (link.ariaBusy) return;
    link.ariaBusy = "true";
    try {
      const response = await fetch(link.href);
      if (!response.ok || response.redirected) throw new Error(String(response.status));
      const count = prepend(log, parsed(await response.text()).querySelector("[data-log]"));
      shown();
      announce(`${count} earlier turns are shown.`);
    } catch {
      location.assign(link.href);
    }
  });
}

function prepend(log, fetched) {
  const place = log.querySelector("[data-earlier]");
  const first = log.querySelector(".chat__turn");
  const before = first.getBoundingClientRect().top;
  const turns = [...fetched.querySelectorAll(":scope > .chat__turn")].filter((turn) => !document.getElementById(turn.id));
  place.after(...turns);
  const further = fetched.querySelector("[data-earlier] a");
  const link = place.querySelector("a");
  if (further) {
    link.href = further.getAttribute("href");
    link.ariaBusy = null;
  } else {
    turns[0]?.querySelector(".chat__reply").focus({ preventScroll: true });
    place.remove();
  }
  window.scrollBy({ top: first.getBoundingClientRect().top - before, behavior: "instant" });
  return turns.length;
}

// A link may name a turn only after the "#", which the server does not get: load the page around that turn.
export function openNamedTurn() {
  const named = /^#reply-([0-9a-f-]{36})$/.exec(location.hash)?.[1];
  const url = new URL(location.href);
  if (!named || !url.searchParams.has("conversation") || document.getElementById(`reply-${named}`)) return;
  if (url.searchParams.get("reply") === named) return;
  url.searchParams.set("reply", named);
  location.replace(url);
}
