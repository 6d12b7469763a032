// Sheets: dialogs that slide over the phone's screen, in which the customer answers.

import { el } from "./dom.js";
import { call } from "./store.js";

const formats = {
  "": ["Automatic", "As Apple does: within the message, or by reference where it is large."],
  inline: ["Inline", "Within the message, however large."],
  json: ["By reference", "As an interactiveDataRef to JSON in MMCS."],
  bplist: ["Archive", "As an interactiveDataRef to an NSKeyedArchiver property list in MMCS."],
};

// travel asks how the answer gets to the bridge. choice is what the call says of it, automatic what happens where nothing is said.
export function travel(automatic = formats[""][1]) {
  const words = el("p", { text: automatic });
  const pick = (format) => el("label", {}, el("input", {
    type: "radio", name: "sheet-format", value: format, checked: format === "", testid: "sheet-format-" + (format || "auto"),
    on: { change: () => { words.textContent = format ? formats[format][1] : automatic; } },
  }), el("span", { text: formats[format][0] }));
  const twice = el("input", { type: "checkbox", testid: "sheet-twice" });
  const node = el("details", { class: "travel", testid: "sheet-travel" }, el("summary", { text: "How it travels" }),
    el("div", { class: "travel-formats", role: "radiogroup", "aria-label": "How it travels" }, ...Object.keys(formats).map(pick)), words,
    el("label", { class: "travel-twice" }, twice, el("span", { text: "Deliver it twice, under two ids, as devices sometimes do" })));
  return {
    node,
    choice: () => ({ format: node.querySelector("input[type=radio]:checked").value || undefined, twice: twice.checked || undefined }),
  };
}

// openSheet opens a sheet over a bubble. Its fields are for who fills it: body and foot hold what is shown, answer gives what
// is to be sent, or null while nothing can be, and changed must be called when that may be another. A kind that travels in
// ways of its own brings how, and one that tells of a cancel brings that.
export function openSheet({ bubble, where, title, action = "Send", how = travel(), cancel: canceled }) {
  const screen = document.querySelector(".screen");
  const opener = document.activeElement;
  const send = el("button", { type: "button", class: "sheet-send", testid: "sheet-send", text: action, on: { click: () => sheet.submit() } });
  const cancel = el("button", { type: "button", class: "sheet-cancel", testid: "sheet-cancel", text: "Cancel", on: { click: () => (canceled ? canceled() : dialog.close()) } });
  const heading = el("h2", { id: "sheet-title", testid: "sheet-title", text: title, tabindex: "-1", autofocus: true });
  const error = el("p", { class: "sheet-error", testid: "sheet-error", role: "alert", hidden: true });
  const body = el("div", { class: "sheet-body" });
  const foot = el("div", { class: "sheet-foot", hidden: true });
  const dialog = el("dialog", { class: "phone-sheet", testid: "phone-sheet", "aria-labelledby": "sheet-title", data: { kind: bubble.interactive.kind, id: bubble.id } },
    el("div", { class: "sheet-card" }, el("header", {}, cancel, heading, send), error, el("div", { class: "sheet-scroll" }, body, how.node), foot));
  let busy = false;

  const sheet = {
    dialog, body, foot, send, cancel,
    answer: () => null,
    changed() { send.disabled = busy || !sheet.answer(); },
    title(text) { heading.textContent = text; },
    onCancel(then) { canceled = then; },
    fail(text) { // or, without one, all is well again
      error.textContent = text;
      error.hidden = !text;
    },
    async submit() {
      const answer = sheet.answer();
      if (!answer || busy) return;
      busy = true;
      sheet.changed();
      try {
        await call("/api/phone/answer", where({ id: bubble.id, answer, ...how.choice() }));
        dialog.close();
      } catch (failure) {
        sheet.fail(failure.message);
      }
      busy = false;
      sheet.changed();
    },
  };

  const place = () => {
    const box = screen.getBoundingClientRect();
    for (const [name, value] of [["x", box.left], ["y", box.top], ["w", box.width], ["h", box.height]]) dialog.style.setProperty("--" + name, value + "px");
  };
  const placing = new ResizeObserver(place);
  addEventListener("resize", place);
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); }); // beside the card
  dialog.addEventListener("close", () => {
    removeEventListener("resize", place);
    placing.disconnect();
    dialog.remove();
    if (opener?.isConnected) opener.focus({ preventScroll: true });
  });
  screen.append(dialog);
  place();
  placing.observe(screen);
  dialog.showModal();
  return sheet;
}

// choice is a row that can be chosen: of one choice, or a check among several.
export function choice({ testid, id, multiple, lead, title, subtitle, chosen, pick }) {
  return el("button", {
    type: "button", class: "choice", testid, role: multiple ? "checkbox" : "radio", "aria-checked": String(Boolean(chosen)), data: { id, multiple: String(Boolean(multiple)) },
    on: { click: pick, keydown: arrows },
  }, el("span", { class: "mark", "aria-hidden": "true" }), lead,
  el("span", { class: "choice-words" }, el("b", { text: title }), subtitle && el("small", { text: subtitle })));
}

// arrows lets the arrow keys walk the rows of a sheet.
function arrows(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const rows = [...event.currentTarget.closest(".sheet-body").querySelectorAll(".choice")];
  rows[rows.indexOf(event.currentTarget) + step]?.focus();
}
