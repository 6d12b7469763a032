// The customer's device: a switch, and what each can show.

import { byId, el, icon, reconcile } from "./dom.js";
import { attempt } from "./store.js";

const devices = [["iphone", "iPhone"], ["mac", "Mac"], ["watch", "Watch"], ["old_iphone", "Old iPhone"]];
const capabilities = { LIST: "list pickers", TIME: "time pickers", QUICK: "quick replies", FORM: "forms", AUTH: "sign-in, the old way", AUTH2: "sign-in" };

let customer;

// renderDevice shows the device of a customer.
export function renderDevice(who) {
  customer = who.key;
  const now = who.device.name;
  reconcile(byId("phone-device-choice"), devices, (d) => d[0], create, (node, [name]) => {
    node.setAttribute("aria-checked", String(name === now));
    node.tabIndex = name === now ? 0 : -1; // one stop for Tab, the arrows do the rest
  });
  byId("panel-phone").dataset.device = now;
  const all = [...new Set([...Object.keys(capabilities), ...who.device.capabilities])];
  byId("phone-capabilities").replaceChildren(...all.map((name) => {
    const has = who.device.capabilities.includes(name);
    return el("li", { testid: "phone-capability", data: { name, has: String(has) }, title: `${has ? "Shows" : "Does not show"} ${capabilities[name] || name}`, text: name },
      !has && el("span", { class: "unseen", text: ": no" }));
  }));
}

function create([name, label]) {
  return el("button", {
    type: "button", role: "radio", testid: "phone-device", "aria-label": label, title: label, data: { device: name },
    on: { click: () => change(name), keydown: walk },
  }, icon(name), el("span", { text: label }));
}

function change(name) {
  attempt("/api/phone/device", { customer, device: name });
}

function walk(event) {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  const all = [...event.currentTarget.parentNode.children];
  const next = all[(all.indexOf(event.currentTarget) + step + all.length) % all.length];
  next.focus();
  change(next.dataset.device);
}
