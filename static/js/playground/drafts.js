/*
 * What is typed and not yet accepted, kept for this tab through a reload, a sign-out and a dead server. It is kept for one
 * member and agent; what somebody else left in this tab is removed unread (drafts.js).
 */

const PREFIX = "bookbag-draft:";

export function drafts(owner) {
  const key = PREFIX + owner;
  const store = storage();
  return {
    // { text, waiting, unsure }: in the box, behind a running reply, and sent without an answer whether it was accepted.
    // `rest`: what remains to be written once the inspector, where the text of the box went, has sent it.
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
        // Full or forbidden: the page works without.
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
