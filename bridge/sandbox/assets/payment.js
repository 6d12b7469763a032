// The sheet of Apple Pay. How it stands is told by the server, which is the phone: here it is shown, and what is tapped passed on.

import { byId, el, icon, reconcile } from "./dom.js";
import { attempt, call, on } from "./store.js";
import { choice, openSheet, travel } from "./sheets.js";

let watch = null; // of the sheet that is open
on("bubble", (change) => watch?.(change.bubble));

const heads = { success: ["check", "Done"], canceled: ["cross", "Not paid"], failure: ["bang", "Payment Not Completed"], fallback: ["globe", "No Apple Pay here"], unavailable: ["bang", "No Apple Pay here"] };

function money(amount, currency) {
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

const price = (line, currency) => (line.type === "pending" ? "Amount pending" : money(line.amount, currency));

// part is a row of the sheet that opens to its choices.
function part(testid, label, choose) {
  const now = el("b", { testid: testid + "-now" });
  const more = el("small", {});
  const rows = el("div", { class: "rows", role: "radiogroup", "aria-label": label });
  const node = el("details", { class: "pay-part", testid }, el("summary", {}, el("span", { class: "pay-label", text: label }), el("span", { class: "pay-now" }, now, more), icon("chevron")), rows);
  let shown = "";
  return {
    node,
    // show lists entries of {id, title, subtitle}, of which one is chosen.
    show(entries, chosen, words) {
      const at = entries.find((e) => e.id === chosen);
      now.textContent = at?.title || words || "None";
      more.textContent = at?.subtitle || "";
      node.hidden = !entries.length && !words;
      const next = JSON.stringify([entries, chosen]);
      if (next === shown) return;
      shown = next;
      reconcile(rows, entries, (e) => JSON.stringify(e), (e) => choice({ testid: testid.replace(/s$/, ""), id: e.id, title: e.title, subtitle: e.subtitle, pick: () => { choose(e.id); node.open = false; } }),
        (row, e) => row.setAttribute("aria-checked", String(e.id === chosen)));
    },
  };
}

export function openPayment(b, where) {
  const how = travel("As Apple mostly does: by reference, to JSON in MMCS.");
  const said = (more = {}) => where({ id: b.id, ...more });
  const sheet = openSheet({ bubble: b, where, how, title: "Apple Pay", cancel: leave });
  sheet.dialog.classList.add("pay-sheet");
  sheet.send.hidden = true;
  const choose = (what) => (id) => attempt("/api/phone/pay/choose", said({ [what]: id }));
  const cards = part("pay-cards", "Card", choose("card"));
  const contacts = part("pay-contacts", "Ship to", choose("contact"));
  const methods = part("pay-methods", "Shipping", choose("method"));
  const errors = el("ul", { class: "pay-errors", testid: "pay-errors", role: "alert", hidden: true });
  const lines = el("dl", { class: "pay-lines", testid: "pay-lines" });
  const total = el("p", { class: "pay-total", testid: "pay-total" }, el("span", {}), el("b", {}));
  const pay = el("button", { type: "button", class: "wide pay-button", testid: "pay-authorize", on: { click: authorize } });
  let now = b.interactive.payment;

  sheet.body.append(cards.node, contacts.node, errors, methods.node, lines);
  sheet.foot.append(total, pay);
  sheet.foot.hidden = false;

  async function leave() {
    if (now.state !== "open") return sheet.dialog.close();
    await attempt("/api/phone/pay/cancel", said(how.choice()));
    sheet.dialog.close();
  }

  function authorize() {
    attempt("/api/phone/pay/authorize", said(how.choice()));
  }

  function render() {
    const p = now.sheet;
    if (!p) return;
    const busy = p.busy || "";
    sheet.dialog.dataset.busy = busy;
    cards.show(p.cards?.map((c) => ({ id: c.key, title: c.name, subtitle: c.type })) || [], p.card, "No card that is accepted here");
    contacts.show(p.contacts?.map((c) => ({ id: c.key, title: c.name, subtitle: c.address })) || [], p.contact);
    methods.show(p.methods?.map((m) => ({ id: m.identifier, title: `${m.label} · ${money(m.amount, p.currency)}`, subtitle: m.detail })) || [], p.method);
    errors.hidden = !p.errors?.length;
    errors.replaceChildren(...(p.errors || []).map((e) => el("li", { testid: "pay-error", data: { code: e.code, field: e.contact_field || "" }, text: e.message })));
    lines.replaceChildren(...(p.items || []).map((line) => el("div", { testid: "pay-line", data: { label: line.label, amount: line.amount } }, el("dt", { text: line.label }), el("dd", { text: price(line, p.currency) }))));
    lines.hidden = !p.items?.length;
    total.firstChild.textContent = `Pay ${p.merchant}`;
    total.lastChild.textContent = price(p.total, p.currency);
    total.dataset.amount = p.total.amount;
    pay.textContent = { paying: "Processing…", updating: "Updating…" }[busy] || "Pay with double-click";
    pay.disabled = Boolean(busy || p.errors?.length || !p.card);
    sheet.cancel.disabled = busy === "paying";
    for (const each of [cards, contacts, methods]) for (const row of each.node.querySelectorAll("button")) row.disabled = busy === "paying";
    if (p.failure) sheet.fail(p.failure);
    else sheet.fail("");
  }

  function result() {
    watch = null;
    const [sign, head] = heads[now.result] || heads.failure;
    sheet.dialog.dataset.busy = "";
    sheet.fail("");
    sheet.cancel.classList.add("unseen");
    how.node.hidden = true;
    sheet.body.replaceChildren(el("div", { class: "sign-in-result pay-result", role: "status", testid: "pay-result", data: { result: now.result } },
      el("span", { class: "result-sign" }, icon(sign)), el("h3", { text: head }), now.text && now.text !== head && el("p", { text: now.text }),
      now.page && el("blockquote", { testid: "pay-page", text: now.page })));
    const done = el("button", { type: "button", class: "wide", testid: "pay-done", text: "Close", on: { click: () => sheet.dialog.close() } });
    sheet.foot.replaceChildren(done);
    done.focus();
  }

  function show(view) {
    now = view;
    if (now.state === "open") render();
    else if (now.state === "leaving") sheet.body.replaceChildren(el("p", { class: "sheet-none", role: "status", text: now.text }));
    else if (now.state === "done") result();
  }

  watch = (bubble) => { if (bubble.id === b.id) show(bubble.interactive.payment); };
  sheet.dialog.addEventListener("close", () => { watch = null; });
  if (now.state === "open" || now.state === "leaving") {
    show(now);
    return;
  }
  sheet.foot.hidden = true; // until there is something to show
  call("/api/phone/pay/open", said()).then(() => { sheet.foot.hidden = false; }, (failure) => sheet.fail(failure.message));
}

// renderApplePay shows whether a customer's devices have Apple Pay.
export function renderApplePay(who) {
  const button = byId("phone-apple-pay");
  button.setAttribute("aria-pressed", String(!who.no_apple_pay));
  button.title = who.no_apple_pay ? "Apple Pay is not set up on this customer’s devices: a payment opens the business’s page" : "Apple Pay is set up on this customer’s devices";
  button.onclick = () => attempt("/api/phone/apple-pay", { customer: who.key, on: who.no_apple_pay });
}
