// The rich parts of the desk's entries: what a customer chose, and what the bridge says about a message that was sent.

import { el, icon } from "./dom.js";
import { durationOf } from "./dates.js";
import { kindName, kinds } from "./gallery.js";

const when = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" });

// replyWords shows a customer's answer to an interactive message.
export function replyWords(e) {
  const r = e.reply;
  const answered = r.kind === "invitation" ? "Invitation accepted" : `${kindName(r.kind)} answered`;
  return el("div", { class: "reply-card", testid: "desk-reply", data: { kind: r.kind, request: r.request_id || "", private: String(Boolean(r.private)) } },
    el("div", { class: "reply-head" }, icon(kinds[r.kind]?.[1] || "check"), el("span", { text: answered }), r.private && el("span", { class: "reply-private", testid: "desk-reply-private" }, icon("lock"), "private")),
    (r.title || e.text) && el("b", { class: "reply-title", testid: "desk-entry-text", text: r.title || e.text }),
    r.subtitle && el("p", { class: "reply-subtitle", testid: "desk-reply-subtitle", text: r.subtitle }),
    r.selections?.length > 0 && el("ul", { class: "selections" }, ...r.selections.map(selection)),
    r.url && el("code", { class: "reply-url", testid: "desk-reply-url", text: r.url }));
}

// signInWords shows how far a sign-in has come. Only what Apple has confirmed looks done.
export function signInWords(e) {
  const s = e.signin;
  const sign = s.confirmed ? "check" : { succeeded: "person", canceled: "cross" }[s.status] || "bang";
  const more = [s.person?.email && s.status === "succeeded" && s.person.email, s.provider && `with ${s.provider}`].filter(Boolean).join(" · ");
  return el("div", { class: "signin-card", testid: "desk-signin", data: { status: s.status, confirmed: String(s.confirmed), request: s.request_id, name: s.person?.name || "" } },
    el("span", { class: "signin-sign" }, icon(sign)),
    el("span", { class: "signin-words" }, el("b", { testid: "desk-entry-text", text: e.text }), more && el("small", { text: more })));
}

const paymentSigns = { authorized: "check", completed: "check", canceled: "cross", uncertain: "more", failed: "bang" };

// paymentWords shows how far a payment has come. The amount is what the provider says to have charged.
export function paymentWords(e) {
  const p = e.payment;
  const refs = [p.provider_ref, p.transaction_id && `transaction ${p.transaction_id.slice(0, 8)}…`].filter(Boolean).join(" · ");
  return el("div", { class: "payment-card", testid: "desk-payment", data: { status: p.status, request: p.request_id, amount: p.amount || "", currency: p.currency || "", steps: p.steps } },
    el("span", { class: "signin-sign" }, icon(paymentSigns[p.status] || "card")),
    el("span", { class: "signin-words" }, el("b", { testid: "desk-entry-text", text: e.text }), refs && el("small", { title: p.transaction_id, text: refs })),
    p.amount && el("span", { class: "payment-amount", testid: "desk-payment-amount", text: `${p.amount} ${p.currency || ""}` }));
}

// selection is one thing chosen. A form's tells the question in its subtitle.
function selection(s) {
  const at = s.start && !Number.isNaN(Date.parse(s.start)) && when.format(new Date(s.start));
  const question = s.page && s.subtitle;
  const details = [at, s.start && durationOf(s.duration), !question && s.subtitle].filter(Boolean).join(" · ");
  const titled = s.title || s.value || s.id || "Not answered";
  const value = s.value && ![titled, s.id].includes(s.value) && s.value;
  return el("li", { testid: "desk-selection", data: { id: s.id || "", page: s.page || "", value: s.value || "" } },
    el("span", { class: "selection-words" }, question && el("small", { text: question }), el("span", { text: titled }),
      details && el("small", { text: details }), value && el("small", { text: value })),
    s.page && el("code", { class: "selection-id", title: "Page", text: s.page }),
    s.id && s.id !== titled && el("code", { class: "selection-id", title: "Identifier", text: s.id }));
}

// outcome is what the bridge tells of a message: what it was sent as instead, words for the agent, and what it refused.
export function outcome(e) {
  const list = (e.fallbacks || []).map((f) => el("p", { class: "fallback", testid: "desk-fallback", title: fallbackWords(f), data: { from: f.from, to: f.to, reason: f.reason } },
    ...(e.note ? [kindName(f.from), icon("down"), kindName(f.to)] : [icon("down"), fallbackWords(f)]))); // a note is a sentence already
  if (e.note) list.push(el("p", { class: "agent-note", testid: "desk-agent-note", text: e.note }));
  if (e.errors?.length) {
    list.push(el("ul", { class: "refusals", testid: "desk-errors" }, ...e.errors.map((x) => el("li", { testid: "desk-error", data: { pointer: x.pointer, rule: x.rule } },
      el("code", { text: (x.pointer || "").replace(/^\/data\/content/, "") || "/" }), " ", x.message || x.rule))));
  }
  return list;
}

const many = { form: "forms", list_picker: "list pickers", time_picker: "time pickers", quick_reply: "quick replies", app: "apps", rich_link: "rich links" };
const asWhat = { text: "text", files: "files", rich_link: "an ordinary link", app: "an app" };

// fallbackWords says in a sentence what was sent as something simpler, and why.
function fallbackWords(f) {
  const plural = many[f.from] || kindName(f.from).toLowerCase();
  if (f.reason === "unknown_device") return `The customer’s device is not known: it may not show ${plural}`;
  const to = asWhat[f.to] || `a ${kindName(f.to).toLowerCase()}`;
  const because = {
    device: `The customer’s device shows no ${plural}`,
    limit: { app_clip: "Apple knows no App Clip at this link", rich_link: "There is no picture for the link’s card", quick_reply: "There are too many options for a quick reply" }[f.from] || "It is larger than Apple takes",
    helpdesk: "As the helpdesk asked",
  };
  return `${because[f.reason] || f.reason || kindName(f.from)}: sent as ${to}`;
}
