// Header, tabs, dialogs' common parts, and the start of everything.

import { byId } from "./dom.js";
import { state, on, connect } from "./store.js";
import { startPhone } from "./phone.js";
import { startDesk, deskShown } from "./desk.js";
import { startHelpDesk } from "./helpdesk.js";
import { startTraffic } from "./traffic.js";
import { startFiles } from "./files.js";
import { startGallery } from "./gallery.js";

const live = document.querySelector(".live");
on("live", (open) => {
  live.dataset.state = open ? "live" : "lost";
  live.textContent = open ? "Live" : "Reconnecting…";
});

let toastTimer;
on("failure", (reason) => {
  const toast = byId("toast");
  toast.textContent = reason;
  toast.hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => { toast.hidden = true; }, 5000);
});

// The header's links light up with each hop that begins.
const lit = new Set();
on("hop", (hop) => {
  if (lit.has(hop.seq)) return;
  lit.add(hop.seq);
  if (lit.size > 600) lit.clear();
  const arrow = document.querySelector(`.flow i[data-hop="${hop.hop}"]`);
  if (!arrow) return; // the provider is not in the picture
  arrow.classList.remove("lit");
  void arrow.offsetWidth; // restarts the animation
  arrow.classList.add("lit");
});

const tabs = [...byId("tabs").children];
for (const tab of tabs) {
  tab.addEventListener("click", () => {
    document.body.dataset.tab = tab.dataset.show;
    for (const other of tabs) other.toggleAttribute("aria-current", false);
    tab.setAttribute("aria-current", "true");
    tab.classList.remove("news");
    if (tab.dataset.show === "desk") deskShown();
    for (const log of document.querySelectorAll('[role="log"]')) log.scrollTop = log.scrollHeight;
  });
}
const news = (name) => {
  if (document.body.dataset.tab !== name) document.querySelector(`[data-show="${name}"]`).classList.add("news");
};
on("bubble", (b) => { if (b.bubble.from === "business") news("phone"); });
on("conversation", (c) => { if (c.unread) news("desk"); });
on("hop", (h) => { if (state.help_desk && h.hop === "bridge-desk" && h.method !== "GET") news("desk"); });
on("faults", () => document.querySelector('[data-show="traffic"]').classList.toggle("warned", state.faults.some((f) => f.on)));

for (const button of document.querySelectorAll("dialog [data-close]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}

startFiles();
startPhone();
startDesk();
startHelpDesk();
startGallery();
startTraffic();
connect();
