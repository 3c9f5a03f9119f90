// Rungs: what each trial was worth where trials are compared, and who went on.
import { counted, empty, fmt, h, panel } from "./dom.js";
import { dot, legend, path, Plot } from "./plot.js";
import { colour, extent } from "./scale.js";
import { number, thin } from "./study.js";
import { wide } from "./trial.js";

const MOST = 600;

export class Rungs {
  constructor(page) {
    this.page = page;
    this.plot = new Plot({ label: "Rungs", height: 380, pick: (mark) => page.openTrial(mark.trial) });
    this.note = h("small");
    this.foot = h("div");
    this.element = h("div", { class: "views" }, wide(panel("Rungs", null, this.plot.element, this.foot)));
    this.element.querySelector("h2").append(this.note);
  }

  close() {
    this.plot.close();
  }

  async update() {
    this.draw(await this.page.document("rungs"));
  }

  draw(found) {
    const { study, rows } = this.page;
    const { columns } = study;
    const climbs = new Map();
    found.trial.forEach((trial, i) => {
      if (!climbs.has(trial)) climbs.set(trial, []);
      const y = number(found.value[i]);
      if (Number.isFinite(y)) climbs.get(trial).push([found.level[i], y]);
    });
    const there = rows.filter((row) => climbs.get(columns.number[row])?.length);
    const drawn = thin(there, MOST, study.best([...there], this.page.metric));
    this.note.textContent = drawn.length < there.length ? `${counted(drawn.length, "trial")} of ${there.length.toLocaleString("en")}` : counted(drawn.length, "trial");
    if (!drawn.length) {
      this.plot.element.hidden = true;
      this.foot.replaceChildren(empty("No trial has reached a rung."));
      return;
    }
    this.plot.element.hidden = false;
    const lines = drawn.map((row) => ({ row, trial: columns.number[row], points: climbs.get(columns.number[row]) }));
    const y = extent(lines.flatMap(({ points }) => points.map(([, value]) => value)));
    const best = study.status.best?.trial;
    const at = new Map(found.levels.map((level, i) => [level, i]));
    const counts = found.levels.map((level) => there.filter((row) => climbs.get(columns.number[row]).some(([reached]) => reached === level)).length);
    const name = study.goals.metrics[0].name;
    this.plot.show({
      x: { kind: "category", labels: found.levels.map((level, i) => `${level}  (${counts[i]})`), label: `${study.resource}  (trials that got there)` },
      y: { ...y, label: y.kind === "log" ? `${name} (log)` : name },
      n: lines.reduce((sum, { points }) => sum + points.length, 0),
      marks: lines.flatMap(({ trial, row, points }) => points.map(([level, value]) => ({ trial, x: at.get(level), y: value,
        text: [`trial ${trial}, ${columns.status[row]}`, `${name} ${fmt(value)} at ${study.resource} ${level}`] }))),
      draw: (context, plot) => {
        const place = ([level, value]) => [plot.x.place(at.get(level)), plot.y.place(value)];
        context.strokeStyle = colour("completed");
        context.lineWidth = 0.9;
        context.globalAlpha = lines.length > 100 ? 0.35 : 0.6;
        for (const { trial, points } of lines) if (trial !== best) path(context, points.map(place));
        context.globalAlpha = 1;
        for (const { trial, row, points } of lines) {
          if (trial === best) continue;
          points.map(place).forEach(([px, py], i) => {
            const last = i === points.length - 1;
            const status = columns.status[row];
            context.lineWidth = 1.2;
            context.fillStyle = context.strokeStyle = colour(last && status !== "completed" ? status : "completed");
            dot(context, px, py, last && status === "stopped" ? "cross" : last && status === "paused" ? "ring" : "dot", 2.8);
          });
        }
        const top = lines.find(({ trial }) => trial === best);
        if (!top) return;
        context.strokeStyle = context.fillStyle = colour("best");
        context.lineWidth = 2.4;
        path(context, top.points.map(place));
        for (const [px, py] of top.points.map(place)) dot(context, px, py, "dot", 4);
      },
      trace: (context, plot, trial) => {
        const one = lines.find((line) => line.trial === trial);
        context.lineWidth = 3;
        if (one) path(context, one.points.map(([level, value]) => [plot.x.place(at.get(level)), plot.y.place(value)]));
      },
    });
    this.foot.replaceChildren(legend(["line best", `best: trial ${best ?? "–"}`], ["dot completed", "went on or completed"], ["cross stopped", "stopped"], ["ring paused", "paused"]), this.brackets(found));
  }

  brackets({ brackets }) {
    if (!brackets?.length) return "";
    return h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, ["bracket", "rungs", "trials at its start"].map((title) => h("th", { scope: "col" }, title)))),
      h("tbody", {}, brackets.map((bracket, i) => h("tr", {}, h("td", {}, i), h("td", {}, bracket.levels.join(", ")), h("td", { class: "number" }, bracket.size))))));
  }
}
