// The turns on the page: begins one, shows that its model thinks, finishes it, and keeps the end of the page in view.

import { finish, parsed } from "../live_text.js";
import { offerCode } from "./copying.js";
import { localise } from "./times.js";

export function clone(name) {
  return document.querySelector(`[data-${name}-template]`).content.firstElementChild.cloneNode(true);
}

// Runs `change`, and then scrolls to the end of the log if it was visible before, so that people who scrolled up
// stay there.
export function keepingTheEnd(log, change) {
  const edge = document.querySelector("[data-composer]")?.getBoundingClientRect().top ?? innerHeight;
  const wasAtTheEnd = log.lastElementChild && log.lastElementChild.getBoundingClientRect().bottom < edge + 80;
  const result = change();
  if (wasAtTheEnd) toTheEnd(log);
  return result;
}

// If notices follow the log, scrolls to the last of them, because the composer would cover it.
export function toTheEnd(log) {
  const notices = [...log.parentElement.querySelectorAll(":scope > .notice:not([hidden])")];
  (notices.at(-1) ?? log.lastElementChild)?.scrollIntoView({ block: "end", behavior: "instant" });
}

export function beginTurn(log, question) {
  log.querySelector("[data-empty]")?.remove();
  const turn = clone("turn");
  turn.querySelector("[data-question]").textContent = question;
  turn.querySelector("time").dateTime = new Date().toISOString();
  const waiting = log.querySelector(".chat__turn--waiting");
  if (waiting) waiting.before(turn);
  else log.append(turn);
  localise(log);
  toTheEnd(log);
  return turn;
}

// Replaces the running turn by the finished one from the server.
export function finishTurn(log, turn, html) {
  const whole = parsed(html).querySelector(".chat__turn");
  offerCode(whole);
  keepingTheEnd(log, () => {
    finish(turn, whole);
    localise(log);
  });
}

// The text for screen readers when a reply has ended: its beginning, its length, and where it is.
export function summary(turn) {
  const ending = turn.querySelector("[data-ending] p")?.textContent.trim() ?? "";
  const text = turn.querySelector(".chat__text")?.textContent.trim().replace(/\s+/g, " ") ?? "";
  if (!text) return ending;
  const words = text.split(" ");
  const opening = words.slice(0, 12).join(" ").slice(0, 120);
  const length = words.length > 12 ? `… ${words.length} words in all. “Go to the reply” is before the message box.` : "";
  return `Reply: ${opening}${length} ${ending}`.trim();
}

// A clock while a model thinks. It counts locally and never backwards; screen readers hear it only once.
export function thinkingClock(turn, announce) {
  const line = turn.querySelector("[data-thinking]");
  let since = Infinity;
  let timer;
  const show = () => {
    line.querySelector("[data-seconds]").textContent = `${Math.floor((performance.now() - since) / 1000)} s`;
  };
  return {
    heardOf(seconds) {
      since = Math.min(since, performance.now() - seconds * 1000);
      show();
      if (!line.hidden) return;
      line.hidden = false;
      timer = setInterval(show, 1000);
      announce("Thinking");
    },
    end() {
      clearInterval(timer);
      if (line) line.hidden = true;
    },
  };
}
