// What script adds to pages that work without it: live fragments, ticking times, keys, copying, sheets.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // -- time: the server's clock, so that a countdown is right on a phone whose clock is not
  let skew = 0;
  const readClock = (element) => {
    const stamp = element?.dataset?.now;
    if (stamp) skew = Date.parse(stamp) - Date.now();
  };
  const two = (n) => String(n).padStart(2, "0");
  const rounded = (s) => {
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    if (s < 86400) {
      const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
      return `${h} h` + (m && h < 6 ? ` ${m} min` : "");
    }
    const d = Math.floor(s / 86400);
    return `${d} day${d > 1 ? "s" : ""}`;
  };
  const countdown = (s, before) => {
    if (s <= 0) return "now";
    return before ? `${before} ${span(s)}` : span(s);
  };
  const span = (s) => {
    const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
    if (h >= 24) return rounded(s);
    return h ? `${h}:${two(m)}:${two(s % 60)}` : `${m}:${two(s % 60)}`;
  };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const tick = () => {
    const now = Date.now() + skew;
    for (const t of $$("time[data-until]")) put(t, countdown(Math.ceil((Date.parse(t.dateTime) - now) / 1000), t.dataset.until));
    for (const t of $$("time[data-since]")) put(t, rounded(Math.max(0, Math.floor((now - Date.parse(t.dateTime)) / 1000))));
  };

  // -- live: hints arrive, fragments are fetched again; what is being read or typed stays where it is
  const TRIES_MAX = 20;
  const SOON = 120, APART = 700, ANEW = 5000; // ms: before a fetch, between two, before one that failed is tried again
  const pace = new WeakMap();
  const paceOf = (part) => {
    if (!pace.has(part)) pace.set(part, { timer: 0, next: 0, began: 0, failed: 0, again: false });
    return pace.get(part);
  };
  const busy = (part) => {
    const active = document.activeElement;
    // [data-held]: somebody is dragging something in it.
    return part.matches("[data-held]") || (part.contains(active) && active.matches("input, textarea, select"));
  };
  const refresh = (part) => {
    const its = paceOf(part);
    if (its.began) its.again = true; // what is being fetched may be older than this hint
    if (its.timer) return;
    its.timer = setTimeout(() => {
      its.timer = 0;
      if (!part.isConnected) return;
      if (busy(part) || document.hidden) { part.dataset.stale = "1"; return; }
      delete part.dataset.stale;
      its.began = performance.now();
      // When no answer comes, or one that cannot be shown, this tries again by and by.
      its.timer = setTimeout(() => {
        its.timer = its.began = 0;
        its.failed += 1;
        if (its.failed < TRIES_MAX) refresh(part);
        else tell("not live: reload the page");
      }, ANEW * (1 + Math.random()));
      htmx.trigger(part, "refresh");
    }, Math.max(SOON, its.next - performance.now()));
  };
  // An answer came. A server that is slow because much happens is asked less often, not more.
  const answered = (part) => {
    const its = paceOf(part);
    if (!its.began) return;
    const now = performance.now();
    clearTimeout(its.timer);
    its.timer = 0;
    its.next = now + Math.max(APART, 4 * (now - its.began));
    its.began = its.failed = 0;
    if (its.again) { its.again = false; refresh(part); }
  };
  const woken = (topic) => {
    for (const part of $$("[data-live]")) {
      const topics = part.dataset.live.split(" ");
      if (topic === "reload" || topics.includes(topic)) refresh(part);
    }
  };
  const refreshStale = () => $$("[data-live][data-stale]").forEach(refresh);

  const state = $("#live-state");
  const tell = (text) => { if (state) put(state, text); };
  let source, lost, tries = 0;
  let missed = true; // something may change between the page's making and the stream's beginning

  const connect = () => {
    const topics = [...new Set($$("[data-live]").flatMap((part) => part.dataset.live.split(" ")))];
    if (!topics.length || !window.EventSource || source) return;
    source = new EventSource("/events?" + topics.map((topic) => "topic=" + encodeURIComponent(topic)).join("&"));
    source.addEventListener("hint", (event) => woken(event.data));
    source.addEventListener("end", () => { disconnect(); tell("Signed out: this page no longer changes by itself. Reload it."); });
    source.onopen = () => {
      clearTimeout(lost);
      // Whatever changed while nobody listened is fetched now.
      if (missed) woken("reload");
      lost = undefined;
      missed = false;
      tries = 0;
      tell("live");
    };
    source.onerror = () => {
      missed = true;
      lost ??= setTimeout(() => tell("not live: the connection is lost, trying again"), 3000);
      if (source?.readyState !== EventSource.CLOSED) return;
      disconnect();
      tries += 1;
      if (tries < TRIES_MAX) setTimeout(connect, 5000);
      else tell("not live: reload the page");
    };
  };
  const disconnect = () => { source?.close(); source = undefined; };

  // -- nothing jumps: rows that would arrive while somebody reads further down are announced first
  const news = (part, html) => {
    const known = new Set($$("[data-item]", part).map((row) => row.id));
    const arriving = $$("[data-item]", new DOMParser().parseFromString(html, "text/html").body);
    return arriving.filter((row) => row.id && !known.has(row.id)).length;
  };
  document.addEventListener("htmx:before:swap", (event) => {
    const { target: part, swap } = event.detail.ctx ?? {};
    if (!(part instanceof Element) || !part.matches("[data-live]") || swap === "none") return;
    answered(part);
    if (!part.matches("[data-announce]") || part.dataset.welcome) return;
    const reading = window.scrollY > 80 || part.contains(document.activeElement);
    const fresh = reading ? news(part, event.detail.ctx.text ?? "") : 0;
    if (!fresh) return;
    event.preventDefault();
    $(".news")?.remove();
    const button = document.createElement("button");
    button.className = "btn btn-primary news";
    button.textContent = `${fresh} new: show`;
    button.onclick = () => {
      button.remove();
      part.dataset.welcome = "1";
      window.scrollTo({ top: 0 });
      htmx.trigger(part, "refresh");
    };
    part.before(button);
  });
  document.addEventListener("htmx:after:swap", () => {
    for (const part of $$("[data-live]")) { readClock(part); delete part.dataset.welcome; }
    keepRow();
    showCopy();
    tick();
  });

  // -- lists by key
  let chosen = "";
  const rows = () => $$("[data-item]");
  const keepRow = () => rows().forEach((row) => row.classList.toggle("here", row.id === chosen && !!chosen));
  const move = (by) => {
    const list = rows();
    if (!list.length) return;
    const at = list.findIndex((row) => row.id === chosen);
    const row = list[Math.min(list.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : list.length - 1) : at + by))];
    chosen = row.id;
    keepRow();
    ($("a.row-link, a", row) ?? row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const press = (key) => {
    const row = chosen && document.getElementById(chosen);
    const target = (row && $(`[data-key="${key}"]`, row)) || $(`[data-key="${key}"]`);
    if (!target) return false;
    target.click();
    if (target.matches("input, textarea")) target.focus();
    return true;
  };
  const PLACES = { i: "/incidents", h: "/", s: "/services", m: "/console", p: "/policies", u: "/people", o: "/schedules" };
  let leading = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches("input, textarea, select, [contenteditable]")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    const key = event.key;
    let done = true;
    if (Date.now() - leading < 1200 && PLACES[key]) location.assign(PLACES[key]);
    else if (key === "g") leading = Date.now();
    else if (key === "?") $("#keys")?.showModal();
    else if (key === "/") $("#search")?.focus();
    else if (key === "j") move(1);
    else if (key === "k") move(-1);
    else if ("aren".includes(key) && key.length === 1) done = press(key);
    else done = false;
    if (key !== "g") leading = 0;
    if (done) event.preventDefault();
  });

  // -- copying
  const showCopy = () => $$("button[data-copy][hidden]").forEach((button) => { button.hidden = !navigator.clipboard; });
  document.addEventListener("click", async (event) => {
    const target = event.target.closest("button, a, summary");
    if (!target) return closeMenus(event.target);
    if (target.matches("button[data-copy]")) {
      const text = target.dataset.copy || $("pre, .secret", target.parentElement)?.textContent || "";
      try { await navigator.clipboard.writeText(text.trim()); target.textContent = "Copied"; } catch { target.textContent = "Select and copy"; }
      setTimeout(() => { target.textContent = "Copy"; }, 2000);
    } else if (target.matches("[data-keys]")) $("#keys")?.showModal();
    else if (target.matches("a[data-sheet]") && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      openSheet(target.href.baseVal ?? target.href); // of a link inside a drawing
    } else if (target.matches("[data-close]")) {
      const dialog = target.closest("dialog");
      if (dialog) { event.preventDefault(); dialog.close(); }
    }
    closeMenus(target);
  });
  const closeMenus = (target) => $$("details.menu[open]").forEach((menu) => { if (!menu.contains(target)) menu.open = false; });

  // -- sheets: the form of another page, in a dialog; when anything is odd, that page itself
  const openSheet = async (address) => {
    const dialog = $("#sheet");
    try {
      const response = await fetch(address, { headers: { "HX-Request": "true" } });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const form = $("[data-sheet-body]", page);
      if (!response.ok || response.redirected || !form) throw new Error(response.statusText);
      dialog.replaceChildren(document.adoptNode(form));
      $$("[data-without-script]", dialog).forEach((button) => { button.hidden = true; });
      htmx.process(dialog);
      dialog.showModal();
      ($("[autofocus], textarea, input:not([type=hidden]), select", dialog))?.focus();
    } catch { location.assign(address); }
  };

  // -- one press is one act
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method !== "post") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "1";
    setTimeout(() => { delete form.dataset.sent; }, 4000);
  });
  // Filters act when chosen; the button is there for those without script.
  document.addEventListener("change", (event) => { if (event.target.matches("form[data-auto] select")) event.target.form.requestSubmit(); });

  // A browser opens only a few connections to one host, so a tab that nobody looks at gives its own back.
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) { missed = true; disconnect(); } else { connect(); refreshStale(); }
  });
  document.addEventListener("focusout", () => setTimeout(refreshStale, 50));
  document.addEventListener("released", refreshStale); // what was dragged has been let go
  window.addEventListener("pageshow", (event) => { if (event.persisted) woken("reload"); });
  readClock(document.body);
  showCopy();
  $$("[data-keys]").forEach((button) => { button.hidden = false; });
  $$("[data-without-script]").forEach((button) => { button.hidden = true; });
  $(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  setInterval(tick, 1000);
  tick();
  connect();
})();
