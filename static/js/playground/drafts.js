/*
 * Keeps what was typed and not yet accepted. It outlasts a reload, a sign-out and a server that is down, in the same tab,
 * for one member and agent. js/drafts.js removes what somebody else left in this tab.
 */

const PREFIX = "bookbag-draft:";

export function drafts(owner) {
  const key = PREFIX + owner;
  const store = storage();
  return {
    // `text` is in the box; `waiting` are the texts to be sent after the running reply; `unsure` is the message that was
    // sent and perhaps not accepted. `rest` is what remains for the box if the inspector sends the box's text.
    read() {
      try {
        return JSON.parse(store?.getItem(key) ?? "{}");
      } catch {
        return {};
      }
    },
    keep({ text, waiting, unsure, rest }) {
      try {
        if (text || waiting.length || unsure) store?.setItem(key, JSON.stringify({ text, waiting, unsure, rest }));
        else store?.removeItem(key);
      } catch {
        // If storage is full or forbidden, nothing is kept; the page works without it.
      }
    },
  };
}

function storage() {
  try {
    return window.sessionStorage;
  } catch {
    return null;
  }
}
