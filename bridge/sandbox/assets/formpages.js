// The pages of a form: what each type shows, and what it answers.

import { el, picture } from "./dom.js";
import { choice } from "./sheets.js";
import { fromFormat, toFormat } from "./dates.js";

const makers = { select: selectPage, picker: pickerPage, datePicker: datePage, input: inputPage };

// pageControls makes a page's controls from the answer so far. answer() is {items} or {value}, or null while it may not go on;
// changed and enter are for who shows the page.
export function pageControls(page, interactive, before) {
  const controls = { node: null, answer: () => null, changed: () => {}, enter: () => {} };
  (makers[page.type] || unknownPage)(page, interactive, before, controls);
  return controls;
}

// shownValue is an answer in words, for the summary.
export function shownValue(page, answer) {
  const titles = (answer?.items || []).map((id) => page.items.find((item) => item.identifier === id)?.title || id);
  const value = answer?.value;
  return titles.join(", ") || (value ? (page.options?.prefixText || "") + value : "Not answered");
}

function selectPage(page, interactive, before, controls) {
  const multiple = Boolean(page.multipleSelection);
  let chosen = new Set(before?.items);
  const rows = page.items.map((item) => choice({
    testid: "form-item", id: item.identifier, multiple, title: item.title, chosen: chosen.has(item.identifier),
    lead: picture(interactive, item.imageIdentifier, "choice-image icon"),
    pick: () => {
      if (!multiple) chosen = new Set([item.identifier]);
      else if (!chosen.delete(item.identifier)) chosen.add(item.identifier);
      rows.forEach((row) => row.setAttribute("aria-checked", String(chosen.has(row.dataset.id))));
      controls.changed();
    },
  }));
  controls.node = el("div", { class: "rows", role: multiple ? "group" : "radiogroup", "aria-label": page.title }, ...rows);
  controls.answer = () => (chosen.size ? { items: page.items.map((item) => item.identifier).filter((id) => chosen.has(id)) } : null);
}

function pickerPage(page, _, before, controls) {
  const wheel = el("select", { class: "wheel", testid: "form-value", size: Math.min(5, Math.max(2, page.items.length)), "aria-label": page.pickerTitle || page.title, on: { change: () => controls.changed() } },
    ...page.items.map((item) => el("option", { value: item.identifier, testid: "form-item", data: { id: item.identifier }, text: item.title })));
  const start = page.items[page.selectedItemIndex ?? 0] || page.items[0];
  wheel.value = before?.items?.[0] ?? start?.identifier;
  controls.node = el("div", { class: "rows wheel-rows" }, page.pickerTitle && el("p", { class: "wheel-title", text: page.pickerTitle }), wheel);
  controls.answer = () => (wheel.value ? { items: [wheel.value] } : null);
}

function datePage(page, _, before, controls) {
  const o = page.options || {};
  const iso = (text) => fromFormat(text, o.dateFormat);
  const [min, max] = [iso(o.minimumDate), iso(o.maximumDate)];
  const field = el("input", { type: "date", class: "field-line", testid: "form-value", id: "form-value", min: min || undefined, max: max || undefined, "aria-describedby": "form-feedback", on: { input: check, change: check, keydown: onEnter(controls) } });
  field.value = before ? iso(before.value) : iso(o.startDate);
  const feedback = feedbackLine();
  function check() {
    const late = field.validity.rangeOverflow && `At the latest ${o.maximumDate}`;
    const early = field.validity.rangeUnderflow && `At the earliest ${o.minimumDate}`;
    feedback.tell(late || early || "");
    controls.changed();
  }
  controls.node = el("div", {}, el("div", { class: "rows" }, el("label", { class: "field-row", for: "form-value" }, el("span", { text: o.labelText || "Date" }), field)), page.hintText && hint(page.hintText), feedback.node);
  controls.answer = () => (field.value && field.validity.valid ? { value: toFormat(field.value, o.dateFormat) } : null);
}

const inputModes = {
  numberPad: "numeric", phonePad: "tel", emailAddress: "email", decimalPad: "decimal", URL: "url", webSearch: "search",
};
const contentTypes = {
  name: "name", givenName: "given-name", familyName: "family-name", emailAddress: "email", telephoneNumber: "tel",
  fullStreetAddress: "street-address", postalCode: "postal-code", oneTimeCode: "one-time-code",
};

// problem says what is wrong with a text, or "" where nothing is.
function problem(text, o, max) {
  if (!text) return o.required ? "Required" : "";
  if ([...text].length > max) return `${[...text].length - max} too many`;
  let pattern;
  try { pattern = new RegExp(`^(?:${o.regex})$`, "us"); } catch { return ""; } // written for another engine
  return o.regex && !pattern.test(text) ? "This does not have the expected form" : "";
}

function inputPage(page, _, before, controls) {
  const o = page.options || {};
  const multiline = o.inputType === "multiline";
  const max = o.maximumCharacterCount || (multiline ? 300 : 30);
  const field = el(multiline ? "textarea" : "input", {
    class: multiline ? "field-box" : "field-line", testid: "form-value", id: "form-value", placeholder: o.placeholder || "", rows: multiline ? 4 : undefined,
    type: multiline ? undefined : o.textContentType === "password" ? "password" : "text", inputmode: inputModes[o.keyboardType], autocomplete: contentTypes[o.textContentType] || "off",
    "aria-describedby": "form-feedback", required: Boolean(o.required),
    on: { input: check, blur: () => tell(true), keydown: multiline ? () => {} : onEnter(controls) },
  });
  field.value = before?.value || "";
  const feedback = feedbackLine();
  const count = el("span", { class: "letters", testid: "form-count" });
  function tell(leaving) {
    const long = [...field.value].length;
    count.textContent = `${long}/${max}`;
    count.classList.toggle("over", long > max);
    const wrong = problem(field.value, o, max);
    if (!wrong || long > max || (leaving && field.value)) feedback.tell(wrong);
    field.setAttribute("aria-invalid", String(Boolean(wrong && field.value)));
  }
  let pause; // who stops typing is told, who types on is not
  function check() {
    tell(false);
    clearTimeout(pause);
    pause = setTimeout(tell, 800, true);
    controls.changed();
  }
  const prefix = o.prefixText && el("span", { class: "prefix", testid: "form-prefix", text: o.prefixText });
  const label = el("span", { text: o.labelText || page.title }, o.required && el("i", { class: "required", testid: "form-required", title: "Required", text: " *" }));
  controls.node = el("div", {}, multiline
    ? el("div", {}, el("label", { class: "field-label", for: "form-value" }, label), field)
    : el("div", { class: "rows" }, el("label", { class: "field-row", for: "form-value" }, label, prefix, field)),
  el("div", { class: "under-field" }, page.hintText && hint(page.hintText), count), feedback.node);
  tell(false);
  controls.answer = () => (problem(field.value, o, max) ? null : { value: field.value });
}

function unknownPage(page, _, before, controls) {
  controls.node = el("p", { class: "sheet-none", text: `This device knows no pages of type “${page.type}”.` });
}

const hint = (text) => el("p", { class: "field-hint", testid: "form-hint", text });

const onEnter = (controls) => (event) => {
  if (event.key !== "Enter" || event.isComposing) return;
  event.preventDefault();
  controls.enter();
};

function feedbackLine() {
  const node = el("p", { class: "feedback", testid: "form-error", id: "form-feedback", role: "status" });
  return { node, tell: (text) => { node.textContent = text; } };
}
