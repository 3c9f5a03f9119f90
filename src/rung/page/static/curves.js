// Learning curves, and the best so far over time.
import { counted, empty, fmt, h, panel, select } from "./dom.js";
import { change } from "./place.js";
import { dot, legend, path, Plot, statusDot, steps } from "./plot.js";
import { colour, extent, ranked, timeUnit } from "./scale.js";
import { load } from "./source.js";
import { number, thin } from "./study.js";

const MOST = 200;
const ENDS = new Set(["failed", "lost", "interrupted"]);

export class Curves {
  constructor(page, height = 320) {
    this.page = page;
    this.plot = new Plot({ label: "Learning curves", height, pick: (mark) => page.openTrial(mark.trial) });
    this.note = h("small");
    this.controls = h("div", { class: "controls" });
    this.foot = h("div");
    this.element = h("section", { class: "panel wide" }, h("h2", {}, "Learning curves", this.note), this.controls,
      this.plot.element, this.foot);
    this.curves = new Map();
    this.wanted = "";
  }

  close() {
    this.plot.close();
  }

  get metric() {
    const { metric } = this.page;
    return this.page.query.get("curve") || metric;
  }

  async update(points) {
    const { study, rows, query } = this.page;
    this.controls.replaceChildren(
      study.metrics.length > 1 ? select("metric", study.metrics.map((name) => [name, name]), this.metric, (name) => change({ curve: name })) : "",
      select("over", [["", study.resource], ["time", "running time"]], query.get("over") ?? "", (over) => change({ over })),
    );
    const { resource, number: numbers } = study.columns;
    const reported = study.searched(rows).filter((row) => resource[row] > 0);
    const running = reported.filter((row) => study.columns.status[row] === "running");
    const drawn = thin(reported, MOST, [...running, ...study.best(reported, this.page.metric, 60)]).map((row) => numbers[row]);
    this.of = reported.length;
    const wanted = `${this.metric} ${drawn.join(",")}`;
    if (wanted === this.wanted) {
      if (points) this.append(points);
    } else if (points && wanted.startsWith(this.wanted) && this.loaded) {
      for (const trial of drawn) if (!this.curves.has(trial)) this.curves.set(trial, { trial, x: [], y: [], t: [] });
      this.wanted = wanted;
      this.append(points);
    } else {
      this.wanted = wanted;
      await this.fetch(drawn);
      if (this.wanted !== wanted) return;
    }
    this.draw();
  }

  async fetch(trials) {
    const asked = this.wanted;
    this.loaded = false;
    const found = trials.length ? await load("curves", { study: this.page.name, metric: this.metric, trials: trials.join(",") }) : { curves: [] };
    if (asked !== this.wanted) return;
    this.curves = new Map(found.curves.map((curve) => [curve.trial, { ...curve, y: curve.y.map(number) }]));
    this.loaded = true;
    this.most = found.most;
  }

  append(points) {
    const values = points.metrics[this.metric] ?? [];
    points.trial.forEach((trial, i) => {
      const curve = this.curves.get(trial);
      if (!curve || values[i] === undefined) return;
      while (curve.x.length && curve.x[curve.x.length - 1] >= points.x[i]) for (const part of [curve.x, curve.y, curve.t]) part.pop();
      curve.x.push(points.x[i]);
      curve.y.push(number(values[i]));
      curve.t.push(points.t[i]);
    });
  }

  draw() {
    const { study } = this.page;
    const over = this.page.query.get("over") === "time" ? "t" : "x";
    const curves = [...this.curves.values()].filter((curve) => curve.x.length);
    this.note.textContent = this.of > curves.length
      ? `${counted(curves.length, "trial")} of ${this.of.toLocaleString("en")}: those that run, the best, the rest evenly`
      : counted(curves.length, "trial");
    if (!curves.length) {
      this.foot.replaceChildren(empty("No trial has reported this metric: use trial.report(epoch=...)."));
      this.plot.element.hidden = true;
      return;
    }
    this.plot.element.hidden = false;
    const sign = study.goals.metrics.find((metric) => metric.name === this.metric)?.mode === "max" ? -1 : 1;
    const last = (curve) => sign * (curve.y.findLast(Number.isFinite) ?? Infinity);
    curves.sort((a, b) => last(b) - last(a));
    const y = extent(curves.flatMap((curve) => curve.y));
    const ends = curves.map((curve) => curve[over][curve[over].length - 1]);
    const unit = over === "t" ? timeUnit(Math.max(...ends)) : { name: study.resource, size: 1, whole: true };
    const statusOf = (trial) => study.columns.status[study.rows.get(trial)];
    const best = study.status.best?.trial;
    const line = (context, plot, curve) => path(context, curve[over].map((at, i) => [plot.x.place(at), plot.y.place(curve.y[i])]));
    this.plot.show({
      x: { low: over === "t" ? 0 : Math.min(1, ...curves.map((c) => c.x[0])), high: Math.max(...ends, over === "t" ? 0 : 2), unit,
        label: over === "t" ? `running time of the study (${unit.name})` : study.resource },
      y: { ...y, label: y.kind === "log" ? `${this.metric} (log)` : this.metric },
      n: curves.length,
      marks: curves.flatMap((curve) => {
        const i = curve.x.length - 1;
        const at = Number.isFinite(curve.y[i]) ? i : curve.y.findLastIndex(Number.isFinite);
        return at < 0 ? [] : curve[over].map((value, k) => ({ trial: curve.trial, x: value, y: curve.y[k],
          text: [`trial ${curve.trial}, ${statusOf(curve.trial)}`, `${this.metric} ${fmt(curve.y[k])} at ${study.resource} ${curve.x[k]}`] }))
          .filter((mark) => Number.isFinite(mark.y));
      }),
      draw: (context, plot) => {
        curves.forEach((curve, i) => {
          const running = statusOf(curve.trial) === "running";
          context.globalAlpha = running ? 1 : 0.75;
          context.lineWidth = running ? 1.8 : curves.length > 40 ? 0.9 : 1.3;
          context.strokeStyle = context.fillStyle = running ? colour("running") : ranked(1 - (i + 1) / curves.length);
          if (curve.trial === best) { context.strokeStyle = context.fillStyle = colour("best"); context.lineWidth = 2.4; context.globalAlpha = 1; }
          line(context, plot, curve);
          const at = curve.y.findLastIndex(Number.isFinite);
          if (at < 0) return;
          const [px, py] = [plot.x.place(curve[over][at]), plot.y.place(curve.y[at])];
          if (running) dot(context, px, py, "dot", 3.5);
          else if (ENDS.has(statusOf(curve.trial))) statusDot(context, px, py, statusOf(curve.trial), 3);
          else if (curve.x.length === 1) dot(context, px, py, "dot", 2.5);
        });
        context.globalAlpha = 1;
      },
      trace: (context, plot, trial) => {
        const curve = this.curves.get(trial);
        context.lineWidth = 3;
        if (curve) line(context, plot, curve);
      },
    });
    this.foot.replaceChildren(
      legend(["line best", `best: trial ${best ?? "–"}`], curves.some((curve) => statusOf(curve.trial) === "running") ? ["line running", "running"] : null, ["ranked", "from the best to the worst last value"], curves.some((curve) => ENDS.has(statusOf(curve.trial))) ? ["cross failed", "failed or cut off"] : null),
      y.beyond ? h("p", { class: "remark" }, `${counted(y.beyond, "report")} beyond the axis`) : "",
      curves.some((curve) => curve.thinned) ? h("p", { class: "remark" }, `Long curves are thinned to ${this.most} points that keep the extremes.`) : "",
    );
  }
}

export class Anytime {
  constructor(page) {
    this.page = page;
    this.plot = new Plot({ label: "Best so far over time", height: 240, pick: (mark) => page.openTrial(mark.trial) });
    this.note = h("small");
    this.foot = h("div");
    this.element = panel("Best so far", null, this.plot.element, this.foot);
    this.element.querySelector("h2").append(this.note);
  }

  close() {
    this.plot.close();
  }

  async update() {
    const found = await this.page.document("anytime");
    if (found) this.draw(found);
  }

  draw(reports) {
    const { study, rows, metric } = this.page;
    const { columns } = study;
    const values = study.values(metric);
    const sign = study.objective(metric).mode === "max" ? -1 : 1;
    const shown = study.searched(rows).filter((row) => Number.isFinite(values[row]) && columns.ended[row] !== null && columns.status[row] === "completed")
      .sort((a, b) => columns.ended[a] - columns.ended[b]);
    const best = [];
    for (const row of shown) {
      if (columns.feasible[row] && (!best.length || sign * (values[row] - best[best.length - 1].y) < 0)) {
        best.push({ trial: columns.number[row], x: columns.ended[row], y: values[row] });
      }
    }
    const first = metric === study.goals.metrics[0].name && !this.page.isFiltered;
    const reported = first ? reports.t.map((t, i) => [t, number(reports.value[i])]) : [];
    const now = Math.max(reports.now, ...shown.map((row) => columns.ended[row]), 1e-9);
    const unit = timeUnit(now);
    this.note.textContent = `of ${counted(shown.length, "completed trial")}`;
    if (!shown.length && !reported.length) {
      this.plot.element.hidden = true;
      this.foot.replaceChildren(empty("No trial has completed or reported yet."));
      return;
    }
    this.plot.element.hidden = false;
    const y = extent([...shown.map((row) => values[row]), ...reported.map(([, value]) => value)]);
    const failed = rows.filter((row) => columns.status[row] === "failed" && columns.ended[row] !== null);
    this.plot.show({
      x: { low: 0, high: now * 1.02, unit, label: `running time of the study (${unit.name})` },
      y: { ...y, label: y.kind === "log" ? `${metric} (log)` : metric },
      n: shown.length,
      marks: shown.map((row) => ({ trial: columns.number[row], x: columns.ended[row], y: values[row],
        text: [`trial ${columns.number[row]}`, `${metric} ${fmt(values[row])}`] })),
      draw: (context, plot) => {
        context.fillStyle = context.strokeStyle = colour("faint");
        context.lineWidth = 1;
        for (const row of shown) dot(context, plot.x.place(columns.ended[row]), plot.y.place(values[row]), columns.feasible[row] ? "dot" : "ring", 2.2);
        context.strokeStyle = colour("failed");
        for (const row of failed) dot(context, plot.x.place(columns.ended[row]), plot.box.bottom - 3, "tick", 2.5);
        context.strokeStyle = colour("muted");
        context.setLineDash([4, 3]);
        steps(context, reported.map(([t, value]) => [plot.x.place(t), plot.y.place(value)]), plot.x.place(now));
        context.setLineDash([]);
        context.strokeStyle = colour("best");
        context.lineWidth = 2.2;
        steps(context, best.map((point) => [plot.x.place(point.x), plot.y.place(point.y)]), plot.x.place(now));
      },
    });
    this.foot.replaceChildren(legend(["line best", "best completed trial"], reported.length ? ["dashed", "best report"] : null,
      ["dot faint", "trial"], failed.length ? ["tick failed", "failed"] : null));
  }
}
