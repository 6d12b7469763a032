// The page's copy of the sandbox's state, kept by server-sent events.

export const state = { businesses: [], customers: [], threads: [], conversations: [], hops: [], faults: [], connector: "", people: [], help_desk: null };

const listeners = new Map();

// on calls fn after changes of a kind, with the change.
export function on(kind, fn) {
  if (!listeners.has(kind)) listeners.set(kind, []);
  listeners.get(kind).push(fn);
}

function tell(kind, change) {
  for (const fn of listeners.get(kind) || []) fn(change);
}

// call posts to the control API. A failure shows as a toast and throws.
export async function call(path, body = {}) {
  let reason = "The demo does not answer. Is it still running?";
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
    const result = await answer.json();
    if (answer.ok) return result;
    reason = result.error;
  } catch { /* the reason stands above */ }
  tell("failure", reason);
  throw new Error(reason);
}

// fetchJSON gets something that is no part of the state. A failure throws.
export async function fetchJSON(path) {
  const answer = await fetch(path);
  const result = await answer.json();
  if (!answer.ok) throw new Error(result.error);
  return result;
}

// upload puts a file's bytes; progress is told from 0 to 1. A failure shows as a toast and throws. The result has stop.
export function upload(path, file, progress) {
  const request = new XMLHttpRequest();
  const result = new Promise((resolve, reject) => {
    const fail = (reason) => {
      tell("failure", reason);
      reject(new Error(reason));
    };
    request.upload.onprogress = (event) => { if (event.lengthComputable) progress(event.loaded / event.total); };
    request.onload = () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* no answer of ours */ }
      if (request.status === 201) resolve(answer);
      else fail(answer.error || "The file was not taken.");
    };
    request.onerror = () => fail("The file was not taken.");
    request.onabort = () => reject(new Error("stopped"));
  });
  const query = new URLSearchParams({ name: file.name, type: file.type });
  request.open("PUT", `${path}?${query}`);
  request.send(file);
  result.stop = () => request.abort();
  return result;
}

// attempt is call for where nothing depends on the outcome.
export const attempt = (path, body) => call(path, body).catch(() => {});

export const threadOf = (customer, business) => state.threads.find((t) => t.customer === customer && t.business_id === business);

const keep = 500; // of any list; the server is bounded, too

function upsert(list, item, same) {
  const at = list.findIndex(same);
  if (at >= 0) list[at] = item;
  else list.push(item);
  if (list.length > keep) list.splice(0, list.length - keep);
}

const take = {
  snapshot(all) { Object.assign(state, all); },
  customer(c) { upsert(state.customers, c, (x) => x.key === c.key); },
  thread(t) {
    const old = threadOf(t.customer, t.business_id);
    t.bubbles = t.reset ? [] : old?.bubbles || [];
    upsert(state.threads, t, (x) => x === old);
  },
  bubble(b) {
    const thread = threadOf(b.customer, b.business_id);
    thread.bubbles ||= [];
    upsert(thread.bubbles, b.bubble, (x) => x.id === b.bubble.id);
  },
  conversation(c) {
    const old = state.conversations.find((x) => x.key === c.key);
    c.entries = old?.entries || [];
    upsert(state.conversations, c, (x) => x === old);
  },
  entry(e) {
    let c = state.conversations.find((x) => x.key === e.conversation);
    if (!c) state.conversations.push(c = { key: e.conversation, customer_id: "", entries: [], visitor: true, typing_until: Infinity });
    c.entries ||= [];
    upsert(c.entries, e.entry, (x) => x.id === e.entry.id);
  },
  conversation_gone(c) { state.conversations = state.conversations.filter((x) => x.key !== c.key); },
  hop(h) { upsert(state.hops, h, (x) => x.seq === h.seq); },
  traffic_cleared() { state.hops = []; },
  faults(list) { state.faults = list; },
};

// connect opens the stream. The browser reconnects by itself, and gets a new snapshot.
export function connect() {
  const stream = new EventSource("/events");
  for (const [kind, change] of Object.entries(take)) {
    stream.addEventListener(kind, (message) => {
      const data = JSON.parse(message.data);
      change(data);
      tell(kind, data);
    });
  }
  stream.onopen = () => tell("live", true);
  stream.onerror = () => tell("live", false);
}
