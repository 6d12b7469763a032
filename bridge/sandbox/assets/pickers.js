// The sheets of pickers, quick replies and apps.

import { el, icon, picture } from "./dom.js";
import { choice, openSheet } from "./sheets.js";
import { durationOf, slotClock } from "./dates.js";

const inOrder = (list) => [...(list || [])].sort((a, b) => (a.order ?? 0) - (b.order ?? 0));

const headline = (i) => i.content.receivedMessage?.title || i.title;

// intro is the bubble's face once more, at the top of its sheet.
function intro(i, title, subtitle) {
  const received = i.content.receivedMessage || {};
  const image = picture(i, received.imageIdentifier, "intro-image");
  return el("div", { class: "sheet-intro" }, image, el("h3", { text: title }), subtitle && el("p", { text: subtitle }));
}

export function openListPicker(b, where) {
  const i = b.interactive;
  const chosen = new Set();
  const sheet = openSheet({ bubble: b, where, title: headline(i) });
  const show = () => {
    for (const row of sheet.body.querySelectorAll(".choice")) row.setAttribute("aria-checked", String(chosen.has(row.dataset.id)));
    sheet.changed();
  };
  const pick = (section, item) => () => {
    const had = chosen.has(item.identifier);
    if (!section.multipleSelection) for (const other of section.items) chosen.delete(other.identifier);
    if (had) chosen.delete(item.identifier);
    else chosen.add(item.identifier);
    show();
  };
  const sections = inOrder(i.content.data.listPicker?.sections);
  if (i.content.receivedMessage?.subtitle) sheet.body.append(el("p", { class: "sheet-lead", text: i.content.receivedMessage.subtitle }));
  for (const section of sections) {
    const multiple = Boolean(section.multipleSelection);
    const label = section.title || (multiple ? "Choose any" : "Choose one");
    sheet.body.append(el("section", { class: "group", role: multiple ? "group" : "radiogroup", "aria-label": label, testid: "sheet-section", data: { multiple: String(multiple) } },
      section.title && el("h3", { text: section.title }),
      el("div", { class: "rows" }, ...inOrder(section.items).map((item) => choice({
        testid: "sheet-item", id: item.identifier, multiple, title: item.title, subtitle: item.subtitle, pick: pick(section, item),
        lead: picture(i, item.imageIdentifier, "choice-image " + (["small", "large"].includes(item.style) ? item.style : "icon")),
      })))));
  }
  const ids = sections.flatMap((section) => inOrder(section.items).map((item) => item.identifier)); // answered in the order shown
  sheet.answer = () => (chosen.size ? { items: ids.filter((id) => chosen.has(id)) } : null);
  show();
}

export function openTimePicker(b, where) {
  const i = b.interactive;
  const event = i.content.data.event || i.content.data.timePicker?.event || {};
  const clock = slotClock(event.timezoneOffset);
  const slots = (event.timeslots || [])
    .map((slot) => ({ ...slot, at: clock.parse(slot.startTime) }))
    .filter((slot) => slot.at > Date.now()) // the device drops the past ones
    .sort((x, y) => x.at - y.at);
  const sheet = openSheet({ bubble: b, where, title: headline(i) });
  let chosen = "";
  const days = new Map();
  for (const slot of slots) {
    const day = clock.day(slot.at);
    if (!days.has(day)) days.set(day, []);
    days.get(day).push(slot);
  }
  const place = event.location;
  const image = picture(i, event.imageIdentifier ?? i.content.receivedMessage?.imageIdentifier, "intro-image");
  sheet.body.append(el("div", { class: "sheet-intro" }, image, el("h3", { testid: "sheet-event", text: event.title || i.title }),
    place && el("p", { class: "place", testid: "sheet-location", title: `${place.latitude}, ${place.longitude}` }, icon("pin"), el("span", { text: place.title })),
    slots.length > 0 && el("p", { class: "zone", testid: "sheet-zone", text: clock.zone(slots[0].at) })));
  if (!slots.length) sheet.body.append(el("p", { class: "sheet-none", testid: "sheet-none", text: "No times available." }));
  const show = () => {
    for (const row of sheet.body.querySelectorAll(".choice")) row.setAttribute("aria-checked", String(row.dataset.id === chosen));
    sheet.changed();
  };
  for (const [day, list] of days) {
    sheet.body.append(el("section", { class: "group", role: "radiogroup", "aria-label": day, testid: "sheet-day" }, el("h3", { class: "day", text: day }),
      el("div", { class: "rows" }, ...list.map((slot) => choice({
        testid: "sheet-slot", id: slot.identifier, title: clock.range(slot.at, slot.duration), subtitle: durationOf(slot.duration),
        pick: () => { chosen = slot.identifier; show(); },
      })))));
  }
  sheet.answer = () => (chosen ? { slot: chosen } : null);
  show();
}

// openQuickReply is for who wants to say how the answer travels; the chips below the prompt do not ask.
export function openQuickReply(b, where) {
  const options = b.interactive.content.data["quick-reply"].items;
  const sheet = openSheet({ bubble: b, where, title: "Quick reply" });
  let chosen = -1;
  const rows = options.map((option, index) => choice({
    testid: "sheet-item", id: option.identifier, title: option.title,
    pick: () => {
      chosen = index;
      rows.forEach((row, at) => row.setAttribute("aria-checked", String(at === chosen)));
      sheet.changed();
    },
  }));
  sheet.body.append(el("p", { class: "sheet-lead", text: b.interactive.title }), el("section", { class: "group", role: "radiogroup", "aria-label": "Quick replies" }, el("div", { class: "rows" }, ...rows)));
  sheet.dialog.querySelector(".travel").open = true;
  sheet.answer = () => (chosen < 0 ? null : { index: chosen });
  sheet.changed();
}

// openApp stands for an iMessage extension: it gets a URL, and answers with one.
export function openApp(b, where) {
  const i = b.interactive;
  const name = i.content.appName || "iMessage app";
  const sheet = openSheet({ bubble: b, where, title: name });
  const field = el("textarea", { class: "field-box mono", testid: "sheet-url", id: "sheet-url", rows: 3, spellcheck: "false", on: { input: () => sheet.changed() } });
  field.value = i.content.URL || "";
  const identity = /:([^:]*):([^:]*)$/.exec(i.content.bid || "");
  const fact = (term, value) => value && el("div", { class: "fact-row" }, el("span", { text: term }), el("code", { text: value }));
  sheet.body.append(intro(i, i.title, i.subtitle),
    el("section", { class: "group" }, el("h3", { text: "What the extension gets" }), el("div", { class: "rows" },
      fact("URL", i.content.URL), fact("Team", identity?.[1]), fact("Extension", identity?.[2]), fact("App", i.content.appId && String(i.content.appId)))),
    el("section", { class: "group" }, el("h3", {}, el("label", { for: "sheet-url", text: "What it answers" })), field));
  sheet.answer = () => (field.value.trim() ? { url: field.value.trim() } : null);
  sheet.changed();
}
