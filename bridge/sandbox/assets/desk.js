// The desk: conversations as a helpdesk sees them, from webhooks alone.

import { byId, el, icon, reconcile, sticky, autoGrow, sendsOnEnter, sticksToEnd, timeOf, tail, hue, emoji } from "./dom.js";
import { showRemote, tray } from "./files.js";
import { openGallery } from "./gallery.js";
import { outcome, paymentWords, replyWords, signInWords } from "./entries.js";
import { state, on, call, attempt } from "./store.js";

let chosen = ""; // key of the conversation
let typingTimer; // of the agent: silence for a while means off
let toldAt = 0;
let dotsTimer;
let files; // about to be sent

const input = byId("desk-input");
const log = byId("desk-log");

const current = () => state.conversations.find((c) => c.key === chosen);
const types = (c) => c.typing_until > Date.now();
const bot = () => byId("desk-sender").value === "bot";
const inSight = () => document.visibilityState === "visible" && byId("panel-desk").offsetParent !== null;

export function startDesk() {
  sticksToEnd(log);
  files = tray({ side: "desk", field: input, zone: byId("desk-conversation"), usable: () => !input.disabled, changed: enableSend });
  byId("desk-form").addEventListener("submit", send);
  sendsOnEnter(input, byId("desk-form"));
  input.addEventListener("input", typed);
  byId("desk-rich").append(icon("rich"), el("span", { text: "Rich" }));
  byId("desk-rich").addEventListener("click", () => openGallery({ conversation: chosen, bot: bot() }));
  for (const kind of ["snapshot", "conversation", "conversation_gone"]) on(kind, render);
  on("entry", (e) => { if (e.conversation === chosen) renderLog(); });
  document.addEventListener("visibilitychange", markRead);
}

// deskShown is called when a narrow screen turns to the desk.
export const deskShown = () => render();

function render() {
  const list = state.conversations.filter((c) => c.last_at && (!c.visitor || types(c)))
    .sort((a, b) => Date.parse(b.last_at) - Date.parse(a.last_at));
  if (!list.some((c) => c.key === chosen)) choose(list[0]?.key || "");
  const rows = list.length ? list : [{ key: "none" }];
  reconcile(byId("desk-list"), rows, (c) => c.key, createItem, updateItem);
  renderHead();
  renderFacts();
  renderLog();
  renderComposer();
  markRead();
  clearTimeout(dotsTimer);
  const next = Math.min(...state.conversations.filter(types).map((c) => c.typing_until));
  if (Number.isFinite(next)) dotsTimer = setTimeout(render, next - Date.now() + 50);
}

function choose(key) {
  if (key === chosen) return;
  chosen = key;
  files.clear();
  log.replaceChildren();
  toldAt = 0;
}

function markRead() {
  const c = current();
  if (c?.unread && inSight()) attempt("/api/desk/read", { conversation: c.key });
}

const nameOf = (c) => (c.visitor ? "Visitor " : "Customer ") + tail(c.customer_id);

function avatar(c) {
  const node = el("span", { class: "avatar", "aria-hidden": "true", text: tail(c.customer_id).slice(-2).toUpperCase() });
  node.style.setProperty("--hue", hue(c.customer_id));
  return node;
}

function createItem(c) {
  if (c.key === "none") return el("p", { class: "none", text: "No conversations yet" });
  return el("button", {
    type: "button", class: "item", testid: "desk-conversation", data: { conversation: c.key },
    on: { click: () => { choose(c.key); render(); log.scrollTop = log.scrollHeight; input.focus({ preventScroll: true }); } },
  }, avatar(c), el("span", { class: "who" }), el("span", { class: "unread", testid: "desk-unread" }), el("span", { class: "preview" }), el("span", { class: "when" }));
}

function updateItem(node, c) {
  if (c.key === "none") return;
  node.setAttribute("aria-current", String(c.key === chosen));
  node.dataset.unread = c.unread;
  node.dataset.closed = c.closed;
  node.querySelector(".who").textContent = nameOf(c);
  node.querySelector(".when").textContent = timeOf(c.last_at);
  node.querySelector(".preview").textContent = types(c) ? "typing…" : c.closed ? "Closed by the customer" : c.preview || "…";
  node.querySelector(".preview").classList.toggle("types", types(c));
  const unread = node.querySelector(".unread");
  unread.hidden = !c.unread;
  unread.textContent = c.unread;
  unread.setAttribute("aria-label", `${c.unread} unread`);
}

function renderHead() {
  const c = current();
  const head = byId("desk-head");
  head.hidden = !c;
  if (!c) return;
  const business = state.businesses.find((b) => b.id === c.business_id);
  const badge = c.closed ? ["closed", "Closed"] : c.visitor ? ["visitor", "Not written yet"] : ["open", "Open"];
  head.replaceChildren(avatar(c),
    el("div", {}, el("h3", { text: nameOf(c) }), el("p", { text: "to " + (business?.name || c.business_id) })),
    el("span", { class: "pill " + badge[0], testid: "desk-state", text: badge[1] }));
}

// The facts that came with the events, and that a real helpdesk would keep as
// attributes of the contact.
function renderFacts() {
  const c = current();
  const facts = byId("desk-facts");
  if (!c) {
    facts.replaceChildren();
    return;
  }
  const fact = (name, value, shown) => value && el("div", { class: "fact" }, el("dt", { text: name }), shown || el("dd", { testid: "fact-" + name.toLowerCase(), text: value, title: value }));
  const chips = c.capabilities && el("dd", { class: "chips", testid: "fact-capabilities" }, ...c.capabilities.map((x) => el("span", { text: x })));
  const email = c.person?.email && c.person.email + (c.person.email_verified ? "" : " (not verified)");
  const who = c.person ? [el("h3", { text: "Signed in" }), el("dl", {}, fact("Person", c.person.name), fact("Email", email), fact("Subject", c.person.subject, shortSubject(c.person.subject)))] : [];
  facts.replaceChildren(...who, el("h3", { text: "From the events" }), el("dl", {},
    fact("Locale", c.locale), fact("Intent", c.intent), fact("Group", c.group), fact("Device", c.device),
    fact("Capabilities", c.capabilities, chips),
    fact("Customer", c.customer_id), fact("Context", c.context)));
}

const shortSubject = (subject) => el("dd", { testid: "fact-subject", title: subject, text: subject.length > 14 ? subject.slice(0, 12) + "…" : subject });

function renderLog() {
  const c = current();
  const rows = (c?.entries || []).map((e) => ({ key: e.id, entry: e }));
  if (c && types(c)) rows.push({ key: "typing", dots: true });
  if (!rows.length) rows.push({ key: "empty" });
  sticky(log, () => reconcile(log, rows, (r) => r.key, createEntry, updateEntry));
}

function createEntry(row) {
  if (row.dots) return el("div", { class: "entry customer" }, el("div", { class: "dots", testid: "desk-typing", role: "img", "aria-label": "The customer is typing" }, el("i"), el("i"), el("i")));
  if (!row.entry) return el("div", { class: "empty" }, el("b", { text: "Waiting for a customer" }), el("span", { text: "Messages from the phone arrive here as signed webhooks." }));
  const e = row.entry;
  const kind = { reaction: "reaction note", reply: "customer answer" }[e.kind] || e.kind;
  const node = el("div", { class: `entry ${kind} ${e.level || ""} ${e.sender?.kind || ""}`, testid: "desk-entry", data: { id: e.id, kind: e.kind } });
  if (e.kind === "reaction") node.append(...reactionWords(e.reaction));
  else if (e.signin) node.append(signInWords(e));
  else if (e.payment) node.append(paymentWords(e));
  else if (e.reply) node.append(replyWords(e));
  else if (e.text || !e.attachments) node.append(el("div", { class: "words", testid: "desk-entry-text", text: e.text }));
  for (const file of e.attachments || []) node.append(showRemote(file, "desk"));
  if (e.saved) node.append(againButton(e));
  node.append(el("div", { class: "meta" }), el("div", { class: "outcome" }));
  return node;
}

function reactionWords(r) {
  const sign = r.emoji || emoji[r.verb] || "";
  return [el("span", { class: "sign", text: sign }),
    el("span", { class: "words", testid: "desk-entry-text", text: `${r.removed ? "took back: " : ""}${r.verb} “${r.quoted || "…"}”` })];
}

function againButton(e) {
  return el("button", {
    type: "button", class: "send-again", testid: "desk-again", title: `message ${e.saved.message_id}`,
    on: { click: () => attempt("/api/desk/saved", { conversation: chosen, id: e.id, bot: bot() }) },
  }, icon("again"), "Send again");
}

const words = { sending: "Sending…", accepted: "Accepted", queued: "Queued", failed: "Failed", unconfirmed: "Not confirmed" };

function updateEntry(node, row) {
  const e = row.entry;
  if (!e) return;
  node.dataset.status = e.status || "";
  node.dataset.code = e.code || "";
  const told = JSON.stringify(e.signin || e.payment || "");
  if (e.signin && node.dataset.told !== told) node.querySelector(".signin-card").replaceWith(signInWords(e));
  if (e.payment && node.dataset.told !== told) node.querySelector(".payment-card").replaceWith(paymentWords(e));
  node.dataset.told = told;
  const meta = [];
  if (e.sender) meta.push(el("span", { text: `${e.sender.name}${e.sender.kind === "bot" ? " (bot)" : ""}` }));
  meta.push(el("time", { text: timeOf(e.at) }));
  if (e.save) meta.push(el("span", { text: "to be saved" }));
  if (e.status) meta.push(el("span", { class: "status " + e.status, testid: "desk-status", title: e.reason, text: words[e.status] + (e.code ? ": " + e.code : "") }));
  if (e.status === "unconfirmed") {
    meta.push(el("button", { type: "button", class: "retry", testid: "desk-retry", text: "Retry", title: e.reason, on: { click: () => attempt("/api/desk/retry", { conversation: chosen, id: e.id }) } }));
  }
  node.querySelector(".meta").replaceChildren(...meta);
  node.querySelector(".outcome").replaceChildren(...outcome(e));
}

function renderComposer() {
  const c = current();
  const usable = Boolean(c && !c.closed && !c.visitor);
  for (const id of ["desk-input", "desk-sender", "desk-attach", "desk-rich", "desk-save"]) byId(id).disabled = !usable;
  enableSend();
  input.placeholder = usable ? "Answer…" : c?.visitor ? "The customer is typing…" : "";
  byId("desk-form").hidden = Boolean(c?.closed);
  const notice = byId("desk-closed");
  notice.hidden = !c?.closed;
  if (c?.closed && !notice.firstChild) {
    notice.append(icon("cross"), el("span", { text: "The customer deleted this conversation. Apple takes no more messages until they write again." }));
  }
}

function enableSend() {
  byId("desk-send").disabled = input.disabled || files.busy();
}

// typed tells the bridge that the agent types; the server drops what is too frequent.
function typed() {
  autoGrow(input);
  clearTimeout(typingTimer);
  const c = current();
  if (!c || c.closed) return;
  if (!input.value) {
    agentTypes(false);
    return;
  }
  if (Date.now() - toldAt > 5000) agentTypes(true);
  typingTimer = setTimeout(() => agentTypes(false), 6000);
}

function agentTypes(isOn) {
  if (!isOn && !toldAt) return;
  toldAt = isOn ? Date.now() : 0;
  attempt("/api/desk/typing", { conversation: chosen, on: isOn, bot: bot() });
}

async function send(event) {
  event.preventDefault();
  const text = input.value;
  if (!(text.trim() || files.any()) || byId("desk-send").disabled) return;
  const ids = files.ids();
  const held = files.take();
  const save = byId("desk-save").checked;
  byId("desk-save").checked = false;
  clearTimeout(typingTimer);
  toldAt = 0;
  input.value = "";
  autoGrow(input);
  log.scrollTop = log.scrollHeight;
  try {
    await call("/api/desk/send", { conversation: chosen, text: ids.length ? text.trim() : text, files: ids, save, bot: bot() });
  } catch {
    if (!input.value) input.value = text;
    files.restore(held);
    byId("desk-save").checked = save;
  }
}
