// Shows times in the reader's zone, and a line where a new day begins there. The zone is their account's, else the browser's.

const timeZone = document.documentElement.dataset.timeZone || undefined;
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", timeZone });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "long", year: "numeric", timeZone });
const whole = new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeStyle: "long", timeZone });
// The Canadian date format is YYYY-MM-DD.
const machine = new Intl.DateTimeFormat("en-CA", { year: "numeric", month: "2-digit", day: "2-digit", timeZone });
const aDay = 24 * 60 * 60 * 1000;

export function localise(log) {
  for (const line of log.querySelectorAll("[data-day]")) line.remove();
  let previous = "";
  for (const turn of log.querySelectorAll(":scope > .chat__turn")) {
    const time = turn.querySelector(".chat__meta time");
    const at = time && new Date(time.dateTime);
    if (!at || Number.isNaN(at.getTime())) continue;
    time.textContent = clock.format(at);
    time.title = whole.format(at);
    const begins = day.format(at);
    if (begins !== previous) turn.before(dayLine(at, begins));
    previous = begins;
  }
}

function dayLine(at, begins) {
  const line = document.createElement("li");
  line.className = "chat__day";
  line.dataset.day = "";
  const time = document.createElement("time");
  time.dateTime = machine.format(at);
  time.textContent = name(at, begins);
  line.append(time);
  return line;
}

function name(at, begins) {
  const today = new Date();
  const yesterday = new Date(today.getTime() - aDay);
  if (begins === day.format(today)) return "Today";
  return begins === day.format(yesterday) ? "Yesterday" : begins;
}
