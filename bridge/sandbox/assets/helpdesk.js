// Another helpdesk in the place of the desk: its agents' own page, in a frame.

import { byId, el } from "./dom.js";
import { state, on } from "./store.js";

// Its page may run its script and post its forms, and has its own origin, which is not ours; files may be saved. It gets no
// window of its own, no dialog, and cannot lead this page away.
const may = "allow-scripts allow-forms allow-same-origin allow-downloads";

export function startHelpDesk() {
  on("snapshot", () => { if (state.help_desk) show(state.help_desk); });
}

function show({ name, url }) {
  const place = byId("helpdesk");
  if (!place.hidden) return; // the stream has begun again
  place.append(el("iframe", { testid: "helpdesk", src: url, sandbox: may, title: name, referrerpolicy: "no-referrer" }));
  place.hidden = false;
  byId("desk-grid").hidden = true;
  byId("panel-desk").setAttribute("aria-label", name);
  byId("desk-title").textContent = name;
  byId("flow-desk").textContent = name;
  byId("flow-desk-how").textContent = "a stand-in";
  document.querySelector('.tabs [data-show="desk"]').textContent = name;
  byId("desk-about").textContent = `what agents would see of it, from a stand-in; the bridge’s ${name} connector is the real one`;
  byId("desk-about").after(el("a", { class: "helpdesk-open", testid: "helpdesk-open", href: url, target: "_blank", rel: "noreferrer noopener", text: "Open in a tab" }));
}
