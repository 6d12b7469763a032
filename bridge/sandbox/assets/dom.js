// Small helpers around the DOM. Text only ever enters as textContent.

export const byId = (id) => document.getElementById(id);

// el makes an element. Properties: class, text, testid, data {}, on {}; others are attributes.
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "testid") node.dataset.testid = value;
    else if (name === "data") Object.assign(node.dataset, value);
    else if (name === "on") for (const [event, fn] of Object.entries(value)) node.addEventListener(event, fn);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter(Boolean));
  return node;
}

const paths = {
  send: "M12 19V5M5.5 11.5 12 5l6.5 6.5",
  person: "M15 8a4 4 0 1 1-8 0 4 4 0 0 1 8 0M3.5 20c.6-4 3.6-6 7.5-6s6.9 2 7.5 6M19 6v6M22 9h-6",
  link: "M10 14a4.5 4.5 0 0 0 6.4 0l3-3A4.5 4.5 0 0 0 13 4.600l-1 1M14 10a4.5 4.5 0 0 0-6.4 0l-3 3A4.5 4.5 0 0 0 11 19.400l1-1",
  power: "M12 3v8M6.3 7a8 8 0 1 0 11.4 0",
  trash: "M4 7h16M9.5 7V4.500h5V7M6.5 7l.8 12.500h9.400L17.5 7M10.5 11v5M13.5 11v5",
  smile: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18M8.5 14c1.8 2.6 5.2 2.6 7 0M9 9.500v.5M15 9.500v.5",
  check: "m5 12.5 4.5 4.500L19 7.5",
  cross: "M7 7l10 10M17 7 7 17",
  pen: "M5 19l1-4L16 5l3 3L9 18z",
  down: "M12 5v14M5.5 12.5 12 19l6.5-6.5",
  bang: "M12 6v8M12 17.500v.5",
  plus: "M12 5.500v13M5.5 12h13",
  clip: "m19 11.500-7.300 7.300a4.200 4.200 0 0 1-6-6L13.500 5a2.900 2.900 0 0 1 4.100 4.100l-7.400 7.400a1.400 1.400 0 0 1-2-2l6.600-6.600",
  again: "M20 12a8 8 0 1 1-2.500-5.800M20 3.500V8h-4.500",
  chevron: "m9.500 5.500 6.500 6.500-6.500 6.500",
  calendar: "M5 6.500h14v13H5zM5 10.500h14M9 4v4M15 4v4M9 14.500h2.500",
  form: "M6 4h12v16H6zM9 8.500h6M9 12h6M9 15.500h3.500",
  key: "M11.500 12.500a4 4 0 1 1-2-6 4 4 0 0 1 2 6m0 0 8 7M16.500 17l2-2",
  card: "M3.500 6.500h17v11.500h-17zM3.500 10.500h17M7 14.500h4",
  apps: "M5 5h5v5H5zM14 5h5v5h-5zM5 14h5v5H5zM16.500 13.500v6M13.500 16.500h6",
  chat: "M12 4.500c4.700 0 8.500 3 8.500 6.800s-3.800 6.700-8.500 6.700c-.9 0-1.800-.1-2.600-.3L5 19.500l.9-3.300c-1.500-1.200-2.400-2.900-2.400-4.900 0-3.800 3.800-6.800 8.500-6.800",
  globe: "M12 20.500a8.500 8.500 0 1 0 0-17 8.500 8.500 0 0 0 0 17M3.500 12h17M12 3.500c5 5 5 12 0 17M12 3.500c-5 5-5 12 0 17",
  pin: "M12 20.500c-4-4.300-6-7.500-6-10.200a6 6 0 0 1 12 0c0 2.700-2 5.900-6 10.200M12 12.300a2.200 2.200 0 1 0 0-4.400 2.200 2.200 0 0 0 0 4.400",
  lock: "M6.500 11h11v8.500h-11zM8.500 11V8a3.500 3.500 0 0 1 7 0v3",
  play: "M8.500 5.500v13l10.500-6.500z",
  more: "M6 12h.01M12 12h.01M18 12h.01",
  rich: "M4.500 5h15v6h-15zM4.500 15h6.500M4.500 19h4.500M15 15l4.500 2.500L15 20z",
  iphone: "M8 3h8a1.500 1.500 0 0 1 1.500 1.500v15A1.500 1.500 0 0 1 16 21H8a1.500 1.500 0 0 1-1.500-1.500v-15A1.500 1.500 0 0 1 8 3M11 5.500h2",
  mac: "M5.500 5.500h13v10h-13zM2.500 18.500h19",
  watch: "M8 7.500h8a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1M9 7.500 9.500 3h5l.5 4.500M9 16.500l.5 4.500h5l.5-4.500",
  old_iphone: "M8 3h8a1.500 1.500 0 0 1 1.500 1.500v15A1.500 1.500 0 0 1 16 21H8a1.500 1.500 0 0 1-1.500-1.500v-15A1.500 1.500 0 0 1 8 3M6.500 6h11M6.500 16.500h11M12 18.700h.01",
  list: "M9 6.500h10M9 12h10M9 17.500h10M5 6.500h.01M5 12h.01M5 17.500h.01",
};

export function icon(name) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(ns, "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

// picture is an image of an interactive message, by its identifier, or nothing where there is none. One that cannot be shown goes.
export function picture(i, id, className, description = "") {
  const href = id !== undefined && i.images?.[id];
  return href && el("img", { class: className, src: href, alt: description, on: { error: (event) => event.target.remove() } });
}

// reconcile makes a container's children those of the items, keeping the elements of
// items that were there before: focus, selection and what a screen reader has
// announced stay as they are.
export function reconcile(container, items, keyOf, create, update) {
  const old = new Map();
  for (const child of container.children) if (child.dataset.key) old.set(child.dataset.key, child);
  let at = container.firstElementChild;
  for (const item of items) {
    const key = String(keyOf(item));
    let node = old.get(key);
    if (!node) {
      node = create(item);
      node.dataset.key = key;
    }
    old.delete(key);
    if (update) update(node, item);
    if (node === at) at = at.nextElementSibling;
    else container.insertBefore(node, at);
  }
  for (const node of old.values()) node.remove();
}

const nearEnd = (log) => log.scrollHeight - log.scrollTop - log.clientHeight < 60;

const scrolledUp = new WeakSet(); // logs that the reader has left the end of

const toEnd = (log) => { if (!scrolledUp.has(log)) log.scrollTop = log.scrollHeight; };

// sticky runs a change and keeps a log scrolled to its end if it was there.
export function sticky(log, change) {
  change();
  toEnd(log);
}

// sticksToEnd prepares a log for sticky. It stays at its end, too, while pictures in it load, which have no height before,
// and while the field below it grows. Only who scrolls up leaves the end: growth alone looks the same to nearEnd.
export function sticksToEnd(log) {
  let before = 0;
  log.addEventListener("scroll", () => {
    if (nearEnd(log)) scrolledUp.delete(log);
    else if (log.scrollTop < before) scrolledUp.add(log);
    before = log.scrollTop;
  });
  for (const kind of ["load", "loadedmetadata", "error"]) { // these do not bubble, but are captured
    log.addEventListener(kind, () => toEnd(log), true);
  }
  new ResizeObserver(() => toEnd(log)).observe(log);
}

// autoGrow lets a text field grow with its text, to a limit that the style sets.
export function autoGrow(field) {
  field.style.height = "auto";
  field.style.height = field.scrollHeight + (field.offsetHeight - field.clientHeight) + "px";
}

// sendsOnEnter makes Enter submit, and Shift+Enter a new line.
export function sendsOnEnter(field, form) {
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  // Some ways of entering keys insert the line break even so.
  field.addEventListener("keypress", (event) => {
    if (event.key === "Enter" && !event.shiftKey) event.preventDefault();
  });
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
export const timeOf = (iso) => clock.format(new Date(iso));

const date = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
export function dayOf(iso) {
  const at = new Date(iso);
  return at.toDateString() === new Date().toDateString() ? "Today" : date.format(at);
}

export function preciseTime(iso) {
  const at = new Date(iso);
  const two = (n) => String(n).padStart(2, "0");
  return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

// tail is the end of an opaque id: enough to tell customers apart.
export const tail = (id) => id.replace(/=+$/, "").slice(-4);

// hue gives an id a color of its own.
export function hue(id) {
  let sum = 7;
  for (const ch of id) sum = (sum * 31 + ch.codePointAt(0)) % 360;
  return sum;
}

export const emoji = { liked: "👍", loved: "❤️", disliked: "👎", laughed: "😂", emphasized: "‼️", questioned: "❓", reacted: "🎉" };
