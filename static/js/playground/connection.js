// While the server cannot be reached, a line beside the box says so, and what that means for charges.

const LOST = "The connection is lost. A reply that has begun goes on at the server, and nothing is charged twice. "
  + "What you type is kept. Trying again…";

// `showing` is called with the function that shows the line, so that the caller can keep the page's end in view.
export function watchConnection(line, announce, showing = (change) => change()) {
  let lost = false;
  const connection = {
    isLost: () => lost,
    lost() {
      if (lost) return;
      lost = true;
      line.textContent = LOST;
      showing(() => { line.hidden = false; });
      ask();
    },
    back() {
      if (!lost) return;
      lost = false;
      line.hidden = true;
      line.textContent = "";
      announce("Connected again.");
    },
    async probe(within) {
      try {
        return (await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(within) })).ok;
      } catch {
        return false;
      }
    },
  };
  // While the connection is lost, poll here, because nothing else may be making requests.
  async function ask() {
    while (lost) {
      await new Promise((wake) => setTimeout(wake, 1000));
      if (lost && await connection.probe(3000)) connection.back();
    }
  }
  window.addEventListener("offline", connection.lost);
  return connection;
}
