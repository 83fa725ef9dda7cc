/*
 * Small additions to pages that also work without them. The listeners are on the document and find elements by data
 * attributes, so that elements added later are covered too.
 *
 *   data-dialog="id"        opens that <dialog> (on a link: instead of following it)
 *   data-dialog-close       closes the dialog it sits in
 *   data-dialog-open        on a <dialog>: open when the page loads
 *   data-dismiss            removes the toast it sits in
 *   data-copy="id"          copies the value or text of that element
 *   data-fill="id"          puts its text into that field and focuses the field
 *   data-submit-once        on a <form>: further submits are ignored until the page is shown again
 */

import "./drafts.js";

(function () {
  const seconds = 1000;

  function showDialog(dialog) {
    if (dialog && !dialog.open) {
      dialog.showModal();
    }
  }

  async function copy(button) {
    const source = document.getElementById(button.dataset.copy);
    const words = button.textContent;
    const text = "value" in source ? source.value : source.textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      // Not allowed, or not a secure page: leave the text selected, so that one keystroke copies it.
      if (source.select) { source.select(); } else { getSelection().selectAllChildren(source); }
      button.textContent = "Press Ctrl+C";
    }
    setTimeout(() => { button.textContent = words; }, 2 * seconds);
  }

  function fill(field, text) {
    field.value = text;
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  function closeMenus(except) {
    for (const menu of document.querySelectorAll("details.dropdown[open], details.menu[open]")) {
      if (!except || !menu.contains(except)) { menu.open = false; }
    }
  }

  document.addEventListener("click", (event) => {
    const opener = event.target.closest("[data-dialog]");
    const dialog = opener && document.getElementById(opener.dataset.dialog);
    if (dialog) {
      event.preventDefault();
      showDialog(dialog);
      return;
    }
    const closer = event.target.closest("[data-dialog-close]");
    if (closer) {
      event.preventDefault();
      closer.closest("dialog").close();
      return;
    }
    if (event.target.matches("dialog.dialog[open]")) {
      // A click on the backdrop or the border has the dialog itself as target; anything inside is a child.
      const box = event.target.getBoundingClientRect();
      const inside = event.clientX >= box.left && event.clientX <= box.right
        && event.clientY >= box.top && event.clientY <= box.bottom;
      if (!inside) { event.target.close(); }
      return;
    }
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) {
      dismiss.closest(".toast").remove();
      // The focused button was removed, so move the focus.
      document.getElementById("main").focus({ preventScroll: true });
      return;
    }
    const copier = event.target.closest("[data-copy]");
    if (copier) {
      copy(copier);
      return;
    }
    const filler = event.target.closest("[data-fill]");
    const field = filler && document.getElementById(filler.dataset.fill);
    if (field) {
      event.preventDefault();
      fill(field, filler.textContent.trim());
      return;
    }
    if (!event.target.closest(".sidebar")) { closeMenus(event.target); }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") { return; }
    const open = document.querySelector("details.dropdown[open], details.menu[open]");
    if (open) {
      open.open = false;
      open.querySelector("summary").focus();
    }
  });

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-submit-once]") || event.defaultPrevented) { return; }
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    form.dataset.sent = "yes";
    if (event.submitter) {
      event.submitter.setAttribute("aria-disabled", "true");
      event.submitter.setAttribute("aria-busy", "true");
    }
  });

  // A page taken out of the back/forward cache must be usable again.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[data-sent]")) {
      delete form.dataset.sent;
      for (const button of form.querySelectorAll("[aria-busy]")) {
        button.removeAttribute("aria-busy");
        button.removeAttribute("aria-disabled");
      }
    }
  });

  document.querySelectorAll("dialog[data-dialog-open]").forEach(showDialog);
})();
