// The sheet of a form: a splash, pages one by one, which may branch, a summary, and what is sent of it.

import { el, icon, picture } from "./dom.js";
import { openSheet } from "./sheets.js";
import { pageControls, shownValue } from "./formpages.js";

// walker follows a form's pages as they were answered.
function walker(form) {
  const pages = form.pages || [];
  const byId = (id) => pages.find((page) => page.pageIdentifier === id);
  const first = byId(form.startPageIdentifier) || pages[0];
  const answers = new Map(); // by page: {items} or {value}, complete ones only

  // next is the page after one, by its answer. Nothing means the end.
  const next = (page) => {
    const answer = answers.get(page.pageIdentifier);
    if (page.type === "select" && !page.multipleSelection) {
      const item = page.items.find((x) => answer?.items?.includes(x.identifier));
      if (item?.nextPageIdentifier) return byId(item.nextPageIdentifier);
    }
    return page.submitForm ? undefined : byId(page.nextPageIdentifier);
  };
  // path is the way from the first page, as far as it is answered. open is the page where it stops, or nothing at the end.
  const path = () => {
    const way = [];
    let page = first;
    while (page && answers.has(page.pageIdentifier) && !way.includes(page)) {
      way.push(page);
      page = next(page);
    }
    return { way, open: page && !way.includes(page) ? page : undefined };
  };
  return { first, answers, next, path, pages };
}

export function openForm(b, where) {
  const i = b.interactive;
  const form = i.content.data.dynamic?.data || {};
  const walk = walker(form);
  const sheet = openSheet({ bubble: b, where, title: i.content.receivedMessage?.title || i.title });
  sheet.dialog.classList.add("form-sheet");
  sheet.send.hidden = true;
  sheet.foot.hidden = false;
  const state = { history: [], editing: false };

  const button = (testid, text, className, click) => el("button", { type: "button", class: className, testid, text, on: { click } });
  const show = (step, content, ...buttons) => {
    sheet.body.replaceChildren(...content.filter(Boolean));
    sheet.foot.replaceChildren(...buttons.filter(Boolean));
    sheet.dialog.dataset.step = step;
    sheet.dialog.querySelector(".sheet-scroll").scrollTop = 0;
    // The first thing to do gets the focus; with a touch screen that would bring the keyboard up at once.
    const target = matchMedia("(pointer: fine)").matches && sheet.body.querySelector("input, textarea, select, .choice");
    (target || sheet.foot.lastElementChild).focus({ preventScroll: true });
  };

  const splash = () => {
    const s = form.splash;
    const image = picture(i, s.imageIdentifier, "splash-image");
    show("splash", [el("div", { class: "splash", testid: "form-splash" }, image || el("span", { class: "splash-sign" }, icon("form")),
      el("h3", { text: s.header || i.title }), s.splashtext && el("p", { text: s.splashtext }), privacy())],
    button("form-start", s.buttonTitle || "Start", "wide", () => open(walk.first)));
  };
  const privacy = () => form.private && el("p", { class: "private", testid: "form-private" }, icon("lock"), el("span", { text: "Private: your answers are not shown in the conversation." }));

  const open = (page) => {
    const controls = pageControls(page, i, walk.answers.get(page.pageIdentifier));
    const forward = button("form-next", "Next", "wide", () => advance(page, controls));
    const refresh = () => {
      const answer = controls.answer();
      forward.disabled = !answer;
      if (answer) walk.answers.set(page.pageIdentifier, answer); // what comes next depends on it
      else walk.answers.delete(page.pageIdentifier);
      const ends = answer ? !walk.next(page) : page.submitForm;
      const submits = ends && !state.editing && !form.showSummary;
      forward.textContent = state.editing ? "Done" : submits ? "Submit" : "Next";
      forward.dataset.testid = submits ? "form-submit" : "form-next";
    };
    controls.changed = refresh;
    controls.enter = () => { if (!forward.disabled) forward.click(); };
    const canGoBack = state.history.length > 0 || form.splash;
    show("page", [el("div", { class: "form-page", testid: "form-page", data: { page: page.pageIdentifier, type: page.type } },
      el("div", { class: "form-head" }, el("h3", { testid: "form-title", text: page.title || "" }), page.subtitle && el("p", { text: page.subtitle })),
      controls.node), !form.splash && state.history.length === 0 && privacy()],
    canGoBack && !state.editing && button("form-back", "Back", "plain", () => back()), forward);
    refresh();
  };

  const back = () => {
    const page = state.history.pop();
    if (page) open(page);
    else if (form.splash) splash();
  };

  const advance = (page, controls) => {
    if (!controls.answer()) return;
    if (state.editing) {
      state.editing = false;
      const { way, open: missing } = walk.path();
      state.history = way;
      if (missing) open(missing); // the change led elsewhere
      else summary();
      return;
    }
    state.history.push(page);
    const next = walk.next(page);
    if (next) open(next);
    else if (form.showSummary) summary();
    else submit();
  };

  const summary = () => {
    const rows = walk.path().way.map((page) => el("div", { class: "summary-row", testid: "form-summary-row", data: { page: page.pageIdentifier } },
      el("span", { class: "summary-words" }, el("small", { text: page.title || page.pageIdentifier }), el("b", { text: shownValue(page, walk.answers.get(page.pageIdentifier)) })),
      button("form-edit", "Edit", "edit", () => { state.editing = true; open(page); })));
    for (const row of rows) row.lastChild.setAttribute("aria-label", "Edit " + row.querySelector("small").textContent);
    show("summary", [el("div", { class: "form-page", testid: "form-summary" },
      el("div", { class: "form-head" }, el("h3", { text: "Summary" }), el("p", { text: "Is everything right?" })),
      el("div", { class: "rows" }, ...rows), privacy())],
    button("form-back", "Back", "plain", () => back()), button("form-submit", "Submit", "wide", submit));
  };

  const submit = () => {
    const answer = { pages: walk.path().way.map((page) => ({ page: page.pageIdentifier, ...walk.answers.get(page.pageIdentifier) })) };
    sheet.answer = () => answer;
    sheet.submit();
  };

  if (form.splash) splash();
  else if (walk.first) open(walk.first);
  else show("empty", [el("p", { class: "sheet-none", text: "This form has no pages." })], button("form-close", "Close", "wide", () => sheet.dialog.close()));
}
