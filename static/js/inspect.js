/*
 * The inspector is answered to a POST, which keeps what is typed out of addresses. Here the page's place in the browser's
 * history becomes an address without the text, and keeps the text itself: going back or reloading asks nothing and shows it
 * again. Without this script the browser asks whether to send the form once more.
 */

const form = document.querySelector("[data-inspect]");
const box = form.elements.text;
const { person } = document.documentElement.dataset;
const keep = () => history.replaceState({ person, text: box.value }, "", form.dataset.inspect);
const { state } = history;

if (form.hasAttribute("data-answered")) keep();
// Only text of the same member, not what somebody else has left in this tab.
else if (state?.text && state.person === person && !box.value) {
  box.value = state.text;
  form.submit();
}
// "Send it" takes along the current text.
form.addEventListener("submit", ({ submitter }) => { if (submitter?.hasAttribute("formaction")) keep(); });
