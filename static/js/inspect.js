/*
 * The inspector's page is the response to a POST, so that the typed text is in no address. This script gives the page's
 * entry in the browser's history an address without the text and stores the text in that entry, so that going back or
 * reloading shows it again. Without this script the browser asks whether to send the form once more.
 */

const form = document.querySelector("[data-inspect]");
const box = form.elements.text;
const { person } = document.documentElement.dataset;
const keep = () => history.replaceState({ person, text: box.value }, "", form.dataset.inspect);
const { state } = history;

if (form.hasAttribute("data-answered")) keep();
// Restore the text only for the member who typed it, since somebody else may have used this tab.
else if (state?.text && state.person === person && !box.value) {
  box.value = state.text;
  form.submit();
}
// "Send it" leads to another page, so the current text is stored first.
form.addEventListener("submit", ({ submitter }) => { if (submitter?.hasAttribute("formaction")) keep(); });
