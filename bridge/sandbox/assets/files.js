// Files, for both panels: the tray of what is about to be sent, and how files are shown.

import { byId, el, icon, timeOf, dayOf } from "./dom.js";
import { upload } from "./store.js";

// startFiles dresses the viewer, and keeps a file that is dropped beside a panel from replacing the page.
export function startFiles() {
  byId("viewer").querySelector("button").append(icon("cross"));
  byId("viewer").addEventListener("click", (event) => { if (!event.target.closest("a, button")) byId("viewer").close(); });
  byId("viewer").addEventListener("close", () => byId("viewer-image").removeAttribute("src"));
  for (const kind of ["dragover", "drop"]) document.addEventListener(kind, (event) => event.preventDefault());
}

export function sizeOf(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1e3).toFixed(bytes < 1e4 ? 1 : 0)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

// ending is a file's type in a few letters.
function ending(file) {
  const after = /\.([A-Za-z0-9]{1,5})$/.exec(file.name);
  return (after ? after[1] : file.mime_type.split("/").pop().replace(/^(x-|vnd\.)/, "").slice(0, 4)).toUpperCase();
}

const page = (file) => el("span", { class: "page", "aria-hidden": "true", data: { kind: file.kind } }, el("b", { text: ending(file) }));

// card is a file as an icon, with its name, type and size.
function card(file, side, facts) {
  return el(file.href ? "a" : "div", {
    class: "file-card", testid: side + "-file", data: { id: file.id, kind: file.kind, name: file.name, state: file.href ? "open" : "lost", broken: file.broken ? "true" : "false" },
    href: file.href, target: file.href && "_blank", rel: file.href && "noreferrer noopener",
    title: file.broken ? `What came does not decrypt to ${file.mime_type}` : file.name,
  }, page(file), el("span", { class: "file-words" }, el("b", { text: file.name }), el("small", { text: facts || `${ending(file)} · ${sizeOf(file.size)}` })));
}

// show makes the element of a file. What a browser cannot show turns into a card.
export function show(file, side, facts, failed) {
  if (file.kind === "file" || !file.href) return card(file, side, facts);
  const props = { testid: side + "-file", data: { id: file.id, kind: file.kind, name: file.name, state: "loading", broken: "false" } };
  const ready = () => { node.dataset.state = "shown"; };
  const fallback = failed || (() => node.replaceWith(card({ ...file, kind: "file" }, side, facts)));
  let node;
  if (file.kind === "image") {
    node = el("button", { ...props, type: "button", class: "shot", "aria-label": `Open ${file.name}`, on: { click: () => view(file) } },
      el("img", { src: file.href, alt: file.name, on: { load: ready, error: fallback } }));
  } else {
    node = el(file.kind, { ...props, class: "player", controls: true, preload: "metadata", src: file.href, title: file.name, on: { loadedmetadata: ready, error: fallback } });
  }
  return node;
}

// showRemote is a file that is fetched only when it is asked for.
export function showRemote(file, side) {
  const expires = file.expires_at && `until ${dayOf(file.expires_at)} ${timeOf(file.expires_at)}`;
  const facts = [file.mime_type, sizeOf(file.size), file.remote ? expires : !file.href && "cannot be had"].filter(Boolean).join(" · ");
  if (!file.remote || file.kind === "file") return show(file, side, facts);
  const small = el("small", { text: facts });
  const load = el("button", { type: "button", class: "load", testid: side + "-file-load", text: "Load", on: { click: () => {
    const shown = show(file, side, facts, () => {
      shown.replaceWith(box);
      below.remove();
      box.dataset.state = "failed";
      small.textContent = `could not be shown · ${facts}`;
      load.textContent = "Try again";
    });
    box.replaceWith(shown, below);
  } } });
  const below = el("small", { class: "file-facts", text: `${file.name} · ${facts}` });
  const box = el("div", { class: "remote", testid: side + "-file", data: { id: file.id, kind: file.kind, name: file.name, state: "remote" } },
    page(file), el("span", { class: "file-words" }, el("b", { text: file.name }), small), load);
  return box;
}

function view(file) {
  byId("viewer-image").src = file.href;
  byId("viewer-image").alt = file.name;
  byId("viewer-name").textContent = file.name;
  byId("viewer-facts").textContent = `${file.mime_type} · ${sizeOf(file.size)}`;
  byId("viewer-open").href = file.href;
  byId("viewer").showModal();
}

// tray collects files for a message: by a button, by paste into the field, by drop into the zone. Each is on its way at
// once, and shows how far it has come. changed is called whenever it may matter for Send.
export function tray({ side, field, zone, usable, changed }) {
  const box = byId(side + "-tray");
  const picker = byId(side + "-file-input");
  let items = [];

  const render = () => {
    box.replaceChildren(...items.map((item) => item.node));
    box.hidden = !items.length;
    changed();
  };
  const remove = (item) => {
    item.sent?.stop();
    items = items.filter((x) => x !== item);
    render();
  };
  const add = (file) => {
    const bar = el("progress", { max: 1, value: 0, "aria-label": `Uploading ${file.name}` });
    const face = el("span", { class: "face" }, page({ name: file.name, mime_type: file.type || "", kind: "file" }));
    const item = { file: null };
    item.node = el("div", { class: "pending", testid: side + "-pending", title: `${file.name}, ${sizeOf(file.size)}`, data: { name: file.name, state: "uploading" } },
      face, el("span", { class: "pending-name", text: file.name }), bar,
      el("button", { type: "button", testid: side + "-pending-remove", "aria-label": `Remove ${file.name}`, on: { click: () => remove(item) } }, icon("cross")));
    item.sent = upload(`/api/${side}/files`, file, (share) => { bar.value = share; });
    item.sent.then((answer) => {
      item.file = answer;
      item.node.dataset.state = "ready";
      bar.remove();
      const icon = face.firstChild;
      if (answer.kind === "image") face.replaceChildren(el("img", { src: answer.href, alt: "", on: { error: () => face.replaceChildren(icon) } }));
      changed();
    }, () => remove(item));
    items.push(item);
  };
  const addAll = (list) => {
    if (!usable() || !list.length) return false;
    for (const file of list) add(file);
    render();
    field.focus({ preventScroll: true });
    return true;
  };

  byId(side + "-attach").append(icon(side === "phone" ? "plus" : "clip"));
  byId(side + "-attach").addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => { addAll([...picker.files]); picker.value = ""; });
  field.addEventListener("paste", (event) => {
    const words = event.clipboardData.types.includes("text/plain"); // office programs add a picture of the words
    if (!words && addAll([...event.clipboardData.files])) event.preventDefault();
  });
  let over = 0; // entering a child comes before leaving its parent
  const mark = (by) => { over = Math.max(0, over + by); zone.classList.toggle("dropping", over > 0 && usable()); };
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  zone.addEventListener("dragenter", (event) => { if (carries(event)) mark(1); });
  zone.addEventListener("dragleave", (event) => { if (carries(event)) mark(-1); });
  zone.addEventListener("drop", (event) => { mark(-over); addAll([...event.dataTransfer.files]); });

  return {
    any: () => items.length > 0,
    busy: () => items.some((item) => !item.file),
    ids: () => items.map((item) => item.file.id),
    take() { const held = items; items = []; render(); return held; },
    restore(held) { items = [...held, ...items]; render(); },
    clear() { for (const item of items) item.sent.stop(); items = []; render(); },
  };
}
