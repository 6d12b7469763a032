// Rich bubbles on the phone, as Messages shows each kind: interactive messages, their answers, and link cards.

import { el, icon, picture } from "./dom.js";
import { attempt } from "./store.js";
import { openApp, openListPicker, openQuickReply, openTimePicker } from "./pickers.js";
import { openForm } from "./form.js";
import { openSignIn } from "./signin.js";
import { openPayment } from "./payment.js";

const signs = { quick_reply: "chat", list_picker: "list", time_picker: "calendar", form: "form", app: "apps", auth: "key", payment: "card" };
const names = {
  quick_reply: "quick replies", list_picker: "a list", time_picker: "times to choose from", form: "a form",
  app: "an app’s message", auth: "a sign-in", payment: "a payment",
};
const open = { list_picker: openListPicker, time_picker: openTimePicker, form: openForm, app: openApp, auth: openSignIn, payment: openPayment };

// richPieces are the elements of an interactive message. where adds customer and business to a call.
export function richPieces(b, where, device) {
  const i = b.interactive;
  if (i.supported === false) return [unsupported(b, device)];
  if (i.kind === "quick_reply") return quickReply(b, where);
  if (i.payment?.invalid) return [invalid(b)];
  return [card(b, where)];
}

const holder = (b, className, ...children) => el("div", {
  class: "bubble foot " + className, testid: "phone-interactive",
  data: {
    kind: b.interactive.kind || "unknown", request: b.interactive.request_id || "", ref: String(Boolean(b.interactive.by_ref)),
    answered: String(Boolean(b.interactive.answered)), supported: String(b.interactive.supported !== false),
  },
}, ...children);

// face is the part of the content that the bubble shows: what was received, or what the answer says.
const face = (b) => b.interactive.content?.[b.from === "customer" ? "replyMessage" : "receivedMessage"] || b.interactive.content?.data?.replyMessage || {};

// done is the sign of an answer. A sign-in or a payment can have failed.
function done(i) {
  const status = i.content?.data?.authenticate?.status || i.content?.data?.payment?.state;
  return !status || ["success", "authenticated"].includes(status) ? "check" : "cross";
}

function card(b, where) {
  const i = b.interactive;
  const shown = face(b);
  const mine = b.from === "customer";
  const size = ["small", "large"].includes(shown.style) ? shown.style : "icon";
  const image = picture(i, shown.imageIdentifier, "card-image " + size, shown.imageDescription);
  const opens = !mine && i.content && (i.kind !== "payment" || i.answerable) && open[i.kind]; // what is paid is done
  const sign = el("span", { class: "rich-sign" }, icon(mine ? done(i) : signs[i.kind] || "list"));
  const words = el("span", { class: "card-words" },
    el("b", { testid: "phone-interactive-title", text: i.title || "Interactive message" }),
    i.subtitle && el("small", { testid: "phone-interactive-subtitle", text: i.subtitle }));
  const inside = [
    image && size === "large" && image,
    el("span", { class: "card-row" }, image ? size !== "large" && image : (mine || i.kind !== "app") && sign, words, opens && icon("chevron")),
    i.kind === "app" && !mine && appLine(i),
  ];
  const front = opens
    ? el("button", { type: "button", class: "card-face", testid: "phone-interactive-open", "aria-haspopup": "dialog", on: { click: () => opens(b, where) } }, ...inside)
    : el("span", { class: "card-face" }, ...inside);
  const node = holder(b, "rich " + (image ? "has-" + size : ""), front, !opens && !mine && i.answerable && byReference(b, where));
  if (i.kind !== "app" || mine) return node;
  node.classList.add("app");
  return el("div", { class: "app-holder", testid: "phone-app", data: { name: i.content?.appName || "" } }, node);
}

function appLine(i) {
  const name = i.content?.appName || "iMessage app";
  return el("span", { class: "app-line" },
    picture(i, "appIcon", "app-icon") || el("span", { class: "app-icon", "aria-hidden": "true", text: [...name][0].toUpperCase() }),
    el("span", { testid: "phone-app-name", text: name }));
}

// byReference answers what the page has no sheet for, or no content of: with the first choice.
function byReference(b, where) {
  const answer = (format, label, title) => el("button", {
    type: "button", testid: "phone-answer-" + format, text: label, title,
    on: { click: () => attempt("/api/phone/answer", where({ id: b.id, format })) },
  });
  return el("div", { class: "rich-answers" },
    answer("json", "Answer by reference", "The first choice, as an interactiveDataRef to JSON in MMCS"),
    answer("bplist", "as archive", "The same, as an NSKeyedArchiver property list"));
}

// quickReply is a prompt with its options below. The style hides those once another message follows.
function quickReply(b, where) {
  const i = b.interactive;
  const prompt = holder(b, "quick", el("span", { class: "text", testid: "phone-interactive-title", text: i.title || "…" }));
  const options = i.content?.data?.["quick-reply"]?.items || [];
  if (b.from === "customer" || !i.answerable) return [prompt];
  if (!options.length) return [holder(b, "quick", prompt.firstChild, byReference(b, where))];
  if (i.answered) return [prompt];
  const chips = el("div", { class: "phone-chips", testid: "phone-chips", role: "group", "aria-label": "Quick replies" },
    ...options.map((option, index) => el("button", {
      type: "button", class: "phone-chip", testid: "phone-chip", data: { index, id: option.identifier }, text: option.title,
      on: { click: async (event) => {
        const all = [...event.currentTarget.parentNode.children];
        for (const chip of all) chip.disabled = true; // a second tap would be a second answer
        await attempt("/api/phone/answer", where({ id: b.id, answer: { index } }));
        for (const chip of all) chip.disabled = false;
      } },
    })),
    el("button", {
      type: "button", class: "phone-chip more", testid: "phone-chip-more", title: "Choose how the answer travels", "aria-label": "Choose how the answer travels", "aria-haspopup": "dialog",
      on: { click: () => openQuickReply(b, where) },
    }, icon("more")));
  return [prompt, chips];
}

const deviceNames = { iphone: "iPhone", mac: "Mac", watch: "Apple Watch", old_iphone: "version of iOS" };

// unsupported is what Messages shows in place of what it does not know.
function unsupported(b, device) {
  const what = names[b.interactive.kind] || "a message";
  return holder(b, "rich unsupported", el("span", { class: "card-face" }, el("span", { class: "card-row" },
    el("span", { class: "rich-sign" }, icon("bang")),
    el("span", { class: "card-words" }, el("b", { testid: "phone-interactive-title", text: "Message not supported" }),
      el("small", { text: `The business sent ${what}. This ${deviceNames[device] || "device"} cannot show it.` })))));
}

// invalid is what Messages shows of a payment whose session is stale.
function invalid(b) {
  return holder(b, "rich unsupported", el("span", { class: "card-face", title: b.interactive.payment.invalid }, el("span", { class: "card-row" },
    el("span", { class: "rich-sign" }, icon("bang")),
    el("span", { class: "card-words" }, el("b", { testid: "phone-payment-invalid", text: "Invalid Payment Request" }),
      el("small", { text: b.interactive.payment.invalid })))));
}

// linkCard is a rich link: its picture, its title, its host.
export function linkCard(link) {
  let target;
  try { target = new URL(link.url); } catch { /* shown all the same */ }
  const safe = target && /^https?:$/.test(target.protocol);
  const image = link.image && el("img", { src: link.image, alt: "", on: { error: (event) => event.target.remove() } });
  return el("div", { class: "piece" }, el(safe ? "a" : "div", {
    class: "link-card", testid: "phone-rich-link", title: link.url, href: safe && link.url, target: safe && "_blank", rel: safe && "noreferrer noopener",
    data: { url: link.url, video: String(Boolean(link.video)), clip: String(Boolean(link.app_clip)) },
  },
  (image || link.video) && el("span", { class: "link-image" }, image,
    link.video && el("span", { class: "play", testid: "phone-rich-link-play", role: "img", "aria-label": "Video" }, icon("play"))),
  el("span", { class: "link-words" },
    el("span", {}, el("b", { testid: "phone-rich-link-title", text: link.title || target?.hostname || link.url }),
      el("small", { testid: "phone-rich-link-host", text: link.app_clip ? "App Clip" : target?.hostname.replace(/^www\./, "") || "" })),
    link.app_clip && el("span", { class: "clip", testid: "phone-rich-link-clip", text: "Open" }))));
}
