// The desk's gallery of rich messages, and the editor in which a sample becomes a message.

import { byId, el, icon, reconcile } from "./dom.js";
import { on, state, call, fetchJSON } from "./store.js";
import { parse, placeOf, spanOf } from "./json.js";

export const kinds = {
  quick_reply: ["Quick reply", "chat"], list_picker: ["List picker", "list"], time_picker: ["Time picker", "calendar"], form: ["Form", "form"],
  rich_link: ["Rich link", "globe"], app: ["iMessage app", "apps"], auth: ["Sign-in", "key"], signin: ["Sign-in", "key"], payment: ["Apple Pay", "card"],
  text: ["Text", "chat"], files: ["Files", "clip"], saved: ["Saved", "again"], template: ["Template", "pen"], invitation: ["Invitation", "person"],
};
export const kindName = (kind) => kinds[kind]?.[0] || kind || "Unknown";

const blank = { name: "Blank", kind: "", title: "Start from nothing", content: { kind: "quick_reply", prompt: "How can we help?", options: [{ id: "1", title: "Order" }, { id: "2", title: "Something else" }] } };

const editor = byId("editor");
let samples = [];
let chosen = blank;
const drafts = new Map(); // by sample: texts that were changed
let target = null; // {conversation, bot}: where it is sent
let sent = ""; // id of the entry that is waited for
let errors = []; // of the bridge
let last = {}; // {text, result}: it is read once
let numbered = ""; // what the line numbers show

function read() {
  if (last.text !== editor.value) last = { text: editor.value, result: parse(editor.value) };
  return last.result;
}

export function startGallery() {
  byId("gallery-close").append(icon("cross"));
  byId("editor-form").addEventListener("submit", send);
  byId("editor-reset").addEventListener("click", () => { drafts.delete(chosen.name); choose(chosen); editor.focus(); });
  byId("editor-status").addEventListener("click", () => {
    const { error } = read();
    if (error) select(error.at, error.at + 1);
  });
  editor.addEventListener("input", () => {
    drafts.set(chosen.name, editor.value);
    errors = [];
    check();
  });
  editor.addEventListener("scroll", () => { byId("editor-gutter").scrollTop = editor.scrollTop; });
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.metaKey || event.ctrlKey)) byId("editor-form").requestSubmit();
  });
  on("entry", (e) => { if (e.entry.id === sent) settled(e.entry); });
}

// openGallery lets the agent compose a rich message for a conversation.
export async function openGallery(to) {
  target = to;
  sent = "";
  byId("editor-sender").textContent = to.bot ? "as bot" : "as Ada";
  byId("editor-save").checked = false;
  byId("gallery").showModal();
  try {
    samples = await fetchJSON("/api/desk/samples");
  } catch {
    samples = [];
  }
  const known = [...samples, blank];
  renderSamples(known);
  choose(known.find((s) => s.name === chosen.name) || known[0]);
}

function renderSamples(known) {
  reconcile(byId("gallery-samples"), known, (s) => s.name, (s) => {
    const kind = s.kind || "blank";
    return el("button", { type: "button", class: "sample", testid: "gallery-item", data: { name: s.name, kind }, on: { click: () => { choose(s); editor.focus({ preventScroll: true }); } } },
      el("span", { class: "sample-sign", data: { kind } }, icon(kinds[s.kind]?.[1] || "plus")),
      el("span", { class: "sample-words" }, el("small", { text: s.kind ? kindName(s.kind) : "Your own" }), el("b", { text: s.title || s.name })));
  });
}

// The order in which people write members. What is not named stands between.
const front = ["kind", "id", "type", "url", "header", "title", "subtitle", "text", "prompt", "received", "reply", "splash", "style", "image", "merchant_name", "country_code", "currency_code", "label", "amount"];
const back = ["next", "submit", "items", "slots", "options", "sections", "event", "pages", "line_items", "total", "shipping_methods", "required_billing_contact_fields", "required_shipping_contact_fields", "images", "data"];
const rank = (name) => (front.includes(name) ? front.indexOf(name) - front.length : back.indexOf(name) + 1);

function ordered(value) {
  if (Array.isArray(value)) return value.map(ordered);
  if (typeof value !== "object" || value === null) return value;
  const names = Object.keys(value).sort((a, b) => rank(a) - rank(b));
  return Object.fromEntries(names.map((name) => [name, ordered(value[name])]));
}

function choose(sample) {
  chosen = sample;
  errors = [];
  for (const node of byId("gallery-samples").children) {
    node.setAttribute("aria-current", String(node.dataset.name === sample.name));
    if (node.dataset.name === sample.name) node.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  byId("editor-name").textContent = sample.title || sample.name;
  editor.value = drafts.get(sample.name) ?? JSON.stringify(ordered(sample.content), null, 2);
  editor.setSelectionRange(0, 0);
  editor.scrollTop = editor.scrollLeft = 0;
  check();
}

// check reads the text as it stands, and says at once where it is no JSON.
function check() {
  const text = editor.value;
  const { error, value } = read();
  const object = !error && typeof value === "object" && value !== null && !Array.isArray(value);
  const lines = text.split("\n").length;
  const status = byId("editor-status");
  status.dataset.state = error ? "broken" : object ? "valid" : "odd";
  status.dataset.line = error?.line ?? "";
  status.dataset.column = error?.column ?? "";
  status.disabled = !error;
  status.textContent = error ? `Line ${error.line}, column ${error.column}: ${error.message}`
    : object ? `Valid JSON · ${lines} lines` : "Content is an object, { … }";
  byId("editor-kind").textContent = object && typeof value.kind === "string" ? kindName(value.kind) : "";
  byId("editor-reset").hidden = !drafts.has(chosen.name);
  byId("editor-send").disabled = !object || sent !== "";
  byId("editor-send").textContent = sent ? "Sending…" : "Send";
  showErrors();
  const marked = new Set(errors.map((e) => placeOf(text, place(e.pointer)[0]).line));
  if (error) marked.add(error.line);
  number(lines, marked);
}

function number(lines, marked) {
  const gutter = byId("editor-gutter");
  const shown = `${lines}: ${[...marked]}`;
  if (shown !== numbered) gutter.replaceChildren(...Array.from({ length: lines }, (_, i) => el("span", { class: marked.has(i + 1) ? "marked" : "", text: `${i + 1}\n` })));
  numbered = shown;
  gutter.scrollTop = editor.scrollTop;
}

// place is where an error's pointer leads in the text. The bridge counts from the request's body.
function place(pointer) {
  const { spans } = read();
  return spans ? spanOf(spans, (pointer || "").replace(/^\/data\/content|^\/content/, "")) : [0, 0];
}

function showErrors() {
  const list = byId("editor-errors");
  list.hidden = !errors.length;
  list.replaceChildren(...errors.map((e) => el("li", {}, el("button", {
    type: "button", testid: "editor-error", data: { pointer: e.pointer, rule: e.rule }, title: "Show the place",
    on: { click: () => select(...place(e.pointer)) },
  }, el("code", { text: (e.pointer || "").replace(/^\/data\/content/, "") || "/" }), el("span", { text: e.message || e.rule })))));
}

// select marks a part of the text and brings it into sight.
function select(from, to) {
  editor.focus();
  editor.setSelectionRange(from, to);
  const line = placeOf(editor.value, from).line;
  const height = parseFloat(getComputedStyle(editor).lineHeight);
  editor.scrollTop = Math.max(0, (line - 1) * height - editor.clientHeight / 3);
  editor.scrollLeft = 0;
}

async function send(event) {
  event.preventDefault();
  const { value } = read();
  if (!value || byId("editor-send").disabled) return;
  const waiting = (id) => { sent = id; check(); };
  errors = [];
  waiting("…");
  try {
    const { id } = await call("/api/desk/send", { conversation: target.conversation, content: value, bot: target.bot, save: byId("editor-save").checked });
    waiting(id);
    const entry = state.conversations.find((c) => c.key === target.conversation)?.entries?.find((e) => e.id === id);
    if (entry) settled(entry); // the stream may have been faster
  } catch (failure) {
    sent = "";
    errors = [{ pointer: "", rule: "refused", message: failure.message }];
    check();
  }
}

// settled is called when it is known what became of the message: what the bridge refused can be mended here.
function settled(entry) {
  if (entry.status === "sending") return;
  sent = "";
  errors = entry.status === "failed" ? entry.errors?.length ? entry.errors : [{ pointer: "", rule: entry.code, message: entry.reason || entry.code }] : [];
  check();
  if (!errors.length) byId("gallery").close();
  else if (byId("gallery").open) byId("editor-errors").querySelector("button").focus();
}
