// One trial: what was tried, what came of it, and what it left behind.
import { duration, empty, fmt, h, numeric, pairs, panel, shownValue, statusMark } from "./dom.js";
import { address } from "./place.js";
import { dot, path, Plot } from "./plot.js";
import { colour, extent } from "./scale.js";
import { load, mayStop, pictureAddress, stop } from "./source.js";
import { number } from "./study.js";

const MOST_NOTES = 50;

export class TrialPage {
  constructor(page, item) {
    this.page = page;
    this.number = Number(item);
    this.plots = [];
    this.element = h("div", { class: "views" });
  }

  close() {
    for (const plot of this.plots) plot.close();
  }

  async update(points, changed) {
    if (changed && !changed.has(this.number) && this.loaded) return;
    if (!this.page.study.rows.has(this.number)) {
      this.element.replaceChildren(panel(`Trial ${this.number}`, null, empty("There is no such trial here.")));
      return;
    }
    this.loaded = true;
    try {
      this.draw(await load("trial", { study: this.page.name, trial: this.number }));
    } catch (error) {
      this.element.replaceChildren(panel(`Trial ${this.number}`, null, empty(error.message)));
    }
  }

  draw(trial) {
    this.close();
    this.plots = [];
    const { study } = this.page;
    const link = (n) => h("a", { href: address(this.page.name, "trial", n) }, `trial ${n}`);
    const facts = [["status", statusMark(trial.status)], [study.goals.metrics[0].name, trial.value === null ? "–" : numeric(number(trial.value))],
      ["chosen by", trial.origin]];
    if (!trial.feasible) facts.push(["constraints", "broken"]);
    if (trial.remark) facts.push(["remark", trial.remark]);
    if (trial.parent !== null) facts.push(["continues", link(trial.parent)]);
    if (trial.repeats !== null) facts.push(["repeats", h("span", {}, link(trial.repeats), ` on fresh seed ${trial.repeat}`)]);
    if (trial.children.length) facts.push(["runs again in", h("span", {}, trial.children.slice(0, 20).flatMap((n) => [link(n), " "]))]);
    const near = [this.number - 1, this.number + 1].filter((n) => study.rows.has(n)).map((n) => h("a", { class: "button", href: address(this.page.name, "trial", n) }, n < this.number ? "← previous" : "next →"));
    const running = trial.status === "running" && mayStop();
    const metrics = trial.metrics.map(([name, value]) => [name, number(value)]);
    this.element.replaceChildren(
      panel(`Trial ${trial.number}`, null, h("div", { class: "controls" }, near, running ? this.stopButton() : null),
        pairs(facts, (value) => (value instanceof Node ? value : shownValue(value)))),
      panel("Configuration", null, pairs(trial.config)),
      metrics.length ? panel("Metrics", "of the result; times and memory over all runs", pairs(metrics)) : "",
      ...this.curves(trial.curves),
      this.attempts(trial),
      ...this.notes(trial),
      ...trial.attempts.filter((attempt) => attempt.traceback).map((attempt) =>
        wide(panel(trial.attempts.length > 1 ? `Traceback of run ${attempt.number}` : "Traceback", null, h("pre", {}, attempt.traceback.trimEnd())))),
      this.log(trial),
    );
    for (const plot of this.plots) plot.redraw();
  }

  curves(curves) {
    return Object.entries(curves).slice(0, 12).map(([name, curve]) => {
      const y = curve.y.map(number);
      const plot = new Plot({ label: name, height: 180 });
      this.plots.push(plot);
      plot.show({
        x: { low: Math.min(1, curve.x[0]), high: Math.max(2, curve.x[curve.x.length - 1]), unit: { size: 1, whole: true }, label: this.page.study.resource },
        y: extent(y),
        marks: curve.x.map((x, i) => ({ trial: null, x, y: y[i], text: `${fmt(y[i])} at ${x}` })).filter((mark) => Number.isFinite(mark.y)),
        draw: (context, at) => {
          context.strokeStyle = context.fillStyle = colour("accent");
          context.lineWidth = 1.6;
          const points = curve.x.map((x, i) => [at.x.place(x), at.y.place(y[i])]);
          path(context, points);
          if (points.length < 40) for (const [px, py] of points) if (Number.isFinite(py)) dot(context, px, py, "dot", 2);
        },
      });
      return panel(name, null, plot.element);
    });
  }

  attempts({ attempts }) {
    if (!attempts.length) return "";
    return panel("Runs", null, h("div", { class: "scroll" }, h("table", {},
      h("thead", {}, h("tr", {}, ["run", "began", "took", "ended", "why"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, attempts.map((a) => h("tr", {}, h("td", {}, a.number), h("td", {}, duration(a.started)),
        h("td", {}, a.ended === null ? "–" : duration(a.ended - a.started)), h("td", {}, statusMark(a.outcome ?? "running")), h("td", { class: "wrap" }, ["pause", "stop"].includes(a.reason) ? "" : a.reason)))))));
  }

  notes(trial) {
    if (!trial.notes.length) return [];
    return [wide(panel("Notes", "what trial.log kept", ...trial.notes.slice(-MOST_NOTES).map((note, i) => h("div", { class: "note" },
      h("small", {}, `run ${note.attempt}, ${duration(note.t)}`), note.values.length ? pairs(note.values, (value) => (typeof value === "string" && value.includes("\n") ? h("pre", {}, value) : shownValue(value))) : null,
      note.files.map((name, file) => {
        const source = pictureAddress(this.page.name, trial.number, Math.max(0, trial.notes.length - MOST_NOTES) + i, file);
        if (!source) return h("p", { class: "remark" }, `${name}: not in this file`);
        const picture = h("img", { src: source, alt: name, loading: "lazy" });
        picture.addEventListener("error", () => picture.replaceWith(h("a", { href: source, download: name }, `Save ${name}`)));
        return h("figure", {}, picture, h("figcaption", {}, name));
      })))))];
  }

  log(trial) {
    const holder = wide(panel("Output", "what the last run printed"));
    const attempt = trial.attempts.length;
    if (!attempt) return "";
    load("log", { study: this.page.name, trial: trial.number, attempt }).then(
      ({ text }) => (text.trim() ? holder.append(h("pre", { class: "log" }, text.trimEnd())) : holder.remove()), () => holder.remove());
    return holder;
  }

  stopButton() {
    return h("button", { class: "danger", onclick: async (event) => {
      if (!confirm(`Stop trial ${this.number} for good?`)) return;
      event.target.disabled = true;
      try {
        await stop(this.page.name, this.number);
        event.target.textContent = "Will stop";
      } catch (error) {
        alert(error.message);
      }
    } }, "Stop this trial");
  }
}

export function wide(element) {
  element.classList.add("wide");
  return element;
}
