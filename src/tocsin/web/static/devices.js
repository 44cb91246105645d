// The page of my devices: asks the browser for an address that wakes it, and enters the code that comes there.
"use strict";
(() => {
  const form = document.querySelector("[data-device]");
  if (!form) return;
  const said = form.querySelector("[data-said]");
  const button = form.querySelector("button");
  const say = (text) => { said.textContent = text; said.hidden = !text; };
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  if (!("serviceWorker" in navigator) || !("PushManager" in window)) {
    button.disabled = true;
    const apple = /iPhone|iPad/.test(navigator.userAgent);
    say(apple
      ? "On an iPhone or iPad, first put Tocsin on the home screen (Share, Add to Home Screen), and open it from there."
      : window.isSecureContext
        ? "This browser cannot be woken. Take another one on this device."
        : "A browser is woken only over https. Ask whoever runs Tocsin.");
    return;
  }
  const kind = /iPhone/.test(navigator.userAgent) ? "iphone" : /iPad/.test(navigator.userAgent) ? "ipad" : /Android/.test(navigator.userAgent) ? "phone" : "computer";
  if (form.elements.name.value === "phone") form.elements.name.value = kind;

  const worker = () => navigator.serviceWorker.register("/sw.js", { scope: "/" }).then(() => navigator.serviceWorker.ready);
  const wanted = bytes(form.dataset.device);
  const same = (given) => given && text(given) === text(wanted.buffer);

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    say("The browser asks you now…");
    try {
      if ((await Notification.requestPermission()) !== "granted") {
        say("You said no, or the browser did. Allow notifications for this page in its settings, then press again.");
        return;
      }
      const registration = await worker();
      let has = await registration.pushManager.getSubscription();
      if (has && !same(has.options.applicationServerKey)) { await has.unsubscribe(); has = null; }
      has = has || await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: wanted });
      form.elements.endpoint.value = has.endpoint;
      form.elements.key.value = text(has.getKey("p256dh"));
      form.elements.secret.value = text(has.getKey("auth"));
      form.submit();
    } catch (error) {
      say(`The browser could not do it: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  });

  // The code comes as a message to this very browser: what it says is entered where it is asked for.
  navigator.serviceWorker.addEventListener("message", (event) => {
    const code = event.data && event.data.code;
    const asked = document.querySelectorAll("[data-code]");
    if (!code || asked.length !== 1) return;
    asked[0].elements.code.value = code;
    asked[0].requestSubmit(asked[0].querySelector("button"));
  });
  if (document.querySelector("[data-code]")) worker().catch(() => {});
})();
