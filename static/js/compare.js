/*
 * Compares chat models without reloading the page: each chosen model answers in its own column. Without this script the
 * same form is posted, and the page comes back with all replies.
 */

import { LiveText, morph, parsed } from "./live_text.js";
import { watchConnection } from "./playground/connection.js";
import { drafts } from "./playground/drafts.js";
import { follow, Refused, STREAM } from "./playground/stream.js";
import { thinkingClock } from "./playground/turns.js";
import { backHere } from "./playground/ways.js";

const page = document.querySelector("[data-compare]");
const form = page.querySelector("[data-compare-form]");
const replies = page.querySelector("[data-replies]");
const columns = page.querySelector("[data-columns]");
const status = page.querySelector("[data-announce]");
const announce = (text) => { status.textContent = text; };
const connection = watchConnection(page.querySelector("[data-lost]"), announce);
const { text: box, idempotency_key: pressed } = form.elements;
const token = () => form.elements.csrfmiddlewaretoken.value;
const LOST_HERE = "The connection was lost. Send the same message again: what was answered is not answered or charged twice.";
let total = Promise.resolve();
let isBusy = false;
let sent = "";

// --- What is typed ------------------------------------------------------------------------------

const store = drafts(page.dataset.keep);
const forget = () => store.keep({ text: "", waiting: [] });

// Keeps the text with its idempotency key, unless that key belongs to the message that is being answered.
function keep() {
  const isOwn = !isBusy || box.value.trim() === sent;
  store.keep({ text: box.value, waiting: [], unsure: box.value && isOwn ? pressed.value : "" });
}

function restore() {
  const { text, unsure } = store.read();
  if (!text || (box.value && box.value !== text)) return;
  box.value = text;
  if (unsure) pressed.value = unsure;
}

function complain(text) {
  page.querySelector("[data-problem-text]").textContent = text;
  page.querySelector("[data-problem]").hidden = !text;
}

// --- What it costs ------------------------------------------------------------------------------

// The server words what all chosen models cost together, so that the wording exists only once.
async function sayTotal() {
  const asked = new FormData(form);
  const response = await fetch(page.dataset.page, {
    method: "POST",
    headers: { "X-CSRFToken": token() },
    body: new URLSearchParams(asked),
  });
  if (!response.ok) return;
  const fresh = parsed(await response.text());
  const said = fresh.querySelector("[data-total]");
  if (!said) return;
  form.querySelector("[data-total]").replaceChildren(...said.childNodes);
  // Also take over the current price of each model.
  for (const choice of form.querySelectorAll("[name=chat_model]")) {
    const now = fresh.querySelector(`[name=chat_model][value="${choice.value}"]`);
    if (!now) continue;
    Object.assign(choice.dataset, now.dataset);
    choice.closest("label").querySelector(".badge").replaceWith(now.closest("label").querySelector(".badge"));
  }
}

form.addEventListener("change", (event) => {
  if (event.target.name !== "chat_model") return;
  total = total.then(sayTotal).catch(() => connection.lost());
});

// --- Sending ------------------------------------------------------------------------------------

function columnOf(choice) {
  const template = page.parentElement.querySelector("[data-column-template]");
  const column = template.content.firstElementChild.cloneNode(true);
  const label = choice.closest("label");
  column.querySelector("[data-name]").textContent = label.querySelector("[data-name]").textContent;
  column.querySelector("[data-stop-price]").textContent = choice.dataset.stopPrice;
  column.querySelector("[data-badge]").replaceWith(label.querySelector(".badge").cloneNode(true));
  return column;
}

// Sends the message to one model. Resolves when it is accepted or refused; the reply goes on by itself.
function ask(choice, column, message, where) {
  const post = (signal) => fetch(form.dataset.messages, {
    method: "POST",
    headers: { Accept: `${STREAM}, application/json`, "X-CSRFToken": token() },
    body: new URLSearchParams({
      text: message.text,
      idempotency_key: `${message.key}-${choice.value}`,
      chat_model: choice.value,
      price_said: choice.dataset.price,
    }),
    signal,
  });
  let known;
  const accepted = new Promise((resolve) => { known = resolve; });
  const done = watch(column, where, post, known).finally(known);
  // send() handles the failure once all have ended; this only prevents an "unhandled rejection" until then.
  done.catch(() => {});
  return { accepted, done, where };
}

async function watch(column, where, post, accepted = () => {}) {
  const thinking = thinkingClock(column, announce);
  const live = new LiveText(column.querySelector("[data-text]"));
  try {
    for await (const event of follow({ where, post, connection, gone: () => location.reload() })) {
      if (event.kind === "accepted") {
        column.id = `reply-${where.reply}`;
        if (where.stopWanted) askToStop(where);
        accepted();
      }
      if (event.kind === "thinking") thinking.heardOf(event.data.seconds);
      if (event.kind === "text") {
        if (event.data.text.trim()) thinking.end();
        live.add(event.data.text);
      }
      if (event.kind === "html") live.show(event.data);
      if (event.kind === "done" || event.kind === "error") return await complete(column, where);
    }
  } catch (error) {
    if (where.stream) throw error;
    const refusal = error instanceof Refused ? error.answer?.error : null;
    fail(column, refusal ?? { message: LOST_HERE });
    throw error;
  } finally {
    thinking.end();
  }
}

// Replaces the column by its final version with figures, keeping equal nodes.
async function complete(column, where) {
  const response = await fetch(`${page.dataset.page}?reply=${where.reply}`);
  const whole = response.ok && parsed(await response.text()).querySelector("[data-columns] > [data-column]");
  if (!whole) return location.reload();
  const hadFocus = column.contains(document.activeElement);
  morph(column, whole);
  if (hadFocus && !column.contains(document.activeElement)) column.querySelector("h3").focus({ preventScroll: true });
}

function fail(column, { message, actions = [] }) {
  column.querySelector("[data-problem-text]").textContent = message;
  const ways = column.querySelector("[data-ways-out]");
  // Only links: a button would change the agent, and a comparison must not.
  ways.replaceChildren(...actions.filter(({ method }) => method === "GET").map(wayOut));
  ways.hidden = !actions.length;
  column.querySelector("[data-problem]").hidden = false;
  column.querySelector("[data-stop]").remove();
}

function wayOut({ label, url }) {
  const link = document.createElement("a");
  link.className = "btn btn--small";
  link.textContent = label;
  link.href = backHere(url);
  return link;
}

// A Stop before the message is accepted takes effect when it is.
function stopBy(column, where) {
  column.querySelector("[data-stop]")?.addEventListener("submit", (event) => {
    event.preventDefault();
    where.stopWanted = true;
    if (where.stream) askToStop(where);
  });
}

function askToStop(where) {
  fetch(where.stream.replace(/stream\/$/, "stop/"), {
    method: "POST",
    headers: { Accept: "application/json", "X-CSRFToken": token() },
  }).catch(() => connection.lost());
}

async function send() {
  const chosen = [...form.querySelectorAll("[name=chat_model]:checked")];
  const message = { text: box.value.trim(), key: pressed.value };
  if (chosen.length < 2 || chosen.length > 4) return complain("Choose two to four chat models.");
  if (!message.text) return complain("Write a message first.");
  if (message.text.length > Number(form.dataset.limit)) {
    return complain(`This message is too long. Shorten it to at most ${form.dataset.limit} characters; it is still here.`);
  }
  complain("");
  const agreed = form.elements.said.value;
  try {
    await sayTotal();
  } catch {
    connection.lost();
    return complain(LOST_HERE);
  }
  if (form.elements.said.value !== agreed) {
    return complain(`${form.querySelector("[data-total]").textContent.trim()} This differs from what the page said before. Send again if you agree.`);
  }
  announce("Answering");
  sent = message.text;
  keep();
  replies.querySelector("[data-question]").textContent = message.text;
  const made = chosen.map(columnOf);
  const wheres = made.map(() => ({}));
  for (const [place, column] of made.entries()) stopBy(column, wheres[place]);
  columns.replaceChildren(...made);
  replies.hidden = false;
  const asked = [];
  for (const [place, choice] of chosen.entries()) {
    const one = ask(choice, made[place], message, wheres[place]);
    asked.push(one);
    // One after the other, so that the first models get the credits if these do not suffice for all.
    await one.accepted;
  }
  const ids = asked.map((one) => one.where.reply).filter(Boolean);
  if (ids.length === asked.length && box.value.trim() === sent) forget();
  history.replaceState(null, "", `?${new URLSearchParams(ids.map((id) => ["reply", id]))}`);
  const ended = await Promise.allSettled(asked.map((one) => one.done));
  complain("");
  const missing = ended.filter((one) => one.status === "rejected").length;
  const isSame = box.value.trim() === message.text;
  if (!missing && isSame) box.value = "";
  // The next press gets a new key. But if a model did not answer, the key is kept, so that pressing again asks only
  // that model.
  if (!missing || !isSame) pressed.value = newKey();
  isBusy = false;
  keep();
  // Not awaited, because the next message may be sent meanwhile and fetches the total itself.
  sayTotal().catch(() => connection.lost()).finally(() => {
    announce(missing ? `${ended.length - missing} of ${ended.length} have answered.` : "All have answered.");
  });
}

// A different text is a new message, with a new key.
box.addEventListener("input", () => {
  if (!isBusy) pressed.value = newKey();
  keep();
});
box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !event.isComposing) form.requestSubmit();
});

// randomUUID exists in secure contexts only, and a self-hosted page may be plain HTTP.
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (isBusy) return complain("The answers are still being written. Send this when they have ended; it is still here.");
  isBusy = true;
  try {
    await total;
    await send();
  } finally {
    isBusy = false;
  }
});

for (const column of columns.querySelectorAll("[data-running]")) {
  const where = { stream: column.dataset.running, reply: column.id.replace("reply-", "") };
  stopBy(column, where);
  watch(column, where).catch(() => location.reload());
}
restore();
