// The message box and its button: keys, drafts, and the turn that a message replaces.

import { drafts } from "./drafts.js";

// randomUUID exists in secure contexts only, and a self-hosted page may be plain HTTP.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

const TOUCH = matchMedia("(hover: none) and (pointer: coarse)");
const WIDE = matchMedia("(min-width: 600px)");
// Time after Send in which a second press (a double click, a held key) does not count as Stop.
const NOT_A_SECOND_PRESS_MS = 300;

// Whether this page was opened by the inspector's "Send it", and not by a reload or by going back.
function sentByInspector() {
  const [opened] = performance.getEntriesByType("navigation");
  return opened?.type === "navigate" && /^#reply-/.test(location.hash) && /\/inspect\/(\?|$)/.test(document.referrer);
}

/*
 * `acts` are the page's functions: send(message) now, wait(text) until the running reply ends, stop(), editLast(),
 * takeBack(), tooLong(limit) and tooEarly().
 * A message is { text, key, conversation, insteadOf }.
 */
export function makeComposer(chat, acts) {
  const form = chat.querySelector("[data-composer]");
  if (!form) return null;
  const fields = form.elements;
  const box = fields.text;
  const button = form.querySelector("[data-send]");
  const instead = form.querySelector("[data-instead]");
  const store = drafts(chat.dataset.keep);
  let busySince = null;
  let waiting = [];
  // A message that was sent, as long as it is unknown whether it was accepted. If it is sent again, it has the same key.
  // `isBack`: its text is in the box again.
  let unsure = null;
  let setAside = "";
  let firstKey = fields.idempotency_key.value;

  const joined = (...texts) => texts.filter((text) => text?.trim()).join("\n\n");
  const keep = (more) => store.keep({ text: joined(setAside, box.value), waiting, unsure, ...more });

  function restore() {
    const kept = store.read();
    unsure = kept.unsure ?? null;
    const written = sentByInspector() ? kept.rest ?? kept.text : kept.text;
    const text = joined(unsure && !unsure.isBack ? unsure.text : "", ...(kept.waiting ?? []), written);
    if (!box.value) box.value = text;
    else if (box.value !== text) setAside = text; // the page was opened to edit a turn
    if (unsure?.insteadOf && box.value === unsure.text) composer.takePlaceOf(unsure.insteadOf, null);
    if (unsure) unsure = { ...unsure, isBack: true };
    keep();
  }

  function message(text, insteadOf = "") {
    const wanted = { text, conversation: fields.conversation.value, insteadOf };
    const same = unsure && Object.keys(wanted).every((name) => unsure[name] === wanted[name]);
    const key = same ? unsure.key : firstKey || newKey();
    firstKey = "";
    return { ...wanted, key };
  }

  function press() {
    const text = box.value.trim();
    if (!text) return;
    if (text.length > Number(form.dataset.limit)) return acts.tooLong(form.dataset.limit);
    if (busySince !== null && fields.instead_of.value) return acts.tooEarly();
    box.value = "";
    keepClear(); // the box has become lower, and the page scrolls to its end next
    if (busySince !== null) acts.wait(text);
    else acts.send(message(text, fields.instead_of.value));
    keep();
  }

  // Scrolling or tabbing to an element keeps it clear of what covers the bottom of the page.
  function keepClear() {
    const covers = getComputedStyle(form).position === "sticky" ? form.offsetHeight : 0;
    document.documentElement.style.scrollPaddingBottom = `${covers + 8}px`;
  }

  const composer = {
    form, box,
    get price() { return Number(form.dataset.price); },
    get words() { return form.dataset.words; },
    get isBusy() { return busySince !== null; },
    message, keepClear,

    // Changes the one button instead of showing another, so that it keeps the focus.
    busy(isBusy) {
      busySince = isBusy ? performance.now() : null;
      button.textContent = isBusy ? "Stop" : "Send";
      button.classList.toggle("btn--primary", !isBusy);
      form.toggleAttribute("data-busy", isBusy);
      button.ariaDescription = isBusy ? form.dataset.stopPrice : null;
    },
    stopping() { button.textContent = "Stopping…"; },
    focus() { if (!TOUCH.matches) box.focus({ preventScroll: true }); },
    focusIfWide() { if (WIDE.matches) composer.focus(); },

    sending(one) { unsure = one; keep(); },
    // The message is stored, so the next press of Send gets a new key.
    accepted(conversation) {
      unsure = null;
      fields.conversation.value = conversation;
      composer.leaveTurn();
      keep();
    },
    // The message was not stored, or that is unknown: put its text back into the box, before what was typed since.
    giveBack(one, isRefused) {
      unsure = isRefused ? null : { ...one, isBack: true };
      composer.putBack(one.text);
      if (one.insteadOf) composer.takePlaceOf(one.insteadOf, null);
    },
    putBack(text) {
      box.value = joined(text, box.value);
      keep();
    },
    keepWaiting(texts) { waiting = texts; keep(); },

    takePlaceOf(replyId, text) {
      fields.instead_of.value = replyId;
      instead.hidden = false;
      if (text === null) return;
      if (box.value.trim()) setAside = box.value;
      box.value = text;
      box.focus();
      box.setSelectionRange(text.length, text.length);
    },
    leaveTurn() {
      if (!fields.instead_of.value) return;
      fields.instead_of.value = "";
      instead.hidden = true;
      if (setAside && !box.value.trim()) box.value = setAside;
      setAside = "";
      keep();
    },
    cancelTurn() {
      box.value = "";
      composer.leaveTurn();
      composer.focus();
    },
  };

  form.noValidate = true;
  form.addEventListener("submit", (event) => {
    // A button with its own address leads to another page and takes the typed text along.
    if (event.submitter?.hasAttribute("formaction")) return keep({ rest: setAside });
    event.preventDefault();
    press();
  });
  button.addEventListener("click", (event) => {
    if (busySince === null) {
      if (event.detail) composer.focus(); // pressed with a mouse: the next thing is to type
      return;
    }
    event.preventDefault();
    const mayBeDouble = event.detail > 1 || event.pointerType !== "mouse";
    if (!mayBeDouble || performance.now() - busySince > NOT_A_SECOND_PRESS_MS) acts.stop();
  });
  button.addEventListener("keydown", (event) => { if (event.repeat) event.preventDefault(); });
  instead.querySelector("[data-keep-turn]").addEventListener("click", (event) => {
    event.preventDefault();
    composer.cancelTurn();
  });
  box.addEventListener("input", () => keep());
  box.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey) {
      event.preventDefault();
      if (!event.repeat) press();
    }
    if (event.key === "ArrowUp" && !box.value && !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey) {
      if (acts.takeBack() || acts.editLast()) event.preventDefault();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
    if (event.key === "Escape" && !document.querySelector("dialog[open], details.dropdown[open], details.menu[open]")) {
      if (busySince !== null) acts.stop();
      else if (fields.instead_of.value) composer.cancelTurn();
    }
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (event.key === "/" && plain && !event.target.closest("input, textarea, select, [contenteditable], dialog")) {
      event.preventDefault();
      box.focus();
    }
  }, true); // before the page's own listener closes the menu that Escape is meant for
  keepClear(); // at once, since the page scrolls to its end next
  new ResizeObserver(keepClear).observe(form);
  restore();
  return composer;
}
