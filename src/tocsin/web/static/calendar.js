// What script adds to calendars and schedule forms that work without it: dragging, keys, a moving now-line, previews.
"use strict";
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const SVG = "http://www.w3.org/2000/svg";
  const MINUTE = 60_000, DAY = 86_400_000;
  const STEP = { month: 60 * MINUTE, weeks: 30 * MINUTE, day: 15 * MINUTE }; // what a drag snaps to
  const SLIP = 5; // px that a press may move and still be a press
  const SEATS_MAX = 20; // people in one override

  const spanOf = (body) => ({ start: Date.parse(body.dataset.start), end: Date.parse(body.dataset.end) });
  const share = (at, { start, end }) => (100 * (at - start)) / (end - start);
  const iso = (at) => new Date(at).toISOString().replace(".000Z", "Z");
  const openSheet = (address) => {
    const link = document.createElement("a");
    link.href = address;
    link.dataset.sheet = "";
    document.body.append(link);
    link.click();
    link.remove();
  };
  const withSpan = (address, from, to) => `${address}?from=${iso(from)}&to=${iso(to)}`;

  // -- the line of this instant
  const skew = Date.parse(document.body.dataset.now) - Date.now() || 0;
  const moveLine = () => {
    const now = Date.now() + skew;
    for (const body of $$(".band-body")) {
      const span = spanOf(body), before = $("svg.before", body);
      const inside = span.start <= now && now < span.end;
      if (!inside) { before.replaceChildren(); continue; }
      const line = $("line", before) ?? before.appendChild(document.createElementNS(SVG, "line"));
      const x = `${share(now, span)}%`;
      for (const [name, value] of Object.entries({ x1: x, x2: x, y1: 20, y2: "100%" })) line.setAttribute(name, value);
      $("circle", before)?.setAttribute("cx", x);
    }
  };
  setInterval(moveLine, MINUTE);

  // -- dragging over the last row
  let drag;
  const laneAt = (cal, y) => {
    const lanes = $$("svg.final", cal);
    return lanes.find((lane) => y < lane.getBoundingClientRect().bottom) ?? lanes.at(-1);
  };
  const instantAt = (cal, x, y) => {
    const lane = laneAt(cal, y), box = lane.getBoundingClientRect();
    const span = spanOf(lane.closest(".band-body"));
    const part = Math.min(1, Math.max(0, (x - box.left) / box.width));
    const step = STEP[cal.classList[1].replace("cal-", "")] ?? STEP.month;
    return Math.min(span.end, span.start + Math.round((part * (span.end - span.start)) / step) * step);
  };
  const draw = (cal, from, to) => {
    for (const lane of $$("svg.final", cal)) {
      const span = spanOf(lane.closest(".band-body"));
      const start = Math.max(from, span.start), end = Math.min(to, span.end);
      let rect = $(".draw", lane);
      if (start >= end) { rect?.remove(); continue; }
      if (!rect) {
        rect = lane.appendChild(document.createElementNS(SVG, "rect"));
        rect.setAttribute("class", "draw");
        rect.setAttribute("height", "100%");
      }
      rect.setAttribute("x", `${share(start, span)}%`);
      rect.setAttribute("width", `${share(end, span) - share(start, span)}%`);
    }
  };
  document.addEventListener("pointerdown", (event) => {
    const lane = event.target.closest(".cal[data-drag] svg.final");
    if (!lane || event.button || event.pointerType === "touch") return;
    const cal = lane.closest(".cal");
    drag = { cal, x: event.clientX, y: event.clientY, from: instantAt(cal, event.clientX, event.clientY) };
    hold(cal);
    event.preventDefault();
  });
  document.addEventListener("pointermove", (event) => {
    if (!drag || (!drag.to && Math.abs(event.clientX - drag.x) + Math.abs(event.clientY - drag.y) < SLIP)) return;
    drag.to = instantAt(drag.cal, event.clientX, event.clientY);
    draw(drag.cal, Math.min(drag.from, drag.to), Math.max(drag.from, drag.to));
  });
  // While something is dragged nothing is drawn anew; what changed meanwhile comes when it is let go.
  const hold = (cal) => cal.closest("[data-live]")?.setAttribute("data-held", "");
  const release = (cal) => {
    cal?.closest("[data-live]")?.removeAttribute("data-held");
    document.dispatchEvent(new Event("released"));
  };
  const cancel = () => {
    if (!drag) return;
    draw(drag.cal, 0, 0);
    release(drag.cal);
    drag = undefined;
  };
  document.addEventListener("pointercancel", cancel);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") cancel(); });
  document.addEventListener("pointerup", () => {
    const { cal, from, to } = drag ?? {};
    drag = undefined;
    if (!to) return release(cal);
    document.addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
    setTimeout(() => {
      draw(cal, 0, 0);
      release(cal);
      if (from !== to) openSheet(withSpan(cal.dataset.drag, Math.min(from, to), Math.max(from, to)));
    });
  });
  document.addEventListener("dragstart", (event) => { if (event.target.closest?.("a.on-bar")) event.preventDefault(); });

  // -- keys: a day is chosen by focusing its name
  const days = () => $$("[data-calendar] a[data-day]");
  const mark = (link) => {
    $$(".behind .chosen").forEach((each) => each.remove());
    const tick = link?.closest(".tick");
    if (!tick) return;
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("class", "chosen");
    rect.setAttribute("height", "100%");
    for (const name of ["x", "width"]) rect.setAttribute(name, tick.getAttribute(name));
    $(".behind", tick.closest(".band-body")).append(rect);
  };
  const chosenSpan = (link) => {
    const tick = link.closest(".tick"), span = spanOf(link.closest(".band-body"));
    const at = (part) => Math.round((span.start + (part / 100) * (span.end - span.start)) / MINUTE) * MINUTE;
    const x = parseFloat(tick.getAttribute("x"));
    return [at(x), at(x + parseFloat(tick.getAttribute("width")))];
  };
  document.addEventListener("focusin", (event) => mark(event.target.closest?.("a[data-day]")));
  document.addEventListener("focusout", () => mark());
  document.addEventListener("htmx:after:swap", () => { moveLine(); mark(document.activeElement?.closest?.("a[data-day]")); });
  document.addEventListener("keydown", (event) => {
    const calendar = $("[data-calendar]");
    if (!calendar || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target.matches("input, textarea, select") || $("dialog[open]")) return;
    const here = document.activeElement?.closest?.("a[data-day]");
    const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: here ? -7 : 0, ArrowDown: here ? 7 : 0 }[event.key];
    if (by) {
      event.preventDefault();
      if (calendar.dataset.view === "day") return location.assign(by < 0 ? calendar.dataset.before : calendar.dataset.after);
      const all = days();
      const at = here ? all.indexOf(here) + by : all.findIndex((link) => link.dataset.day === calendar.dataset.on);
      if (all[at]) { all[at].focus({ preventScroll: true }); all[at].scrollIntoView({ block: "nearest" }); }
      else location.assign(at < 0 ? calendar.dataset.before : calendar.dataset.after);
    } else if (event.key === "o") {
      const override = $("[data-override]");
      if (!override) return;
      event.preventDefault();
      if (here) openSheet(withSpan(override.getAttribute("href"), ...chosenSpan(here)));
      else override.click();
    }
  });

  // -- several people: whoever is chosen last makes room for one more
  document.addEventListener("change", (event) => {
    const all = event.target.closest("[data-several]");
    if (!all || !all.lastElementChild.value || all.childElementCount >= SEATS_MAX) return;
    const one = all.lastElementChild.cloneNode(true);
    one.removeAttribute("id");
    one.setAttribute("aria-label", "And who");
    one.options[0].text = "and…";
    one.value = "";
    all.append(one);
  });

  // -- the editor: its buttons change the page in place. No htmx here: what is open, and where the keys are, moves along
  // with layers and turns, and a press that fails becomes an ordinary one.
  // Where a press leads on by key: "Up" to the layer or turn that has moved, any other to what stands there now.
  const button = (root, value) => {
    const [verb, ...at] = value.split(":"), last = Number(at.pop());
    const by = verb.endsWith("up") ? -1 : verb.endsWith("down") ? 1 : 0;
    const back = by < 0 ? verb.replace("up", "down") : verb.replace("down", "up");
    const tries = [[verb, ...at, last + by], [back, ...at, last + by], [verb, ...at, last - 1]];
    return tries.map((each) => $(`button[name=do][value="${each.join(":")}"]`, root)).find(Boolean);
  };
  // What is typed while the answer is on its way stays; what stands in numbered fields may have moved.
  const keepTyped = (form, fresh, sent) => {
    for (const [name, value] of new FormData(form)) {
      const field = fresh.elements[name];
      if (!/\d/.test(name) && sent.get(name) !== value && field?.type) field.value = value;
    }
  };
  // One press after the other: each acts on what the one before it has made of the form, `chosen` with it.
  let pending = 0, turn = Promise.resolve();
  const editor = () => $("form[data-editor]");
  const press = (value, chosen) => {
    pending += 1;
    turn = turn.then(() => act(editor(), value, chosen)).finally(() => { pending -= 1; });
  };
  const act = async (form, value, chosen) => {
    const data = new FormData(form), open = $$("details", form).map((each) => each.open);
    data.set("do", value);
    if (chosen) data.set(chosen.name, chosen.value);
    const sent = new Map(data);
    try {
      const answer = await fetch(form.getAttribute("action"), { method: "POST", body: data });
      const fresh = $("#editor", new DOMParser().parseFromString(await answer.text(), "text/html"));
      if (!answer.ok || !fresh) throw new Error(answer.statusText);
      const same = $$("details", fresh).length === open.length;
      const focused = document.activeElement?.id;
      keepTyped(form, fresh, sent);
      form.replaceWith(document.adoptNode(fresh));
      if (same) $$("details", fresh).forEach((each, n) => { each.open = open[n]; });
      ready(fresh);
      htmx.process(fresh);
      const next = focused ? document.getElementById(focused) : button(fresh, value);
      next?.focus({ preventScroll: !!focused });
    } catch {
      const input = Object.assign(document.createElement("input"), { type: "hidden", name: "do", value });
      form.append(input);
      form.submit();
      await new Promise(() => {}); // the page goes; nothing comes after
    }
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("form[data-editor] button[name=do]");
    if (!button || ["check", "save", "back"].includes(button.value)) return;
    event.preventDefault();
    press(button.value);
  });
  document.addEventListener("change", (event) => {
    const list = event.target;
    if (list.matches("form[data-editor] select[data-adds]") && list.value) {
      press(list.dataset.adds, { name: list.name, value: list.value });
    }
  });
  // What ends the editing waits for its turn, too.
  document.addEventListener("submit", (event) => {
    if (!pending || !event.target.matches("form[data-editor]")) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    const value = event.submitter?.value ?? "check";
    turn.then(() => editor().requestSubmit($(`button[name=do][value="${value}"]`, editor())));
  }, { capture: true });

  // Turns are put in order by dragging, too.
  let carried;
  const ready = (root) => { $$("[data-sort] > .slot", root).forEach((slot) => { slot.draggable = true; }); };
  document.addEventListener("dragstart", (event) => {
    const slot = event.target.closest?.("[data-sort] > .slot");
    if (slot && event.target === slot) { carried = slot; event.dataTransfer.effectAllowed = "move"; }
  });
  document.addEventListener("dragover", (event) => {
    const slot = event.target.closest?.("[data-sort] > .slot");
    $$(".slot.over").forEach((each) => each.classList.toggle("over", each === slot));
    if (!carried || !slot || slot.parentElement !== carried.parentElement) return;
    event.preventDefault();
    slot.classList.add("over");
  });
  document.addEventListener("drop", (event) => {
    const slot = event.target.closest?.("[data-sort] > .slot");
    if (!carried || !slot || slot.parentElement !== carried.parentElement) return;
    event.preventDefault();
    press(`${slot.parentElement.dataset.sort}:${carried.dataset.place}:${slot.dataset.place}`);
  });
  document.addEventListener("dragend", () => { carried = undefined; $$(".slot.over").forEach((each) => each.classList.remove("over")); });
  ready(document);
})();
