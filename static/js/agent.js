/*
 * Fits the agent's form to the chosen chat model: hides settings that the model does not take, and says at once what no
 * longer applies. The server does the same when the form is saved, so the page works without this script.
 * What each model takes, and all texts, come from the page's "model-settings" (agents/model_settings.py).
 */
"use strict";

(function () {
  const form = document.querySelector("[data-agent-form]");
  if (!form) { return; }
  const offers = JSON.parse(document.getElementById("model-settings").textContent);
  const { chat_model: model, effort, temperature, output_limit: limit } = form.elements;
  const notes = form.querySelector("[data-model-notes]");
  // The person's choices, restored when they choose a model again that takes them.
  const wanted = { effort: effort.value, limit: limit.value };
  const sent = (offer) => offer.temperature.includes(effort.value) && temperature.value !== "";
  const atFirst = offers[model.value] || null;
  const sentAtFirst = atFirst !== null && sent(atFirst);

  function show(field, applies) {
    form.querySelector(`[data-setting="${field.name}"]`).hidden = !applies;
    // A hidden invalid value is replaced, because the browser would refuse to submit it and nobody could see why.
    if (!applies && !field.validity.valid) { field.value = field.defaultValue; }
  }

  // A field has no help line if the page's original model does not take it.
  function help(field, words) {
    if (!words) { return; }
    const id = `${field.id}_helptext`;
    if (!document.getElementById(id)) {
      const line = Object.assign(document.createElement("div"), { className: "field__help", id });
      field.after(line);
      field.setAttribute("aria-describedby", `${field.getAttribute("aria-describedby") || ""} ${id}`.trim());
    }
    document.getElementById(id).textContent = words;
  }

  function offerEfforts(offer) {
    const options = Object.entries(offer.efforts).map(([value, words]) => new Option(words, value));
    effort.replaceChildren(...options);
    effort.value = wanted.effort in offer.efforts ? wanted.effort : "";
  }

  function boundLimit(offer) {
    limit.max = offer.most || "";
    const tooMuch = offer.most > 0 && Number(wanted.limit) > offer.most;
    limit.value = tooMuch ? offer.most : wanted.limit;
    return tooMuch;
  }

  function tell(sentences) {
    const notice = document.createElement("div");
    notice.className = "notice notice--info";
    notice.append(...sentences.map((sentence) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = sentence;
      return paragraph;
    }));
    notes.replaceChildren(...(sentences.length ? [notice] : []));
  }

  function fit() {
    const offer = offers[model.value];
    offerEfforts(offer);
    const lowered = boundLimit(offer);
    show(effort, Object.keys(offer.efforts).length > 1);
    show(temperature, offer.temperature.length > 0);
    show(limit, offer.most > 0);
    help(temperature, offer.help.temperature);
    help(limit, offer.help.output_limit);
    limit.placeholder = offer.output[effort.value];
    tell([
      offer.dropped[wanted.effort],
      sentAtFirst && temperature.value !== "" && !sent(offer) && offer.kept.temperature,
      atFirst && atFirst.most && wanted.limit && !offer.most && offer.kept.output_limit,
      lowered && offer.kept.lowered,
    ].filter(Boolean));
  }

  model.addEventListener("change", fit);
  effort.addEventListener("change", () => { wanted.effort = effort.value; fit(); });
  limit.addEventListener("change", () => { wanted.limit = limit.value; });
  // When the page is restored, the browser may select another model than the page was made for.
  window.addEventListener("pageshow", () => {
    if (model.selectedIndex >= 0 && !model.options[model.selectedIndex].defaultSelected) { fit(); }
  });
})();
