// Several objectives: who is beaten by nobody, and how the front grew.
import { counted, duration, empty, fmt, h, panel } from "./dom.js";
import { dot, legend, Plot, steps } from "./plot.js";
import { colour, extent, timeUnit } from "./scale.js";
import { number, thin } from "./study.js";
import { wide } from "./trial.js";

const MOST = 3000;
const PAIRS = 10;

export class Front {
  constructor(page) {
    this.page = page;
    this.plots = new Map();
    this.note = h("small");
    this.multiples = h("div", { class: "small-multiples" });
    this.history = new Plot({ label: "Hypervolume over time", height: 220 });
    this.foot = h("div");
    const front = wide(panel("Front", null, this.multiples, legend(["dot best", "on the front"], ["dot faint", "completed"], ["ring faint", "breaks a constraint"])));
    front.querySelector("h2").append(this.note);
    this.element = h("div", { class: "views" }, front, wide(panel("Hypervolume", "what the front dominates, over time", this.history.element, this.foot)));
  }

  close() {
    for (const plot of this.plots.values()) plot.close();
    this.history.close();
  }

  async update() {
    this.draw();
    const found = await this.page.document("hypervolume");
    this.foot.replaceChildren();
    if (!found.t.length) {
      this.history.element.hidden = true;
      this.foot.replaceChildren(empty(found.why ?? "No trial has completed yet."));
      return;
    }
    this.history.element.hidden = false;
    const now = Math.max(found.now, 1e-9);
    const unit = timeUnit(now);
    const values = found.value.map(number);
    this.history.show({
      x: { low: 0, high: now * 1.02, unit, label: `running time of the study (${unit.name})` },
      y: { ...extent([0, ...values], "linear"), label: "hypervolume" },
      n: values.length,
      marks: values.map((y, i) => ({ trial: found.trial[i], x: found.t[i], y, text: [`trial ${found.trial[i]}, ${duration(found.t[i])}`, `hypervolume ${fmt(y)}`] })),
      draw: (context, plot) => {
        context.strokeStyle = colour("best");
        context.lineWidth = 2;
        steps(context, values.map((y, i) => [plot.x.place(found.t[i]), plot.y.place(y)]), plot.x.place(now));
      },
    });
    this.foot.replaceChildren(h("p", { class: "remark" }, `Up to ${Object.entries(found.reference).map(([name, value]) => `${name} = ${fmt(number(value))}`).join(", ")}.`));
  }

  draw() {
    const { study, rows } = this.page;
    const { columns } = study;
    const names = study.goals.metrics.map((metric) => metric.name);
    const all = study.searched(rows).filter((row) => columns.status[row] === "completed");
    const onFront = new Set(study.status.front ?? []);
    const front = all.filter((row) => onFront.has(columns.number[row]));
    const drawn = thin(all, MOST, front);
    this.note.textContent = `${front.length.toLocaleString("en")} of ${counted(all.length, "completed trial")}`;
    const pairs = names.flatMap((x, i) => names.slice(i + 1).map((y) => [x, y])).slice(0, PAIRS);
    for (const [x, y] of pairs) {
      const key = JSON.stringify([x, y]);
      const plot = this.plots.get(key) ?? new Plot({ label: `${y} over ${x}`, height: pairs.length === 1 ? 380 : 260, pick: (mark) => this.page.openTrial(mark.trial) });
      this.plots.set(key, plot);
      if (!plot.element.isConnected) this.multiples.append(h("div", { class: pairs.length === 1 ? "multiple single" : "multiple" }, plot.element));
      const [xs, ys] = [columns.metrics[x] ?? [], columns.metrics[y] ?? []];
      const there = drawn.filter((row) => Number.isFinite(xs[row]) && Number.isFinite(ys[row]));
      const better = (name) => (study.objective(name).mode === "max" ? "higher" : "lower");
      plot.show({
        x: { ...extent(there.map((row) => xs[row])), label: `${x} (${better(x)} is better)` },
        y: { ...extent(there.map((row) => ys[row])), label: `${y} (${better(y)} is better)` },
        n: there.length,
        marks: there.map((row) => ({ trial: columns.number[row], x: xs[row], y: ys[row],
          text: [`trial ${columns.number[row]}`, ...names.map((name) => `${name} ${fmt(columns.metrics[name][row])}`)] })),
        draw: (context, at) => {
          context.fillStyle = context.strokeStyle = colour("faint");
          for (const row of there) if (!onFront.has(columns.number[row])) dot(context, at.x.place(xs[row]), at.y.place(ys[row]), columns.feasible[row] ? "dot" : "ring", 2.6);
          context.fillStyle = context.strokeStyle = colour("best");
          const top = there.filter((row) => onFront.has(columns.number[row])).sort((a, b) => xs[a] - xs[b]);
          if (names.length === 2) {
            context.lineWidth = 1.2;
            if (study.objective(x).mode === "max") top.reverse();
            const points = top.map((row) => [at.x.place(xs[row]), at.y.place(ys[row])]);
            steps(context, points, points.length ? points[points.length - 1][0] : 0);
          }
          for (const row of top) dot(context, at.x.place(xs[row]), at.y.place(ys[row]), "dot", 4);
        },
      });
    }
  }
}
