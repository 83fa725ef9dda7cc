// For read-only pages of a conversation: shows a running reply live.

import { LiveText } from "../live_text.js";
import { watchConnection } from "./connection.js";
import { follow } from "./stream.js";
import { keepingTheEnd, thinkingClock } from "./turns.js";

export function readAlong(chat, log, announce) {
  const running = log.querySelectorAll("[data-running]");
  if (!running.length) return;
  const connection = watchConnection(chat.querySelector("[data-lost]"), announce, (change) => keepingTheEnd(log, change));
  for (const turn of running) watchOnly(log, turn, connection, announce);
}

// Reload the page at the end, because the finished turn has buttons that depend on the reader.
async function watchOnly(log, turn, connection, announce) {
  const thinking = thinkingClock(turn, announce);
  const live = new LiveText(turn.querySelector("[data-text]"));
  const gone = () => location.reload();
  for await (const event of follow({ where: { stream: turn.dataset.running }, connection, gone })) {
    if (event.kind === "thinking") thinking.heardOf(event.data.seconds);
    if (event.kind === "text") {
      if (event.data.text.trim()) thinking.end();
      keepingTheEnd(log, () => live.add(event.data.text));
    }
    if (event.kind === "html") keepingTheEnd(log, () => live.show(event.data));
    if (event.kind === "done" || event.kind === "error") location.reload();
  }
}
