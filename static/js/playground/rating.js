// Rates a reply without reloading the page. Without this script the same forms are posted, and the page comes back.

export function rateInPlace() {
  const OFFLINE = "Not saved: the connection was lost. Try again.";
  // A turn that was just streamed has no CSRF token; the page's composer always has one.
  const token = () => document.querySelector("input[name=csrfmiddlewaretoken][value]")?.value ?? "";

  document.addEventListener("submit", (event) => {
    const place = event.target.closest("[data-rating]");
    if (!place) return;
    event.preventDefault();
    if (place.hasAttribute("aria-busy")) return;
    place.setAttribute("aria-busy", "true");
    send(event.target, event.submitter)
      .then((html) => show(place, html, event.submitter))
      .catch((problem) => complain(place, problem.refusal ?? OFFLINE))
      .finally(() => place.removeAttribute("aria-busy"));
  });

  // Returns the new buttons, or throws an error whose `refusal` is the server's sentence.
  async function send(form, button) {
    const fields = new URLSearchParams(new FormData(form));
    if (button?.name) fields.set(button.name, button.value);
    const response = await fetch(form.action, {
      method: "POST",
      headers: { Accept: "application/json", "X-CSRFToken": token() },
      body: fields,
    });
    const answer = await response.json().catch(() => null); // an error page is not JSON
    // A redirect to the same act means that the workspace has a new address; to another page, that the person must
    // sign in.
    if (actOf(response.url) !== actOf(form.action)) throw refused("Not saved: your session has ended. Reload the page and sign in.");
    if (response.ok && answer) return answer.html;
    // The role was lowered, the workspace suspended, or the page is older than the last sign-in; the response says
    // which.
    if (response.status === 403) throw refused("Not saved: it is not allowed from here any more. Reload the page to see why.");
    throw refused(answer?.error?.message ?? "Not saved: something went wrong. Reload the page.");
  }

  function actOf(address) {
    return new URL(address).pathname.replace(/^\/w\/[^/]+/, "");
  }

  function refused(refusal) {
    return Object.assign(new Error(refusal), { refusal });
  }

  function show(place, html, button) {
    const fresh = document.adoptNode(new DOMParser().parseFromString(html, "text/html").body).firstElementChild;
    place.replaceWith(fresh);
    const label = button?.getAttribute("aria-label");
    fresh.querySelector(label ? `[aria-label="${label}"]` : "summary")?.focus();
  }

  function complain(place, words) {
    const line = place.querySelector("[role=alert]") ?? document.createElement("span");
    line.className = "small";
    line.setAttribute("role", "alert");
    line.textContent = words;
    place.append(line);
  }
}
