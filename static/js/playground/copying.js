// Copy buttons: for an answer's Markdown, a block of code, and the address of a turn.

export function copyOn(log, announce) {
  log.addEventListener("click", (event) => {
    const control = event.target.closest("[data-copy-reply], [data-copy-code], [data-link]");
    // With a modifier key the browser opens the link in a new tab, so do nothing.
    if (!control || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    copy(control, announce);
  });
}

// Puts a button over the corner of each code block. It takes no space, so that nothing moves.
export function offerCode(root) {
  for (const block of root.querySelectorAll(".chat__text pre")) {
    if (block.previousElementSibling?.matches(".chat__code")) continue;
    const place = document.createElement("div");
    place.className = "chat__code";
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn btn--small";
    button.dataset.copyCode = "";
    button.textContent = "Copy code";
    place.append(button);
    block.before(place);
  }
}

async function copy(control, announce) {
  const words = control.dataset.words ?? control.textContent;
  control.dataset.words = words;
  try {
    await write(textOf(control));
    control.textContent = "Copied";
    announce("Copied");
  } catch {
    control.textContent = "Not copied";
    announce("It could not be copied.");
  }
  setTimeout(() => { control.textContent = words; }, 2000);
}

async function textOf(control) {
  if (control.matches("[data-link]")) return control.href;
  if (control.matches("[data-copy-code]")) return control.parentElement.nextElementSibling.textContent;
  const response = await fetch(control.href, { headers: { Accept: "text/plain" } });
  // If the person was signed out meanwhile, the response would be the sign-in page.
  const isText = response.headers.get("Content-Type")?.startsWith("text/plain");
  if (!response.ok || !isText) throw new Error(String(response.status));
  return response.text();
}

// The clipboard is accessed during the click, before the text is loaded, because some browsers allow it only then.
async function write(text) {
  if (navigator.clipboard && window.ClipboardItem) {
    const blob = text.then((value) => new Blob([value], { type: "text/plain" }));
    try {
      return await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
    } catch {
      // Older browsers accept no promise; the fallback is below.
    }
  }
  const value = await text;
  if (navigator.clipboard) return navigator.clipboard.writeText(value);
  // Over plain HTTP this is the only access to the clipboard.
  const box = document.createElement("textarea");
  box.value = value;
  box.className = "visually-hidden";
  const before = document.activeElement;
  document.body.append(box);
  box.select();
  const done = document.execCommand("copy");
  box.remove();
  before?.focus({ preventScroll: true });
  if (!done) throw new Error("not copied");
}
