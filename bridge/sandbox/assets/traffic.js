// The traffic panel and the fault switches.

import { byId, el, icon, reconcile, preciseTime } from "./dom.js";
import { state, on, attempt } from "./store.js";

const hops = {
  "phone-bridge": ["Phone", "Bridge"],
  "bridge-desk": ["Bridge", "Desk"],
  "desk-bridge": ["Desk", "Bridge"],
  "bridge-gateway": ["Bridge", "Apple"],
  "phone-provider": ["Phone", "IdP"],
  "bridge-provider": ["Bridge", "IdP"],
  "bridge-pay": ["Bridge", "Pay"],
  "phone-web": ["Phone", "Web"],
};
// Name, what it does, and the group that it stands in.
const faults = {
  desk_down: ["down", "The desk answers 503", "Desk"],
  desk_slow: ["slow", "The desk takes its time, then takes the event", "Desk"],
  desk_refuse: ["refuses", "The desk answers 400", "Desk"],
  apple_down: ["down", "The gateway answers 503 with Retry-After", "Apple"],
  apple_slow: ["slow", "The gateway takes its time, then takes the message", "Apple"],
  apple_drop: ["drops", "The gateway takes the message, then resets the connection", "Apple"],
  decode_forbidden: ["no decode", "decodePayload answers 403: the bridge has to read the payload by itself", "Apple"],
  decode_flat: ["flat decode", "decodePayload answers without the wrapping interactiveData", "Apple"],
  mmcs_garbage: ["garbage", "Downloads are noise of the right size", "MMCS"],
  mmcs_slow: ["slow", "Uploads and downloads begin late", "MMCS"],
  mmcs_cut: ["cuts off", "Downloads break off in the middle", "MMCS"],
  size_lie: ["wrong sizes", "The phone announces another size than its files have", "Phone"],
  bad_key: ["bad key", "The phone cannot use the encryption key of an old sign-in", "Phone"],
  pay_twice: ["pays twice", "The phone posts a payment twice, at the same time", "Phone"],
  pay_reorder: ["pays early", "The phone tells what the customer chose after they have paid", "Phone"],
  pay_untold: ["pays in silence", "The phone never tells what came of a payment", "Phone"],
  till_declines: ["declines", "The payment provider declines", "Till"],
  till_late: ["late", "The payment provider takes its time, then answers", "Till"],
  till_random: ["now and then", "The payment provider answers 503 every now and then", "Till"],
  till_malformed: ["garbage", "The payment provider answers what is no JSON", "Till"],
  till_amount: ["wrong amount", "The payment provider says to have charged another amount", "Till"],
  till_pending: ["pending", "The payment provider does not know yet", "Till"],
  no_token: ["no token", "The identity provider gives no tokens for a code", "IdP"],
  duplicate: ["sends twice", "Each phone message is posted twice, with the same id", "Phone"],
};
const delays = [500, 2000, 6000];

let filter = "";

export function startTraffic() {
  const segments = [["", "All"], ...Object.entries(hops).map(([hop, ends]) => [hop, ends.join(" → ")])];
  for (const [hop, label] of segments) {
    byId("traffic-filter").append(el("button", {
      type: "button", testid: "traffic-filter-" + (hop || "all"), "aria-pressed": String(hop === filter), data: { hop }, text: label,
      on: { click: () => choose(hop) },
    }));
  }
  byId("traffic-clear").addEventListener("click", () => attempt("/api/traffic/clear"));
  for (const kind of ["snapshot", "hop", "traffic_cleared"]) on(kind, renderHops);
  for (const kind of ["snapshot", "faults"]) on(kind, renderFaults);
}

function choose(hop) {
  filter = hop;
  for (const button of byId("traffic-filter").children) button.setAttribute("aria-pressed", String(button.dataset.hop === hop));
  renderHops();
}

// renderHops runs once per frame, however many hops come at once.
let waiting = false;
function renderHops() {
  if (waiting) return;
  waiting = true;
  setTimeout(() => {
    waiting = false;
    const rows = state.hops.filter((h) => (!filter || h.hop === filter) && h.method).reverse();
    reconcile(byId("hops"), rows.length ? rows : [{ seq: "none" }], (h) => h.seq, createHop, updateHop);
  }, 16);
}

function createHop(h) {
  if (h.seq === "none") return el("p", { class: "none", text: "Every request between phone, bridge and desk will show here, with its headers, body and signature check." });
  const [from, to] = hops[h.hop];
  const row = el("details", { class: "hop", testid: "hop", data: { hop: h.hop } },
    el("summary", {},
      el("time", { text: preciseTime(h.at) }),
      el("span", { class: "route" }, el("span", { text: from }), el("i", { text: "→" }), el("span", { text: to })),
      el("span", { class: "path" }, el("b", { text: h.method }), " " + h.path),
      el("span", { class: "summary" }),
      el("span", { class: "sign" }),
      el("span", { class: "code", testid: "hop-status" }),
      el("span", { class: "ms" })),
    el("div", { class: "detail", testid: "hop-detail" }));
  row.addEventListener("toggle", () => fill(row));
  return row;
}

function updateHop(row, h) {
  if (h.seq === "none" || row.hopShown === h) return;
  row.hopShown = h;
  row.dataset.status = h.done ? h.status : "pending";
  row.querySelector(".summary").textContent = h.note ? `${h.summary}  (${h.note})` : h.summary;
  const sign = row.querySelector(".sign");
  sign.className = "sign " + (h.check.state || "bare");
  sign.title = h.check.text;
  const signs = { ok: ["check", "verified"], bad: ["cross", "refused"], signed: ["pen", "signed"] };
  const known = signs[h.check.state];
  sign.replaceChildren(...(known ? [icon(known[0]), el("span", { text: known[1] })] : []));
  const code = row.querySelector(".code");
  code.className = "code " + family(h);
  code.textContent = !h.done ? "···" : h.status || "none";
  row.querySelector(".ms").textContent = h.done ? duration(h.ms) : "";
  fill(row);
}

const family = (h) => (!h.done ? "pending" : h.status === 0 ? "s0" : "s" + Math.floor(h.status / 100));
const duration = (ms) => (ms >= 1000 ? (ms / 1000).toFixed(1) + " s" : ms >= 10 ? Math.round(ms) + " ms" : ms.toFixed(1) + " ms");

// fill makes a row's details when it is open.
function fill(row) {
  const detail = row.querySelector(".detail");
  if (!row.open || !row.hopShown) {
    detail.replaceChildren();
    return;
  }
  const h = row.hopShown;
  const part = (title, ...nodes) => el("section", {}, el("h4", { text: title }), ...nodes);
  const table = el("dl", { class: "headers" });
  for (const [name, value] of h.headers) table.append(el("dt", { text: name }), el("dd", { text: value }));
  const left = el("div", {}, part("Headers", table));
  if (h.claims) left.append(part("Token’s claims", el("pre", { testid: "hop-claims", text: JSON.stringify(h.claims, null, 2) })));
  if (h.check.text) left.append(part("Signature", el("p", { class: "sign " + (h.check.state || "bare"), text: `${{ ok: "Verified", bad: "Refused", signed: "Signed here" }[h.check.state] || "None"}: ${h.check.text}` })));
  const right = el("div", {}, part(h.encoded ? `Body (${h.encoded})` : "Body", el("pre", { testid: "hop-body", text: h.body || "empty" })));
  if (h.done) right.append(part(`Answer ${h.status || "none"} after ${duration(h.ms)}`, el("pre", { text: h.answer || h.note || "empty" })));
  detail.replaceChildren(left, right);
}

function renderFaults() {
  const box = byId("faults");
  const chips = [];
  for (const f of state.faults) {
    const group = faults[f.name][2];
    if (!chips.some((c) => c.caption === group)) chips.push({ name: "group " + group, caption: group });
    chips.push(f);
  }
  reconcile(box, chips, (f) => f.name, createFault, updateFault);
  box.classList.toggle("active", state.faults.some((f) => f.on));
}

function createFault(f) {
  if (f.caption) return el("span", { class: "caption", text: f.caption });
  const [label, title, group] = faults[f.name];
  const chip = el("span", { class: "fault" }, el("button", {
    type: "button", testid: "fault-" + f.name, title, "aria-label": `Fault: ${group} ${label}`, "aria-pressed": "false",
    on: { click: () => attempt("/api/faults", { name: f.name, on: chip.dataset.on !== "true" }) },
  }, el("i", { class: "lamp", "aria-hidden": "true" }), el("span", { text: label }), el("b", { class: "count", testid: `fault-${f.name}-count` })));
  if (f.delay_ms) {
    chip.append(el("select", {
      "aria-label": `${group} ${label}: delay`, testid: `fault-${f.name}-delay`,
      on: { change: (event) => attempt("/api/faults", { name: f.name, on: chip.dataset.on === "true", delay_ms: Number(event.target.value) }) },
    }, ...delays.map((ms) => el("option", { value: ms, text: ms / 1000 + " s" }))));
  }
  return chip;
}

function updateFault(chip, f) {
  if (f.caption) return;
  chip.dataset.on = f.on;
  chip.querySelector("button").setAttribute("aria-pressed", String(f.on));
  const count = chip.querySelector(".count");
  count.textContent = f.count || "";
  count.title = `hit ${f.count} times`;
  const select = chip.querySelector("select");
  if (select) select.value = String(f.delay_ms);
}
