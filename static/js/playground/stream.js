// Reads a reply's event stream, and resumes it after a break. A stream is over only after its terminal event.

export const STREAM = "text/event-stream;turn=html";
const RETRY_MS = 1000;
// While a stream is silent the server is pinged, so that a dead connection is shown within three seconds.
const SILENCE_MS = 1400;
const PROBE_MS = 1300;
// The server sends a comment at least every ten seconds, so a stream that is silent for this long is dead.
const DEAF_MS = 25_000;

// The message was refused, so there is no stream.
export class Refused extends Error {
  constructor(status, answer) {
    super(String(status));
    this.status = status;
    this.answer = answer; // the response's JSON, or null if it has none
  }
}

// `heard` is called for each chunk that arrives, including comments.
async function* events(response, signal, heard) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  signal.addEventListener("abort", () => reader.cancel().catch(() => {}));
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
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

function attach(stream, last, signal) {
  const headers = { Accept: STREAM };
  if (last) headers["Last-Event-ID"] = last;
  return fetch(stream, { headers, signal });
}

// Checks whether the server can be reached while the stream is silent, and gives up a stream that stays silent.
function watchSilence(connection, giveUp) {
  let last = performance.now();
  let asked = last;
  let asking = false;
  async function look() {
    const now = performance.now();
    if (now - last > DEAF_MS) return giveUp();
    if (asking || document.hidden || now - Math.max(last, asked) < SILENCE_MS) return;
    asking = true;
    const reached = await connection.probe(PROBE_MS);
    asked = performance.now();
    asking = false;
    if (reached) connection.back();
    else connection.lost();
  }
  const timer = setInterval(look, 250);
  return {
    heard() {
      last = performance.now();
      connection.back();
    },
    end() { clearInterval(timer); },
  };
}

/*
 * Yields all events of one reply until its terminal one. `where.stream` is the stream's address, known from the start or
 * from the event "accepted"; until it is known, `post(signal)` sends the message. If the reply may not be watched any more,
 * it calls `gone(status)` and ends. Throws Refused, or what broke the connection before the message was accepted.
 */
export async function* follow({ where, post, connection, gone }) {
  let last = "";
  for (;;) {
    const abort = new AbortController();
    const silence = watchSilence(connection, () => abort.abort());
    try {
      const response = await (where.stream ? attach(where.stream, last, abort.signal) : post(abort.signal));
      if (!response.ok && !where.stream) throw new Refused(response.status, await response.json().catch(() => null));
      if (!response.ok && response.status < 500) return gone(response.status);
      if (!response.ok) throw new Error(String(response.status));
      for await (const event of events(response, abort.signal, silence.heard)) {
        if (event.kind === "accepted") Object.assign(where, event.data);
        else last = event.id;
        yield event;
        if (event.kind === "done" || event.kind === "error") return;
      }
    } catch (error) {
      // Before the message is accepted there is nothing to resume; after that, continue from the last event.
      if (!where.stream) throw error;
      connection.lost();
    } finally {
      silence.end();
      abort.abort();
    }
    if (!where.stream) throw new Error("The stream ended before the message was accepted.");
    await new Promise((wake) => setTimeout(wake, connection.isLost() ? RETRY_MS : 50));
  }
}
