// The playground, smoothed: without this script the same form posts and the page comes back with the reply.
import { LiveText, finish as finishTurn, parsed } from "./live_text.js";

(() => {
  const chat = document.querySelector("[data-chat]");
  if (!chat || !window.ReadableStream) return;
  const log = chat.querySelector("[data-log]");
  const form = chat.querySelector("[data-composer]");
  const box = form.elements.text;
  const send = form.querySelector("[data-send]");
  const problem = chat.querySelector("[data-problem]");
  const announce = chat.querySelector("[data-announce]");
  const template = document.querySelector("[data-turn-template]");
  const token = () => form.elements.csrfmiddlewaretoken.value;
  const RETRY_MS = 1000;
  const STREAM = "text/event-stream;turn=html";
  const OFFLINE = "The connection was lost. Your message is kept: send it again, it will not be answered or charged twice.";

  // A stream is over when its terminal event came; a connection that ends without one is taken up again.
  async function* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).split("\n\n");
      rest = blocks.pop();
      for (const block of blocks) {
        const event = {};
        for (const line of block.split("\n")) {
          const colon = line.indexOf(": ");
          if (colon > 0) event[line.slice(0, colon)] = line.slice(colon + 2);
        }
        if (event.data) yield { id: event.id, kind: event.event, data: JSON.parse(event.data) };
      }
    }
  }

  // While a model thinks: a clock that counts by itself and never runs back. Heard once, not every second.
  function thinkingClock(turn) {
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
        announce.textContent = "Thinking";
      },
      end() {
        clearInterval(timer);
        line.hidden = true;
      },
    };
  }

  async function follow(turn, where, response) {
    const thinking = thinkingClock(turn);
    try {
      return await followUntilDone(turn, where, response, thinking);
    } finally {
      thinking.end();
    }
  }

  async function followUntilDone(turn, where, response, thinking) {
    const live = new LiveText(turn.querySelector("[data-text]"));
    let last = "";
    for (;;) {
      try {
        if (!response) {
          const headers = { Accept: STREAM };
          if (last) headers["Last-Event-ID"] = last;
          response = await fetch(where.stream, { headers });
          if (!response.ok) return location.reload();
        }
        for await (const event of events(response)) {
          if (event.kind === "accepted") Object.assign(where, event.data);
          else last = event.id;
          if (event.kind === "accepted") began(turn, where);
          if (event.kind === "thinking") thinking.heardOf(event.data.seconds);
          if (event.kind === "text") {
            if (event.data.text.trim()) thinking.end();
            live.add(event.data.text);
            stick(turn);
          }
          if (event.kind === "html") {
            live.show(event.data);
            stick(turn);
          }
          if (event.kind === "done" || event.kind === "error") return finish(turn, event);
        }
      } catch (error) {
        // Before the message was accepted there is nothing to take up again; after it, go on from where we were.
        if (!where.stream) throw error;
      }
      response = null;
      await new Promise((wake) => setTimeout(wake, RETRY_MS));
    }
  }

  // The message is stored: this press of Send is used up, the next one gets a key of its own.
  function began(turn, where) {
    form.elements.conversation.value = where.conversation;
    form.elements.idempotency_key.value = newKey();
    box.value = "";
    showLeft(where);
    const url = new URL(location.href);
    url.searchParams.set("conversation", where.conversation);
    history.replaceState(null, "", url);
    const stop = turn.querySelector("[data-stop]");
    if (stop) stop.dataset.stop = where.stream.replace(/stream\/$/, "stop/");
  }

  // The terminal event brings the finished turn and what is left; without them the page is asked again.
  function finish(turn, event) {
    if (!event.data.turn) return location.reload();
    const whole = parsed(event.data.turn).querySelector(".chat__turn");
    finishTurn(turn, whole);
    showLeft(event.data);
    const ending = turn.querySelector("[data-ending] p")?.textContent.trim() ?? "";
    announce.textContent = event.kind === "done" ? `Reply: ${event.data.text} ${ending}` : ending;
    stick(turn);
  }

  // What is left and held, in credits, and whether the next reply still fits into it.
  function showLeft({ available, held }) {
    if (available === undefined) return;
    const grouped = (figure) => figure.toLocaleString("en");
    for (const figure of document.querySelectorAll("[data-available]")) figure.textContent = grouped(available);
    for (const figure of document.querySelectorAll("[data-held]")) {
      figure.textContent = ` (${grouped(held)} held)`;
      figure.hidden = !held;
    }
    const shortage = chat.querySelector("[data-shortage]");
    if (shortage) shortage.hidden = available >= Number(form.dataset.price);
  }

  // randomUUID exists in secure contexts only, and a self-hosted page may be plain HTTP.
  function newKey() {
    return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  function stick(turn) {
    const bottom = turn.getBoundingClientRect().bottom;
    if (bottom > window.innerHeight && bottom < window.innerHeight * 1.6) turn.scrollIntoView({ block: "end" });
  }

  function complain(text, actions = [], title = "") {
    problem.querySelector("[data-problem-title]").textContent = title;
    problem.querySelector("[data-problem-text]").textContent = text.slice(title.length).trim();
    const ways = problem.querySelector("[data-ways-out]");
    ways.replaceChildren(...actions.map(wayOut));
    ways.hidden = !actions.length;
    problem.hidden = !text;
  }

  // A link, or for an act a button of the page's form for acts.
  function wayOut({ label, url, method }) {
    const way = document.createElement(method === "POST" ? "button" : "a");
    way.className = "btn btn--small";
    way.textContent = label;
    if (method !== "POST") way.href = url;
    else Object.assign(way, { type: "submit", formAction: url }).setAttribute("form", "act");
    return way;
  }

  function addTurn(question) {
    chat.querySelector("[data-empty]")?.remove();
    const turn = template.content.firstElementChild.cloneNode(true);
    turn.querySelector("[data-question]").textContent = question;
    log.append(turn);
    turn.scrollIntoView({ block: "nearest" });
    return turn;
  }

  async function submit(event) {
    // A button with an address of its own leads to another page, with what is typed.
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    const text = box.value.trim();
    if (!text || send.disabled) return;
    if (text.length > Number(form.dataset.limit)) {
      return complain(`This message is too long. Shorten it to at most ${form.dataset.limit} characters; it is still here.`);
    }
    complain("");
    send.disabled = true;
    const turn = addTurn(text);
    try {
      const response = await fetch(form.action, {
        method: "POST",
        headers: { Accept: `${STREAM}, application/json`, "X-CSRFToken": token() },
        body: new URLSearchParams(new FormData(form)),
      });
      if (!response.ok) {
        turn.remove();
        const answer = await response.json().catch(() => null);
        const refusal = answer?.error ?? { message: "Our side: something went wrong. Your message is still here." };
        return complain(refusal.message, refusal.actions, refusal.title);
      }
      await follow(turn, {}, response);
    } catch (error) {
      turn.remove();
      complain(OFFLINE);
    } finally {
      send.disabled = false;
      box.focus({ preventScroll: true });
    }
  }

  form.addEventListener("submit", submit);
  // What is typed goes along with an act, and comes back with its page.
  document.querySelector("[data-act]").addEventListener("formdata", ({ formData }) => formData.set("text", box.value));
  box.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  log.addEventListener("click", (event) => {
    const stop = event.target.closest("[data-stop]");
    if (!stop || !stop.dataset.stop) return;
    event.preventDefault();
    stop.disabled = true;
    fetch(stop.dataset.stop, { method: "POST", headers: { Accept: "application/json", "X-CSRFToken": token() } });
  });
  for (const turn of log.querySelectorAll("[data-running]")) follow(turn, { stream: turn.dataset.running });
})();
