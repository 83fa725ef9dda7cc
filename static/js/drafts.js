/*
 * Keeps long texts that were typed and not yet saved. They outlast a reload, a sign-in and a server that is down, in the
 * same tab. Only fields with the attribute below are kept, and none that holds a secret has it. No dependencies.
 *
 *   data-draft              on a <textarea>: keep what is typed, and bring it back on this page.
 *
 * A draft belongs to one person and one page. It is removed when the page after sending reports success, when the page
 * shows the same text as saved, and when somebody else signs in in this tab.
 */
"use strict";

(function () {
  const PREFIX = "bookbag-text:";
  // Drafts of the playground are handled by playground/drafts.js.
  const PREFIXES = [PREFIX, "bookbag-draft:"];
  const person = document.documentElement.dataset.person;
  const mine = `${PREFIX}${person}:`;
  let store;
  try { store = window.sessionStorage; } catch { return; }

  const keys = () => Object.keys(store).filter((name) => name.startsWith(PREFIX));
  const nameOf = (field) => `${mine}${location.pathname}#${field.name}`;

  function read(name) {
    try { return JSON.parse(store.getItem(name)); } catch { return null; }
  }

  function keep(name, draft) {
    // If storage is full or forbidden, nothing is kept.
    try { store.setItem(name, JSON.stringify(draft)); } catch { /* the page works without it */ }
  }

  function note(field) {
    const line = document.createElement("p");
    line.className = "field__help";
    line.setAttribute("role", "status");
    line.append("This is what you typed here before, not yet saved. ");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn--small btn--quiet";
    button.textContent = "Back to what is saved";
    button.addEventListener("click", () => {
      field.value = field.defaultValue;
      store.removeItem(nameOf(field));
      line.remove();
      field.focus();
    });
    line.append(button);
    field.after(line);
  }

  function restore(field) {
    const name = nameOf(field);
    const draft = read(name);
    if (!draft) { return; }
    if (draft.text === field.defaultValue) { store.removeItem(name); return; }
    // Do not restore if the form came back with errors, which shows what was sent, or if the text was changed
    // elsewhere since.
    if (draft.from !== field.defaultValue) { return; }
    field.value = draft.text;
    note(field);
  }

  // Drafts are kept while signed out. When somebody else signs in they are removed unread, because people share
  // machines.
  const isAnothers = (name) => PREFIXES.some((prefix) => name.startsWith(prefix) && !name.startsWith(`${prefix}${person}:`));
  if (person) { Object.keys(store).filter(isAnothers).forEach((name) => store.removeItem(name)); }
  for (const name of keys()) {
    const draft = read(name);
    if (!draft?.sent) { continue; }
    // The next page tells whether the form succeeded; the sign-in page or an error page means that it did not.
    if (person && document.querySelector(".toast--success")) { store.removeItem(name); } else { keep(name, { ...draft, sent: false }); }
  }
  if (!person) { return; }

  for (const field of document.querySelectorAll("textarea[data-draft]")) {
    restore(field);
    const from = field.defaultValue;
    field.addEventListener("input", () => {
      if (field.value === from) { store.removeItem(nameOf(field)); } else { keep(nameOf(field), { from, text: field.value }); }
    });
    field.form.addEventListener("submit", () => {
      const draft = read(nameOf(field));
      if (draft) { keep(nameOf(field), { ...draft, sent: true }); }
    });
  }
})();
