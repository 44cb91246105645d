// The worker of a device that pages wake: shows a page, says that it was shown, and shows an urgent one again until
// somebody has looked.
"use strict";

const AGAIN = 10_000; // ms between two showings of an urgent page
const SHOWINGS = 4; // browsers end a worker that takes longer
const TRIES = 4; // of what is sent: within six seconds
const RINGS = [500, 150, 500, 150, 500, 400, 900];

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const shown = (page, again) =>
  self.registration.showNotification(page.title, {
    body: page.body,
    tag: page.tag,
    data: page,
    icon: "/static/-/icon-192.png",
    badge: "/static/-/icon-badge.png",
    renotify: !page.quiet,
    requireInteraction: page.urgent,
    ...(page.quiet ? { silent: true } : { vibrate: page.urgent ? RINGS : [200] }), // both at once are refused
    timestamp: Date.now(),
    actions: (page.acts || []).map((act) => ({ action: act.verb, title: act.title })),
  });

const windows = () => self.clients.matchAll({ type: "window", includeUncontrolled: true });

// A phone that has just been woken may be offline for a moment, and the server busy: so each is tried more than once.
// Both addresses may be sent to again; the second time changes nothing.
const sent = async (address, headers = {}) => {
  let answer;
  for (let tried = 0; tried < TRIES; tried += 1) {
    if (tried) await pause(1_000 * tried);
    try {
      answer = await fetch(address, { method: "POST", credentials: "omit", headers });
      if (answer.status < 500 && answer.status !== 429) break;
    } catch { /* offline */ }
  }
  return answer;
};

const arrived = async (page) => {
  for (const old of page.clears ? await self.registration.getNotifications({ tag: page.clears }) : []) old.close();
  await shown(page);
  if (page.seen) await sent(`/push/${page.seen}`);
  const digits = /\b(\d{3} ?\d{3,5})\b/.exec(page.title);
  if (digits && !page.acts.length) for (const open of await windows()) open.postMessage({ code: digits[1] });
  for (let count = 1; page.urgent && count < SHOWINGS; count += 1) {
    await pause(AGAIN);
    const still = await self.registration.getNotifications({ tag: page.tag });
    const reading = (await windows()).some((open) => open.focused);
    // Put away, or something else stands there: a later page, or what came of a press.
    if (reading || !still.some((one) => one.data?.id === page.id && one.data.urgent)) return;
    await shown(page);
  }
};

self.addEventListener("push", (event) => {
  let page = null;
  try { page = event.data.json(); } catch { /* not ours */ }
  if (!page || !page.title) page = { title: "Tocsin", body: "Something came that cannot be shown here. Open Tocsin.", tag: "tocsin", acts: [], link: "/" };
  event.waitUntil(arrived({ acts: [], ...page }));
});

const open = async (path) => {
  for (const one of await windows()) {
    if (new URL(one.url).pathname === path) return one.focus();
  }
  return self.clients.openWindow(path);
};

const act = async (page, chosen) => {
  try {
    const answer = await sent(chosen.url, { Accept: "application/json" });
    const said = await answer.json();
    await self.registration.showNotification(said.says || chosen.title, {
      body: page.title, tag: page.tag, silent: true, data: { ...page, acts: [], urgent: false }, icon: "/static/-/icon-192.png",
    });
  } catch {
    await open(chosen.url); // there it can be seen what happened, and pressed again
  }
};

self.addEventListener("notificationclick", (event) => {
  const page = event.notification.data || {};
  event.notification.close();
  const chosen = (page.acts || []).find((one) => one.verb === event.action);
  event.waitUntil(chosen ? act(page, chosen) : open(page.link || "/"));
});
