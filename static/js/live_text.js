/*
 * Shows the text of a reply while it comes. The server sends each piece of text at once, and now and then the HTML of the
 * blocks that have changed. Nodes that are equal are kept, so that nothing jumps, neither then nor when the reply ends.
 *
 *   const live = new LiveText(element)
 *   live.add("a piece of text")              for an event "text": shows it at once
 *   live.show({ from, html, rest })          for an event "html": replaces the blocks from number `from` on; the last
 *                                            `rest` letters of the text are not in that HTML yet
 *   finish(turn, finishedTurn)               makes `turn`, on the page, equal to `finishedTurn`, keeping equal nodes
 */

const BLOCKS = "p, li, h3, h4, h5, h6, ul, ol, blockquote, .code, pre, pre > code, .chat__text--plain";
// Text that may be Markdown waits a tenth of a second for its HTML, because until then it would be shown
// unformatted.
const MAY_BE_MARKDOWN = /[\n*_`[\]$\\<|~!]/;
const MAY_END_CODE = /\n[ \t]*(```|~~~)/;

export class LiveText {
  constructor(target) {
    this.target = target;
    this.whole = "";
    this.tail = "";
    this.isRendered = false;
    this.shown = document.createTextNode("");
  }

  add(text) {
    this.whole += text;
    this.tail += text;
    this.#showTail();
  }

  show({ from, html, rest }) {
    const before = from && this.target.children[from - 1];
    if (before === undefined) return;
    this.isRendered = true;
    this.shown.remove();
    let first = before ? before.nextSibling : this.target.firstChild;
    if (before && first?.nodeType === Node.TEXT_NODE) first = first.nextSibling;
    morphChildren(this.target, first, [...parsed(html).childNodes]);
    const left = rest ? Array.from(this.whole).slice(-rest).join("") : "";
    // A block's HTML has no trailing blank, so one is added before the text that follows.
    const isAfterBlank = this.whole.charAt(this.whole.length - left.length - 1) === " ";
    this.tail = (isAfterBlank ? " " : "") + left;
    this.#showTail();
  }

  #showTail() {
    if (!this.target.firstElementChild) this.target.append(firstBlock());
    const end = openEnd(this.target.lastElementChild);
    if (!end) return;
    const isCode = end.matches("code");
    const isWhole = !this.isRendered || end.matches(".chat__text--plain");
    const waits = isWhole ? -1 : this.tail.search(isCode ? MAY_END_CODE : MAY_BE_MARKDOWN);
    this.shown.data = waits < 0 ? this.tail : this.tail.slice(0, waits);
    if (end.lastChild !== this.shown) end.append(this.shown);
  }
}

function firstBlock() {
  const block = document.createElement("p");
  block.dir = "auto";
  return block;
}

// The block that text is appended to: the innermost last one. None in a table, because text would move its columns.
function openEnd(block) {
  if (!block?.matches(BLOCKS)) return null;
  const last = block.lastElementChild;
  if (!last?.matches(BLOCKS)) return block.matches("p, li, h3, h4, h5, h6, pre > code, .chat__text--plain") ? block : null;
  return openEnd(last);
}

// Replaces the line of figures instead of changing it, so that its parts appear in place and none of them moves.
export function finish(turn, finishedTurn) {
  turn.querySelector(".chat__meta")?.remove();
  morph(turn, finishedTurn);
}

export function parsed(html) {
  return document.adoptNode(new DOMParser().parseFromString(html, "text/html").body);
}

export function morph(old, wanted) {
  if (old.isEqualNode(wanted)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    old.data = wanted.data;
    return;
  }
  for (const { name } of [...old.attributes]) if (!wanted.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of wanted.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  morphChildren(old, old.firstChild, [...wanted.childNodes]);
}

// Makes the children of `parent`, from `first` on, equal to `wanted`, by changing the next existing node of the same
// kind.
function morphChildren(parent, first, wanted) {
  let at = first;
  for (const node of wanted) {
    const match = nextAlike(at, node);
    if (!match) {
      parent.insertBefore(node, at);
      continue;
    }
    while (at !== match) at = removed(at);
    morph(match, node);
    at = match.nextSibling;
  }
  while (at) at = removed(at);
}

function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}

function nextAlike(at, node) {
  const isText = node.nodeType !== Node.ELEMENT_NODE;
  for (let candidate = at, looked = 0; candidate && looked < 8; candidate = candidate.nextSibling, looked += 1) {
    if (candidate.nodeName === node.nodeName && (isText || sort(candidate) === sort(node))) return candidate;
    if (isText) return null;
  }
  return null;
}

function sort(element) {
  return element.classList[0] ?? "";
}
