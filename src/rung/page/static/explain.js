// Which searcher and scheduler are at work, and why.
import { h, panel } from "./dom.js";
import { load } from "./source.js";
import { wide } from "./trial.js";

export class Explain {
  constructor(page) {
    this.page = page;
    this.text = h("pre", {}, "Reading …");
    this.element = h("div", { class: "views" }, wide(panel("What is at work", null, this.text)), wide(panel("Trials by what chose them", null, this.origins())));
  }

  close() {}

  async update(points) {
    if (points && Date.now() - this.at < 10000) return; // it computes the model's forecasts again
    this.at = Date.now();
    this.text.textContent = (await load("explain", { study: this.page.name })).text;
  }

  origins() {
    const { study } = this.page;
    const counts = new Map();
    study.columns.origin.forEach((origin, row) => counts.set(origin, [...(counts.get(origin) ?? []), row]));
    const metric = study.goals.metrics[0].name;
    const rows = [...counts].sort((a, b) => b[1].length - a[1].length).map(([origin, trials]) => {
      const best = study.best([...trials], metric, 1)[0];
      return h("tr", {}, h("td", {}, origin), h("td", { class: "right number" }, trials.length.toLocaleString("en")),
        h("td", {}, best === undefined ? "" : `best: trial ${study.columns.number[best]}`));
    });
    return h("table", {}, h("tbody", {}, rows));
  }
}
