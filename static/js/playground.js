/*
 * The playground without reloading the page. Without this script the same form is posted, and the page comes back with the
 * reply. This file is served together with its modules as one (bookbag/static.py).
 */

import { LiveText, parsed } from "./live_text.js";
import { makeComposer } from "./playground/composer.js";
import { watchConnection } from "./playground/connection.js";
import { copyOn, offerCode } from "./playground/copying.js";
import { openNamedTurn, showEarlierOn } from "./playground/earlier.js";
import { rateInPlace } from "./playground/rating.js";
import { readAlong } from "./playground/reading.js";
import { follow, Refused, STREAM } from "./playground/stream.js";
import { localise } from "./playground/times.js";
import { beginTurn, clone, finishTurn, keepingTheEnd, summary, thinkingClock, toTheEnd } from "./playground/turns.js";
import { backHere } from "./playground/ways.js";

const chat = document.querySelector("[data-chat]");
const logs = chat ? [...chat.querySelectorAll("[data-log]")] : [];
const status = chat?.querySelector("[data-announce]");
// HTTP statuses of refusals because of credits, a missing key, or a route that differs from the one on the page.
const OF_THE_ROUTE = [402, 409, 503];
// The notice that says why the next reply would fail.
const BEFORE_SENDING = "[data-trouble], [data-shortage]";
const announce = (text) => { if (status) status.textContent = text; };

for (const log of logs) {
  localise(log);
  offerCode(log);
  copyOn(log, announce);
}
rateInPlace();
if (chat?.querySelector("[data-problem]")) converse(logs[0]);
else if (chat?.matches("[data-read]")) readAlong(chat, logs[0], announce);

function converse(log) {
  const problem = chat.querySelector("[data-problem]");
  const toReply = chat.querySelector("[data-to-reply]");
  const connection = watchConnection(chat.querySelector("[data-lost]"), announce, (change) => keepingTheEnd(log, change));
  const waiting = [];
  let running = null; // the reply that Stop stops: { where, stopWanted }
  const composer = makeComposer(chat, {
    send, stop, editLast,
    wait: (text) => queue(text),
    takeBack: () => takeBack(waiting.at(-1)),
    tooLong: (limit) => complain(`This message is too long. Shorten it to at most ${limit} characters; it is still here.`),
    tooEarly: () => complain("A reply is still being written. Wait for it or stop it, then send this in the place of an earlier turn."),
  });

  const token = () => composer.form.elements.csrfmiddlewaretoken.value;

  // `title`: the beginning of `text`, which is shown in bold.
  function complain(text, actions = [], title = "") {
    problem.querySelector("[data-problem-title]").textContent = title;
    problem.querySelector("[data-problem-text]").textContent = text.slice(title.length).trim();
    const ways = problem.querySelector("[data-ways-out]");
    ways.replaceChildren(...actions.map(wayOut));
    ways.hidden = !actions.length;
    problem.hidden = !text;
    if (text) problem.scrollIntoView({ block: "center" });
  }

  // Returns a link, or for an act a button that submits the page's form.
  function wayOut({ label, url, method }) {
    const way = document.createElement(method === "POST" ? "button" : "a");
    way.className = "btn btn--small";
    way.textContent = label;
    if (method !== "POST") way.href = backHere(url);
    else Object.assign(way, { type: "submit", formAction: url }).setAttribute("form", "act");
    return way;
  }

  // --- Sending ---------------------------------------------------------------------------------

  async function send(message) {
    complain("");
    const replaced = message.insteadOf ? turnsFrom(message.insteadOf) : [];
    // The page does not show the turns before the new one, so it is reloaded once the message is accepted.
    const isElsewhere = log.hasAttribute("data-past") || (message.insteadOf && !replaced.length);
    const hadFocus = replaced.some((one) => one.contains(document.activeElement));
    for (const turn of replaced) turn.hidden = true;
    const run = { where: {}, stopWanted: false };
    const turn = beginTurn(log, message.text);
    if (hadFocus) turn.querySelector(".chat__reply").focus({ preventScroll: true });
    running = run;
    composer.busy(true);
    composer.sending(message);
    announce("Answering");
    let ended = "";
    const post = (signal) => fetch(composer.form.action, {
      method: "POST",
      headers: { Accept: `${STREAM}, application/json`, "X-CSRFToken": token() },
      body: bodyOf(message),
      signal,
    });
    const accepted = () => {
      for (const one of replaced) one.remove();
      composer.accepted(run.where.conversation);
      showLeft(run.where);
      if (isElsewhere) location.assign(`?conversation=${run.where.conversation}#reply-${run.where.reply}`);
      else rememberAddress(run.where);
      listConversation(run.where.conversation, message.text);
    };
    try {
      ended = await watch(turn, run, post, accepted);
    } catch (error) {
      if (error instanceof Refused) return refused(error);
      if (run.where.stream) throw error;
      giveBack(false);
      complain("The connection was lost. Your message is kept: send it again, it will not be answered or charged twice.");
      connection.lost();
    } finally {
      running = null;
      composer.busy(false);
      await next(ended);
    }

    function refused({ status, answer }) {
      const refusal = answer?.error ?? { message: "Our side: something went wrong. Your message is still here." };
      giveBack(status < 500);
      complain(refusal.message, refusal.actions, refusal.title);
      if (OF_THE_ROUTE.includes(status)) learnTheRoute();
    }

    function giveBack(isRefused) {
      const heldFocus = turn.contains(document.activeElement);
      turn.remove();
      localise(log);
      for (const one of replaced) one.hidden = false;
      if (heldFocus) replaced[0]?.querySelector("[data-regenerate]")?.focus({ preventScroll: true });
      composer.giveBack(message, isRefused);
      announce("");
    }
  }

  // All current fields of the form, with the message's values replacing theirs.
  function bodyOf(message) {
    const body = new URLSearchParams(new FormData(composer.form));
    body.set("text", message.text);
    body.set("idempotency_key", message.key);
    body.set("conversation", message.conversation);
    body.set("instead_of", message.insteadOf);
    body.set("price_said", composer.price);
    return body;
  }

  function rememberAddress(where) {
    const url = new URL(location.href);
    for (const name of ["edit", "again", "ask", "reply", "before"]) url.searchParams.delete(name);
    url.searchParams.set("conversation", where.conversation);
    url.hash = "";
    history.replaceState(null, "", url);
  }

  // Update the page for a new conversation: its entry in the list, and the link to start another.
  function listConversation(id, question) {
    document.querySelector("[data-new-conversation]").hidden = false;
    const conversations = document.querySelector("[data-conversations]");
    if (conversations.querySelector(`[href*="?conversation=${id}"]`)) return;
    const link = document.createElement("a");
    link.href = `?conversation=${id}#latest`;
    link.dir = "auto";
    link.setAttribute("aria-current", "true");
    link.textContent = question.length > 60 ? `${question.slice(0, 59).trimEnd()}…` : question;
    const row = document.createElement("li");
    row.append(link);
    conversations.querySelector("ul").prepend(row);
    conversations.hidden = false;
  }

  function turnsFrom(replyId) {
    const turns = [...log.querySelectorAll(":scope > .chat__turn")];
    const from = turns.findIndex((turn) => turn.id === `reply-${replyId}`);
    return from < 0 ? [] : turns.slice(from).filter((turn) => !turn.matches(".chat__turn--waiting"));
  }

  // Shows a reply until it ends. Returns "done" or "error", or nothing if it may not be watched any more.
  async function watch(turn, run, post, accepted = () => {}) {
    let thinking = thinkingClock(turn, announce);
    let live = new LiveText(turn.querySelector("[data-text]"));
    const gone = () => location.reload();
    try {
      for await (const event of follow({ where: run.where, post, connection, gone })) {
        if (event.kind === "accepted") {
          accepted();
          // The message was sent before a reload, and its turn is on the page already.
          const same = document.getElementById(`reply-${run.where.reply}`);
          if (same && same !== turn) {
            turn.remove();
            turn = same;
            thinking = thinkingClock(turn, announce);
            live = new LiveText(turn.querySelector("[data-text]") ?? document.createElement("div"));
          }
          if (run.stopWanted) askToStop(run);
        }
        if (event.kind === "thinking") thinking.heardOf(event.data.seconds);
        if (event.kind === "text") {
          if (event.data.text.trim()) thinking.end();
          keepingTheEnd(log, () => live.add(event.data.text));
        }
        if (event.kind === "html") keepingTheEnd(log, () => live.show(event.data));
        if (event.kind === "done" || event.kind === "error") {
          if (!event.data.turn) return location.reload();
          finished(turn, event);
          return event.kind;
        }
      }
      return "";
    } finally {
      thinking.end();
    }
  }

  // The terminal event brings the finished turn, the credits left, and whether the keys have changed since it began.
  function finished(turn, event) {
    keepingTheEnd(log, () => {
      finishTurn(log, turn, event.data.turn);
      namePrices(turn);
    });
    showLeft(event.data);
    const paid = turn.querySelector(".chat__meta .badge")?.textContent.trim();
    if (event.data.route_changed || paid !== composer.words) learnTheRoute();
    if (toReply) {
      toReply.hidden = false;
      toReply.hash = turn.id;
    }
    announce(summary(turn));
  }

  // The message was refused, or paid for differently than the page had said. So load the page again, and take over what it
  // says about the route and the price. The box and its text stay, also if the reloaded page shows only a reason why the
  // agent cannot reply: the reason is then put above the box.
  async function learnTheRoute() {
    const response = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
    if (!response?.ok) return;
    const page = parsed(await response.text());
    const form = page.querySelector("[data-composer]");
    if (!form) return;
    const { price } = composer.form.dataset;
    Object.assign(composer.form.dataset, form.dataset);
    // A reply that cannot run has no price. The price shown before is kept, in case the route works again meanwhile.
    if (form.hidden) composer.form.dataset.price = price;
    else composer.form.hidden = false;
    keepingTheEnd(log, () => {
      for (const part of [".chat__hint > span", ".chat__stop-price", ".inspector .kv", "[data-turn-template]"]) {
        const fresh = page.querySelector(part);
        if (fresh) document.querySelector(part)?.replaceWith(fresh);
      }
      for (const said of chat.querySelectorAll(BEFORE_SENDING)) said.remove();
      const said = page.querySelector(BEFORE_SENDING);
      if (said) composer.form.before(said);
      if (!problem.hidden) said?.setAttribute("hidden", ""); // the refusal says the same
      for (const price of log.querySelectorAll(".chat__price")) price.textContent = composer.words;
      composer.keepClear();
    });
  }

  // Show the credits left and held, and whether the next reply still fits.
  function showLeft({ available, held }) {
    if (available === undefined) return;
    const grouped = (figure) => figure.toLocaleString("en");
    for (const figure of document.querySelectorAll("[data-available]")) figure.textContent = grouped(available);
    for (const figure of document.querySelectorAll("[data-held]")) {
      figure.textContent = ` (${grouped(held)} held)`;
      figure.hidden = !held;
    }
    const shortage = chat.querySelector("[data-shortage]");
    if (shortage) keepingTheEnd(log, () => { shortage.hidden = available >= composer.price; });
  }

  // --- Stopping --------------------------------------------------------------------------------

  function stop() {
    if (!running || running.stopWanted) return;
    running.stopWanted = true;
    composer.stopping();
    if (running.where.stream) askToStop(running);
  }

  async function askToStop(run) {
    const headers = { Accept: "application/json", "X-CSRFToken": token() };
    try {
      const response = await fetch(run.where.stream.replace(/stream\/$/, "stop/"), { method: "POST", headers });
      if (response.ok) return;
      const refusal = (await response.json()).error;
      complain(refusal.message, refusal.actions, refusal.title);
    } catch {
      connection.lost();
    }
    run.stopWanted = false;
    if (running === run) composer.busy(true);
  }

  // --- Messages that wait ----------------------------------------------------------------------

  function queue(text) {
    const element = clone("waiting");
    element.querySelector("[data-question]").textContent = text;
    const one = { text, element };
    element.querySelector("[data-take-back]").addEventListener("click", () => takeBack(one));
    waiting.push(one);
    log.append(element);
    toTheEnd(log);
    composer.keepWaiting(waiting.map((each) => each.text));
    announce("Your message waits for the reply above.");
  }

  function takeBack(one) {
    const place = waiting.indexOf(one);
    if (place < 0) return false;
    waiting.splice(place, 1);
    one.element.remove();
    composer.keepWaiting(waiting.map((each) => each.text));
    composer.putBack(one.text);
    composer.box.focus();
    return true;
  }

  // After a whole reply the waiting message is sent; otherwise the person decides whether to send it.
  async function next(ended) {
    if (running || !waiting.length) return;
    if (ended !== "done") {
      const texts = waiting.map((one) => one.text).join("\n\n");
      for (const one of waiting.splice(0)) one.element.remove();
      composer.keepWaiting([]);
      composer.box.value = [composer.box.value, texts].filter((part) => part.trim()).join("\n\n");
      composer.putBack("");
      return;
    }
    const one = waiting.shift();
    one.element.remove();
    composer.keepWaiting(waiting.map((each) => each.text));
    await send(composer.message(one.text));
  }

  // --- Sending again, or an edited message -----------------------------------------------------

  function edit(turn) {
    composer.takePlaceOf(turn.id.replace("reply-", ""), turn.querySelector("[data-question]").textContent);
  }

  function lastTurn() {
    return [...log.querySelectorAll(":scope > .chat__turn")].filter((turn) => !turn.matches(".chat__turn--waiting")).at(-1);
  }

  function editLast() {
    const turn = lastTurn();
    if (composer.isBusy || log.hasAttribute("data-past") || !turn?.querySelector("[data-edit]")) return false;
    edit(turn);
    return true;
  }

  // The last turn is sent again at once, since its price is on the button. An earlier turn is only put into the box, to be
  // sent by Send, because all turns after it will become an earlier version.
  function regenerate(turn) {
    if (turn !== lastTurn()) return edit(turn);
    return send(composer.message(turn.querySelector("[data-question]").textContent, turn.id.replace("reply-", "")));
  }

  function tryAgain(turn) {
    send(composer.message(turn.querySelector("[data-question]").textContent));
  }

  // Shows the price of sending again beside the links that do it at once.
  function namePrices(root) {
    if (!composer) return;
    for (const link of root.querySelectorAll("[data-priced]")) {
      const price = document.createElement("span");
      price.className = "chat__price";
      price.textContent = composer.words;
      link.ariaDescription = composer.words;
      link.after(price);
      delete link.dataset.priced;
    }
  }

  log.addEventListener("click", (event) => {
    const act = event.target.closest("[data-edit], [data-regenerate], [data-again]");
    if (!act || !composer || event.ctrlKey || event.metaKey || event.shiftKey || log.hasAttribute("data-past")) return;
    event.preventDefault();
    const turn = act.closest(".chat__turn");
    if (composer.isBusy) return complain("A reply is still being written. Wait for it or stop it first.");
    if (act.matches("[data-edit]")) edit(turn);
    else if (act.matches("[data-regenerate]")) regenerate(turn);
    else tryAgain(turn);
  });

  // --- When the page opens ---------------------------------------------------------------------

  // The typed text is sent along with an act and is shown again on the resulting page.
  document.querySelector("[data-act]")?.addEventListener("formdata", ({ formData }) => {
    if (!composer) return;
    formData.set("text", composer.box.value);
    // A conversation may have begun since the page was made.
    formData.set("conversation", composer.form.elements.conversation.value);
    formData.set("next", location.pathname + location.search);
  });
  // If the page is the response to a form, replace its address, so that Back or a reload shows this page and sends
  // nothing.
  const address = new URL(chat.dataset.address, location.href);
  if (address.pathname !== location.pathname) history.replaceState(null, "", address);
  namePrices(log);
  showEarlierOn(log, { announce, shown: () => { localise(log); offerCode(log); namePrices(log); } });
  openNamedTurn();
  window.addEventListener("hashchange", openNamedTurn);
  toReply?.addEventListener("click", (event) => {
    event.preventDefault();
    const reply = document.querySelector(`${toReply.hash} .chat__reply`);
    reply?.focus();
    reply?.scrollIntoView({ block: "start" });
  });
  // The page comes from the back/forward cache, where its streams were closed.
  window.addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  if (!/^#reply-/.test(location.hash) && log.querySelector(".chat__turn")) toTheEnd(log);
  composer?.focusIfWide();

  const unfinished = [...log.querySelectorAll("[data-running]")].map((turn) => {
    const run = { where: { stream: turn.dataset.running, reply: turn.id.replace("reply-", "") }, stopWanted: false };
    return { turn, run };
  });
  if (unfinished.length) takeUp(unfinished);

  async function takeUp(all) {
    running = all.at(-1).run;
    composer.busy(true);
    const endings = await Promise.all(all.map(({ turn, run }) => watch(turn, run)));
    running = null;
    composer.busy(false);
    await next(endings.at(-1));
  }
}
