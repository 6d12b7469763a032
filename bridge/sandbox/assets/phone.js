// The phone: one thread of one customer with one business.

import { byId, el, icon, reconcile, sticky, autoGrow, sendsOnEnter, sticksToEnd, timeOf, dayOf, emoji, hue } from "./dom.js";
import { show, tray } from "./files.js";
import { linkCard, richPieces } from "./rich.js";
import { renderDevice } from "./device.js";
import { renderApplePay } from "./payment.js";
import { state, on, call, attempt, threadOf } from "./store.js";

let customer = new URLSearchParams(location.search).get("customer") || "";
let business = "";
let typing = false; // typing_start was sent, and nothing since
let typingTimer;
const drafts = new Map(); // by thread
let files; // about to be sent

const input = byId("phone-input");
const log = byId("phone-thread");
const dots = el("div", { class: "dots", testid: "phone-typing", data: { key: "typing" }, role: "img", "aria-label": "The business is typing" }, el("i"), el("i"), el("i"));

const me = () => state.customers.find((c) => c.key === customer);
const thread = () => threadOf(customer, business);
const where = (more = {}) => ({ customer, business, ...more });

export function startPhone() {
  dressTools();
  sticksToEnd(log);
  files = tray({ side: "phone", field: input, zone: document.querySelector(".screen"), usable: () => !input.disabled, changed: enableSend });
  byId("phone-form").addEventListener("submit", send);
  sendsOnEnter(input, byId("phone-form"));
  input.addEventListener("input", typed);
  byId("phone-customer").addEventListener("change", (event) => choose(event.target.value, business));
  byId("phone-business").addEventListener("change", (event) => choose(customer, event.target.value));
  for (const kind of ["snapshot", "customer", "thread"]) on(kind, render);
  on("bubble", (b) => { if (b.customer === customer && b.business_id === business) renderThread(); });
  startDialogs();
  tick();
  setInterval(tick, 10000);
}

function tick() {
  byId("phone-clock").textContent = timeOf(new Date()).replace(/\s?[AP]M$/i, "");
}

function dressTools() {
  const dress = (id, sign, label) => byId(id).append(icon(sign), el("span", { text: label }));
  dress("phone-new-customer", "person", "New");
  dress("phone-link", "link", "Link");
  dress("phone-signed-out", "power", "Sign out");
  dress("phone-delete", "trash", "Delete");
  byId("phone-send").append(icon("send"));
}

function choose(newCustomer, newBusiness) {
  drafts.set(customer + business, input.value);
  [customer, business, typing] = [newCustomer, newBusiness, false];
  input.value = drafts.get(customer + business) || "";
  files.clear();
  const url = new URL(location);
  url.searchParams.set("customer", customer);
  history.replaceState(null, "", url);
  log.replaceChildren();
  render();
  log.scrollTop = log.scrollHeight;
  autoGrow(input);
}

function render() {
  if (!me()) customer = state.customers[0]?.key || "";
  if (!state.businesses.some((b) => b.id === business)) business = state.businesses[0]?.id || "";
  if (!thread()) return; // a new customer's threads come right after it
  options(byId("phone-customer"), state.customers.map((c) => [c.key, `${c.label} · ${c.locale}`]), customer);
  options(byId("phone-business"), state.businesses.map((b) => [b.id, b.name || b.id]), business);
  byId("phone-business-label").hidden = state.businesses.length < 2;
  byId("phone-title").hidden = state.businesses.length > 1;
  const name = state.businesses.find((b) => b.id === business).name || "Business";
  byId("phone-title").textContent = name;
  byId("phone-badge").textContent = [...name][0].toUpperCase();
  byId("phone-badge").style.setProperty("--hue", hue(business));
  const out = me().signed_out;
  const toggle = byId("phone-signed-out");
  toggle.setAttribute("aria-pressed", String(out));
  toggle.lastChild.textContent = out ? "Sign in" : "Sign out";
  input.disabled = out;
  byId("phone-attach").disabled = out;
  input.placeholder = out ? "Signed out" : "Message";
  renderDevice(me());
  renderApplePay(me());
  byId("phone-link").disabled = out;
  byId("phone-delete").disabled = out || !thread().started || thread().deleted;
  const launch = thread().launch;
  byId("phone-launch").hidden = !launch;
  byId("phone-launch").textContent = launch ? `Opened from a link: intent “${launch.intent}”, group “${launch.group}”` : "";
  enableSend();
  renderThread();
}

function options(select, pairs, chosen) {
  reconcile(select, pairs, (p) => p[0], (p) => el("option", { value: p[0] }), (node, p) => { node.textContent = p[1]; });
  select.value = chosen;
}

const gap = 5 * 60 * 1000; // a new time stamp after this long

function renderThread() {
  const t = thread();
  const bubbles = t.bubbles || [];
  const lastOwn = bubbles.findLast((b) => b.from === "customer");
  const rows = [];
  bubbles.forEach((b, i) => {
    const before = bubbles[i - 1];
    const after = bubbles[i + 1];
    const apart = (x, y) => !x || !y || x.from !== y.from || Date.parse(y.at) - Date.parse(x.at) > gap;
    if (!before || Date.parse(b.at) - Date.parse(before.at) > gap) rows.push({ stamp: b.at, key: "at " + b.id });
    rows.push({ bubble: b, key: b.id, tail: apart(b, after), first: apart(before, b), newest: !after, status: b === lastOwn });
  });
  if (t.typing_until > Date.now()) rows.push({ dots: true, key: "typing" });
  if (!rows.length) rows.push({ empty: true, deleted: t.deleted, key: "empty" + t.deleted });
  clearTimeout(typingTimer);
  if (t.typing_until > Date.now()) typingTimer = setTimeout(renderThread, t.typing_until - Date.now() + 50);
  sticky(log, () => reconcile(log, rows, (r) => r.key, createRow, updateRow));
}

function createRow(row) {
  if (row.dots) return dots;
  if (row.stamp) return el("p", { class: "stamp" }, el("b", { text: dayOf(row.stamp) }), " " + timeOf(row.stamp));
  if (row.empty) {
    return row.deleted
      ? el("div", { class: "empty" }, el("b", { text: "Conversation deleted" }), el("span", { text: "The business can write no more. Write again, and it opens with the same id." }))
      : el("div", { class: "empty" }, el("b", { text: "Start here" }), el("span", { text: "Type a message below and press Enter. It goes through a simulated Apple gateway and the real bridge to the desk." }), icon("down"));
  }
  const b = row.bubble;
  const node = el("div", { class: `row from-${b.from}`, testid: "phone-bubble", data: { id: b.id, from: b.from } },
    el("div", { class: "line" },
      el("div", { class: "stack", title: timeOf(b.at) }, ...pieces(b)),
      b.from === "business" && reactButton(b)),
    el("div", { class: "below" }));
  looks.set(node, lookOf(b));
  return node;
}

// pieces are a message's words and files, in the order in which its text marks them.
function pieces(b) {
  if (b.interactive) return richPieces(b, where, me().device.name);
  if (b.link) return [linkCard(b.link)];
  const list = [];
  const waiting = [...(b.files || [])];
  b.text.split("\uFFFC").forEach((words, i) => {
    if (i && waiting.length) list.push(el("div", { class: "piece" }, show(waiting.shift(), "phone")));
    if (words.trim()) list.push(el("div", { class: "bubble" }, el("span", { class: "text", testid: "phone-bubble-text", text: words.trim() })));
  });
  list.at(-1)?.classList.toggle("foot", list.at(-1).classList.contains("bubble"));
  return list;
}

// lookOf changes when a bubble must be made anew: once it is answered, and where its answer is known.
const lookOf = (b) => (b.interactive ? JSON.stringify({ ...b.interactive, content: Boolean(b.interactive.content) }) : "");

const looks = new WeakMap(); // by row

function renew(node, b) {
  const stack = node.querySelector(".stack");
  const focused = stack.contains(document.activeElement);
  stack.replaceChildren(...pieces(b));
  looks.set(node, lookOf(b));
  if (focused) (stack.querySelector("button") || log).focus({ preventScroll: true });
}

function updateRow(node, row) {
  if (!row.bubble) return;
  const b = row.bubble;
  node.classList.toggle("tail", row.tail);
  node.classList.toggle("first", row.first);
  node.classList.toggle("newest", row.newest);
  node.dataset.status = b.status || "";
  node.dataset.repeats = b.repeats || 0;
  const shown = JSON.stringify([b.status, b.reaction, b.repeats, row.status, lookOf(b)]);
  if (node.dataset.shown === shown) return;
  node.dataset.shown = shown;
  if (looks.get(node) !== lookOf(b)) renew(node, b);
  const bubble = node.querySelector(".stack").firstElementChild;
  bubble.querySelector(".tapback")?.remove();
  const r = b.reaction;
  if (r && !(r.removed && r.status !== "not_delivered")) {
    bubble.append(el("span", { class: "tapback", testid: "phone-reaction", data: { verb: r.verb, status: r.status }, text: emoji[r.verb] }));
  }
  node.classList.toggle("reacted", Boolean(bubble.querySelector(".tapback")));
  node.querySelector(".below").replaceChildren(...below(b, row.status));
}

// below are the small words under a bubble.
function below(b, isLast) {
  const words = [];
  if (b.from === "customer" && b.interactive?.by_ref) words.push(el("span", { testid: "phone-by-ref", text: "by reference" }));
  if (b.automated) words.push(el("span", { class: "automated", testid: "phone-automated", text: "Automated" }));
  if (b.repeats) words.push(el("span", { testid: "phone-repeats", text: `sent ${b.repeats + 1}×, shown once` }));
  if (b.status === "not_delivered") words.push(resendButton(b.id, b.reason));
  else if (b.reaction?.status === "not_delivered") words.push(resendButton(b.reaction.id, "The reaction was not delivered"));
  else if (isLast && b.status) words.push(el("span", { testid: "phone-status", text: b.status === "delivered" ? "Delivered" : "Sending…" }));
  return words;
}

function resendButton(id, reason) {
  return el("button", {
    type: "button", class: "resend", testid: "phone-resend", title: reason,
    on: { click: () => attempt("/api/phone/resend", where({ id })) },
  }, el("span", { text: "Not Delivered" }), el("span", { class: "again", text: "Try Again" }), el("b", { class: "alarm", "aria-hidden": "true" }, icon("bang")));
}

function reactButton(b) {
  const menu = el("div", { class: "tapbacks", role: "group", "aria-label": "Reactions", hidden: true });
  for (const [verb, sign] of Object.entries(emoji)) {
    menu.append(el("button", {
      type: "button", testid: "phone-react-" + verb, "aria-label": verb, text: sign,
      on: { click: () => { menu.hidden = true; attempt("/api/phone/tapback", where({ id: b.id, verb })); } },
    }));
  }
  const button = el("button", {
    type: "button", class: "react", testid: "phone-react", "aria-label": "React",
    on: { click: () => { menu.hidden = !menu.hidden; if (!menu.hidden) menu.firstChild.focus(); } },
  }, icon("smile"));
  return el("div", {
    class: "reacting",
    on: {
      keydown: (event) => { if (event.key === "Escape" && !menu.hidden) { menu.hidden = true; button.focus(); } },
      focusout: (event) => { if (!event.currentTarget.contains(event.relatedTarget)) menu.hidden = true; },
    },
  }, button, menu);
}

function enableSend() {
  byId("phone-send").disabled = input.disabled || files.busy() || !(input.value.trim() || files.any());
}

// typed sends typing_start with the first character, and typing_end when the field
// was cleared without sending.
function typed() {
  autoGrow(input);
  enableSend();
  const now = input.value !== "";
  if (now === typing) return;
  typing = now;
  attempt("/api/phone/typing", where({ on: now }));
}

async function send(event) {
  event.preventDefault();
  if (byId("phone-send").disabled) return;
  const text = input.value;
  const ids = files.ids();
  const held = files.take();
  input.value = "";
  typing = false;
  typed();
  log.scrollTop = log.scrollHeight;
  try {
    await call("/api/phone/send", where({ text: ids.length ? text.trim() : text, files: ids }));
  } catch {
    if (!input.value) input.value = text;
    files.restore(held);
  }
}

function startDialogs() {
  byId("phone-signed-out").addEventListener("click", () => attempt("/api/phone/signed-out", { customer, on: !me().signed_out }));
  const ask = (button, dialog, prepare, go) => {
    byId(button).addEventListener("click", () => { prepare(); byId(dialog).returnValue = ""; byId(dialog).showModal(); });
    byId(dialog).addEventListener("close", () => { if (byId(dialog).returnValue === "go") go(); });
  };
  ask("phone-delete", "delete-dialog", () => {}, () => attempt("/api/phone/delete", where()));
  ask("phone-new-customer", "customer-dialog", () => { byId("customer-label").value = ""; }, newCustomer);
  ask("phone-link", "link-dialog", composeLink, openLink);
  for (const part of ["intent", "group", "body"]) byId("link-" + part).addEventListener("input", composeLink);
}

async function newCustomer() {
  const value = (part) => byId("customer-" + part).value;
  const made = await call("/api/customers", { label: value("label"), device: value("device"), locale: value("locale") }).catch(() => null);
  if (made) {
    if (!state.customers.some((c) => c.key === made.key)) await new Promise((seen) => on("thread", seen));
    choose(made.key, business);
    input.focus();
  }
}

function composeLink() {
  const query = [["biz-intent-id", "intent"], ["biz-group-id", "group"], ["body", "body"]]
    .map(([name, part]) => [name, byId("link-" + part).value])
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`);
  byId("link-url").value = `https://bcrw.apple.com/urn:biz:${business}` + (query.length ? "?" + query.join("&") : "");
}

async function openLink() {
  const target = await call("/api/phone/link", { customer, url: byId("link-url").value }).catch(() => null);
  if (!target) return;
  if (target.business_id !== business) choose(customer, target.business_id);
  if (target.body) input.value = target.body;
  autoGrow(input);
  enableSend();
  input.focus();
}
