// Hyperparameters: which matter, what each is worth, and how they go together.
import { counted, empty, fmt, h, panel } from "./dom.js";
import { Parallel } from "./parallel.js";
import { change } from "./place.js";
import { legend, Plot, statusDot } from "./plot.js";
import { colour, extent, ranked } from "./scale.js";
import { Surface } from "./surface.js";
import { axis, shown, thin } from "./study.js";
import { wide } from "./trial.js";

const MOST = 3000; // dots in a slice
const AT_FIRST = 12; // slices

export class Parameters {
  constructor(page) {
    this.page = page;
    this.importance = h("div", { class: "slot wide" });
    this.slices = h("div", { class: "small-multiples" });
    this.note = h("small");
    this.plots = new Map();
    this.parallel = new Parallel(page);
    this.surface = new Surface(page);
    const slices = wide(panel("Slices", null, this.slices));
    slices.querySelector("h2").append(this.note);
    this.element = h("div", { class: "views" }, this.importance, wide(this.parallel.element), slices, wide(this.surface.element));
  }

  close() {
    for (const plot of this.plots.values()) plot.close();
    this.parallel.close();
    this.surface.close();
  }

  async update() {
    const { study, rows, metric } = this.page;
    const values = study.values(metric);
    const usable = study.searched(rows).filter((row) => Number.isFinite(values[row]));
    const order = study.best([...usable], metric);
    this.drawSlices(usable, values, order);
    this.parallel.draw(usable, order);
    await Promise.all([this.surface.update(usable, order), this.drawImportance()]);
  }

  drawSlices(usable, values, order) {
    const { study, metric, query } = this.page;
    const domains = study.varying.slice(0, query.get("all") ? undefined : AT_FIRST);
    const drawn = thin(usable, MOST, order);
    this.note.textContent = drawn.length < usable.length ? `${counted(drawn.length, "trial")} of ${usable.length.toLocaleString("en")}: the best, the rest evenly` : counted(drawn.length, "trial");
    if (!usable.length) {
      this.slices.replaceChildren(empty("No trial has a value yet."));
      return;
    }
    const y = extent(drawn.map((row) => values[row]));
    const best = study.status.best?.trial;
    const late = [drawn[0], drawn[drawn.length - 1]];
    for (const domain of domains) {
      const column = study.columns.config[domain.place];
      const active = drawn.filter((row) => column[row] !== null);
      const plot = this.plots.get(domain.place) ?? new Plot({ label: `Slice of ${domain.name}`, height: 210, pick: (mark) => this.page.openTrial(mark.trial) });
      this.plots.set(domain.place, plot);
      const jitter = domain.kind === "choice" ? (row) => (((row * 0.618) % 1) - 0.5) * 0.5 : () => 0;
      if (!plot.element.isConnected) this.slices.append(h("div", { class: "multiple" }, plot.element));
      plot.show({
        x: { ...axis(domain), label: domain.when ? `${domain.name}  (${active.length} active)` : domain.name },
        y: { ...y, label: metric },
        n: active.length,
        marks: active.map((row) => ({ trial: study.columns.number[row], x: column[row] + jitter(row), y: values[row],
          text: [`trial ${study.columns.number[row]}`, `${domain.name} = ${shown(study, domain, column[row])}`, `${metric} ${fmt(values[row])}`] })),
        draw: (context, at) => {
          const ordered = order.length ? active : active;
          for (const row of ordered) {
            const [px, py] = [at.x.place(column[row] + jitter(row)), at.y.place(values[row])];
            if (study.columns.number[row] === best) continue;
            if (study.columns.status[row] === "completed") {
              context.fillStyle = ranked(1 - (row - late[0]) / (late[1] - late[0] || 1));
              context.globalAlpha = active.length > 400 ? 0.5 : 0.8;
              context.beginPath();
              context.arc(px, py, active.length > 400 ? 2 : 2.8, 0, 2 * Math.PI);
              context.fill();
            } else {
              context.globalAlpha = 0.6;
              statusDot(context, px, py, study.columns.status[row], 2.2);
            }
            context.globalAlpha = 1;
          }
          const row = study.rows.get(best);
          if (row !== undefined && active.includes(row)) {
            context.fillStyle = colour("best");
            context.strokeStyle = colour("surface");
            context.lineWidth = 1.5;
            context.beginPath();
            context.arc(at.x.place(column[row] + jitter(row)), at.y.place(values[row]), 5, 0, 2 * Math.PI);
            context.fill();
            context.stroke();
          }
        },
      });
    }
    this.foot ??= this.slices.parentElement.appendChild(h("div"));
    const more = study.varying.length - domains.length;
    this.foot.replaceChildren(legend(["dot best", "best"], ["ranked late", "from the latest to the earliest completed trial"], ["cross stopped", "stopped"]),
      more ? h("button", { onclick: () => change({ all: "yes" }) }, `Show ${more} more`) : "");
  }

  async drawImportance() {
    const { study, metric } = this.page;
    if (!study.varying.length) return;
    const found = await this.page.document("importance", { metric });
    if (!found.each.length) {
      this.importance.replaceChildren(panel("Importance", null, empty(found.why)));
      return;
    }
    const percent = (value) => `${Math.round(100 * value)} %`;
    const bar = (share, kind) => h("td", { class: "bar" }, share === null ? h("small", {}, "too little is known") : [
      svgBar(share, kind), h("span", { class: "number", title: `${Math.round(100 * found.level)} % interval` }, percent(share[0]), h("small", {}, ` ${percent(share[1])} to ${percent(share[2])}`))]);
    const note = `of the variance of ${metric}, with interactions; a model of ${counted(found.trials, "trial")} that predicts ${percent(Math.max(0, Number(found.explained)))} of it`;
    this.importance.replaceChildren(wide(panel("Importance", note, h("div", { class: "scroll" }, h("table", { class: "importance" },
      h("thead", {}, h("tr", {}, ["hyperparameter", "over the whole space", `among the best ${percent(found.best)}`].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, found.each.slice(0, 30).map((one) => h("tr", {}, h("td", {}, one.name), bar(one.overall, "overall"), bar(one.good, "good")))))))));
  }
}

const SVG = "http://www.w3.org/2000/svg";

// A bar up to the estimate, and a line for the interval.
function svgBar([value, low, high], kind) {
  const element = (name, attributes) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, given] of Object.entries(attributes)) made.setAttribute(key, given);
    return made;
  };
  const at = (part) => 1 + 138 * Math.min(Math.max(part, 0), 1);
  const svg = element("svg", { width: 140, height: 14, class: kind, "aria-hidden": "true" });
  svg.append(element("rect", { x: 1, y: 3, width: Math.max(0.5, at(value) - 1), height: 8, rx: 1.5 }),
    element("line", { x1: at(low), x2: at(high), y1: 7, y2: 7 }));
  return svg;
}
