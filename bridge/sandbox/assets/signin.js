// The sheet of a sign-in. It stands for the browser that Messages opens: the demo itself goes through the pages, and shows what came of it.

import { el, icon } from "./dom.js";
import { choice, openSheet } from "./sheets.js";
import { call, on, state } from "./store.js";

let watch = null; // of the sheet that is open
on("bubble", (change) => watch?.(change.bubble));

// travel asks how word of the sign-in gets to the business.
function travel() {
  const box = (testid, words) => {
    const input = el("input", { type: "checkbox", testid });
    return { input, label: el("label", { class: "travel-twice" }, input, el("span", { text: words })) };
  };
  const forwarded = box("sheet-forwarded", "Forwarded: somebody else opens the link, and this phone tells nobody");
  const twice = box("sheet-twice", "Tell of it twice, under two ids, as devices sometimes do");
  const late = box("sheet-late", "Late: Apple tells of it some seconds after the browser");
  forwarded.input.addEventListener("change", () => { for (const other of [twice, late]) other.input.disabled = forwarded.input.checked; });
  return {
    node: el("details", { class: "travel", testid: "sheet-travel" }, el("summary", { text: "How it travels" }), forwarded.label, twice.label, late.label),
    choice: (outcome) => {
      const on = (x) => (x.input.checked && !x.input.disabled) || undefined;
      return { forwarded: outcome === "cancel" ? undefined : on(forwarded), twice: on(twice), late: on(late) };
    },
  };
}

const signs = { success: "check", authenticated: "check", cancel: "cross", failure: "bang", failed: "bang", unknown: "bang" };
const heads = { success: "Signed in", authenticated: "Signed in", cancel: "Canceled", failure: "Not signed in", failed: "Not signed in", unknown: "Not signed in" };

export function openSignIn(b, where) {
  const view = b.interactive.sign_in;
  const how = travel();
  const sheet = openSheet({ bubble: b, where, how, title: view.host ? `Sign in with ${view.host}` : "Sign in", cancel: () => act("cancel") });
  sheet.dialog.classList.add("sign-in-sheet");
  sheet.send.hidden = true;
  let chosen = state.people[0]?.key;
  let began = false; // it runs, and what is told from now on is of this time
  const pick = (key) => () => {
    chosen = key;
    for (const row of rows) row.setAttribute("aria-checked", String(row.dataset.person === chosen));
  };
  const rows = state.people.map((p) => {
    const row = choice({ testid: "sheet-person", id: p.key, title: p.name, subtitle: p.email, chosen: p.key === chosen, pick: pick(p.key) });
    row.dataset.person = p.key;
    return row;
  });
  const button = (outcome, words, className) => el("button", { type: "button", class: className, testid: "sheet-" + outcome, text: words, on: { click: () => act(outcome) } });
  const deny = button("deny", "Deny", "plain");
  const approve = button("approve", "Approve", "wide");
  sheet.body.append(
    el("p", { class: "sheet-lead", text: `${b.interactive.title}. ${view.old ? "This device fetches the token itself, the old way." : "The page leads back to the business, and from there to Messages."}` }),
    el("section", { class: "group", role: "radiogroup", "aria-label": "Who signs in" }, el("h3", { text: "Who signs in" }), el("div", { class: "rows" }, ...rows)));
  sheet.foot.append(deny, approve);
  sheet.foot.hidden = false;

  const freeze = (frozen) => { for (const node of [deny, approve, sheet.cancel, ...rows]) node.disabled = frozen; };

  async function act(outcome) {
    freeze(true);
    if (outcome !== "cancel") watchIt();
    try {
      await call("/api/phone/sign-in", where({ id: b.id, person: chosen, outcome, ...how.choice(outcome) }));
      if (outcome === "cancel") sheet.dialog.close();
    } catch (failure) {
      freeze(false);
      watch = null;
      sheet.fail(failure.message);
    }
  }

  function watchIt() {
    watch = (bubble) => {
      const now = bubble.id === b.id && bubble.interactive.sign_in;
      if (!now) return;
      if (now.state === "running") running();
      else if (began && now.state === "done") result(now);
    };
  }

  function running() {
    began = true;
    freeze(true);
    sheet.cancel.disabled = false; // it closes the sheet only: the pages are being gone through
    sheet.onCancel(() => sheet.dialog.close());
    sheet.foot.hidden = true;
    how.node.hidden = true;
    sheet.body.replaceChildren(el("div", { class: "sign-in-wait", role: "status", testid: "sheet-running" }, el("div", { class: "dots" }, el("i"), el("i"), el("i")), el("p", { text: "Going through the pages…" })));
  }

  function result(done) {
    watch = null;
    sheet.body.replaceChildren(el("div", { class: "sign-in-result", role: "status", testid: "sheet-result", data: { status: done.status } },
      el("span", { class: "result-sign" }, icon(signs[done.status] || "bang")), el("h3", { text: heads[done.status] || "Not signed in" }), el("p", { text: done.text }),
      done.page && el("blockquote", { testid: "sheet-page", text: done.page })));
    sheet.foot.replaceChildren(el("button", { type: "button", class: "wide", testid: "sheet-done", text: "Done", on: { click: () => sheet.dialog.close() } }));
    sheet.foot.hidden = false;
    sheet.cancel.classList.add("unseen");
    sheet.foot.firstChild.focus();
  }

  sheet.dialog.addEventListener("close", () => { watch = null; });
  if (view.state === "running") {
    watchIt();
    running();
  }
}
