// All studies of the storage, the one changed last first.
import { ago, counted, duration, empty, fmt, h, panel } from "./dom.js";
import { address } from "./place.js";
import { listen, load } from "./source.js";
import { number } from "./study.js";

export class Home {
  constructor(app) {
    this.app = app;
    this.cards = new Map();
    this.wanted = [];
    this.element = h("main", { class: "home" });
    this.end = listen(null, (listed) => (listed.reload ? this.start() : this.list(listed)), (lost) => app.lost(lost));
    this.start();
  }

  close() {
    this.end();
  }

  async start() {
    try {
      this.list(await load("studies"));
    } catch (error) {
      this.element.replaceChildren(empty(error.message));
    }
  }

  list(listed) {
    this.listed = listed;
    document.title = "rung";
    this.app.head(h("span", { class: "where" }, listed.storage));
    for (const info of listed.studies) {
      const card = this.cards.get(info.name);
      if (!card || card.changed !== info.changed || card.owner !== info.owner) this.wanted.push(info.name);
    }
    this.draw();
    this.fetch();
  }

  async fetch() {
    if (this.fetching) return;
    this.fetching = true;
    while (this.wanted.length) {
      const name = this.wanted.shift();
      const info = this.listed.studies.find((study) => study.name === name);
      if (!info) continue;
      let card;
      try {
        card = await load("card", { study: name });
      } catch (error) {
        card = { error: error.message };
      }
      this.cards.set(name, { ...card, changed: info.changed, owner: info.owner });
      this.draw();
    }
    this.fetching = false;
  }

  draw() {
    const { studies, storage } = this.listed;
    if (!studies.length) {
      this.element.replaceChildren(panel("No study yet", null, empty(`There is none in ${storage}. This page shows the first one as soon as it runs.`)));
      return;
    }
    const rows = studies.map((info) => this.row(info, this.cards.get(info.name)));
    const titles = ["study", "state", "trials", "best", "time", "changed", "run by"];
    this.element.replaceChildren(h("section", { class: "panel wide" }, h("h1", {}, "Studies", h("small", {}, counted(studies.length, "study").replace("studys", "studies"))),
      h("div", { class: "scroll" }, h("table", { class: "studies" },
        h("thead", {}, h("tr", {}, titles.map((title) => h("th", { scope: "col", class: ["trials", "time"].includes(title) ? "right" : null }, title)))),
        h("tbody", {}, rows)))));
  }

  row(info, card) {
    const to = address(info.name, "overview", null, new URLSearchParams());
    const cells = card === undefined ? [h("td", { class: "faint" }, "reading …"), h("td"), h("td"), h("td")]
      : card.error ? [h("td", { class: "failed wrap", title: card.error }, "can't be read"), h("td"), h("td"), h("td")]
        : [h("td", {}, state(card)), h("td", { class: "right number" }, card.n_trials ? `${card.finished} of ${card.n_trials}` : card.finished),
          h("td", {}, best(card)), h("td", { class: "right number" }, duration(card.elapsed))];
    return h("tr", { onclick: () => { location.hash = to; } }, h("td", {}, h("a", { href: to, class: "name" }, info.name)), cells,
      h("td", { class: "number" }, ago(info.changed)), h("td", { class: "faint" }, info.owner ?? ""));
  }
}

export function state(card) {
  return h("span", { class: `state ${card.state === "running" ? "is-running" : ""}` }, h("i", { "aria-hidden": "true" }), card.ending);
}

function best(card) {
  if (card.winner) return h("span", {}, `${card.metric} `, h("b", { class: "number" }, fmt(number(card.winner.value))), h("small", {}, " confirmed"));
  if (card.front !== null) return `front of ${counted(card.front, "trial")}`;
  if (!card.best) return "";
  return h("span", {}, `${card.metric} `, h("b", { class: "number" }, fmt(number(card.best.value))), card.best.at ? h("small", {}, ` at ${card.best.at}`) : null);
}
