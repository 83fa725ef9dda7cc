/*
 * Makes a passkey, or signs in or confirms with one. WebAuthn needs a script, so the buttons are hidden until this runs.
 * No dependencies.
 *
 *   data-passkey="make|use" on a <form>: its button starts it; the result is sent in the field `credential`.
 *   data-passkey-options    the id of a <script type="application/json"> with the server's options.
 *   data-passkey-fetch      instead of that: the address to fetch them from when the button is pressed.
 *   data-passkey-problem    inside the form: the element that shows a failure.
 */
"use strict";

(function () {
  const supported = Boolean(window.PublicKeyCredential && navigator.credentials);

  function toBytes(text) {
    const base64 = text.replaceAll("-", "+").replaceAll("_", "/");
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  }

  function toText(buffer) {
    const base64 = btoa(String.fromCharCode(...new Uint8Array(buffer)));
    return base64.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  const withBytes = (list) => (list || []).map((one) => ({ ...one, id: toBytes(one.id) }));

  async function optionsOf(form) {
    if (form.dataset.passkeyFetch) {
      const answer = await fetch(form.dataset.passkeyFetch, { headers: { Accept: "application/json" } });
      if (!answer.ok) { throw new Error("The server did not answer. Reload the page and try again."); }
      return (await answer.json()).request_options;
    }
    const told = JSON.parse(document.getElementById(form.dataset.passkeyOptions).textContent);
    return told.creation_options || told.request_options;
  }

  async function make(publicKey) {
    return navigator.credentials.create({ publicKey: {
      ...publicKey,
      challenge: toBytes(publicKey.challenge),
      user: { ...publicKey.user, id: toBytes(publicKey.user.id) },
      excludeCredentials: withBytes(publicKey.excludeCredentials),
      // The passkey must be enough to sign in: the device stores it and asks for a finger, face or PIN.
      authenticatorSelection: { ...publicKey.authenticatorSelection,
        residentKey: "required", requireResidentKey: true, userVerification: "required" },
    } });
  }

  async function use(publicKey) {
    return navigator.credentials.get({ publicKey: {
      ...publicKey,
      challenge: toBytes(publicKey.challenge),
      allowCredentials: withBytes(publicKey.allowCredentials),
    } });
  }

  function asJson(credential) {
    const { response } = credential;
    const told = { clientDataJSON: toText(response.clientDataJSON) };
    if (response.attestationObject) {
      told.attestationObject = toText(response.attestationObject);
      told.transports = response.getTransports ? response.getTransports() : [];
    } else {
      told.authenticatorData = toText(response.authenticatorData);
      told.signature = toText(response.signature);
      told.userHandle = response.userHandle ? toText(response.userHandle) : null;
    }
    return JSON.stringify({
      id: credential.id,
      rawId: toText(credential.rawId),
      type: credential.type,
      response: told,
      clientExtensionResults: credential.getClientExtensionResults(),
    });
  }

  function words(error) {
    switch (error.name) {
      case "NotAllowedError": return "No passkey was used. Try again, or use another way below.";
      case "InvalidStateError": return "This device has a passkey of this account already.";
      case "SecurityError": return "Passkeys do not work at this address: they need HTTPS and a name instead of an IP address.";
      default: return error.message;
    }
  }

  async function run(form) {
    const problem = form.querySelector("[data-passkey-problem]");
    problem.hidden = true;
    try {
      const { publicKey } = await optionsOf(form);
      const credential = await (form.dataset.passkey === "make" ? make : use)(publicKey);
      form.elements.credential.value = asJson(credential);
      form.submit();
    } catch (error) {
      problem.textContent = words(error);
      problem.hidden = false;
    }
  }

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      run(form);
    });
    form.hidden = !supported;
  }
})();
