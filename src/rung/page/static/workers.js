// Workers over time: what they ran, and where they waited.
import { counted, duration, empty, h, panel } from "./dom.js";
import { legend, Plot, line } from "./plot.js";
import { colour, timeUnit } from "./scale.js";
import { wide } from "./trial.js";

export class Workers {
  constructor(page) {
    this.page = page;
    this.plot = new Plot({ label: "Worker timeline", pick: (mark) => page.openTrial(mark.trial) });
    this.note = h("small");
    this.foot = h("div");
    this.element = h("div", { class: "views" }, wide(panel("Workers", null, this.plot.element, this.foot)));
    this.element.querySelector("h2").append(this.note);
  }

  close() {
    this.plot.close();
  }

  async update() {
    const found = await this.page.document("timeline");
    this.draw(found, new Set(this.page.rows.map((row) => this.page.study.columns.number[row])));
  }

  draw(found, wanted) {
    const { study } = this.page;
    if (!found.trial.length) {
      this.plot.element.hidden = true;
      this.foot.replaceChildren(empty("No trial has run yet."));
      return;
    }
    const now = Math.max(found.now, study.status.owner ? study.status.elapsed : 0);
    const runs = found.trial.map((trial, i) => ({ trial, attempt: found.attempt[i], start: found.started[i],
      end: found.ended[i] ?? now, outcome: found.outcome[i] ?? (study.status.owner ? "running" : "interrupted") }));
    const lanes = laid(runs);
    const shown = runs.filter((run) => wanted.has(run.trial));
    const busy = runs.reduce((sum, run) => sum + run.end - run.start, 0);
    const whole = Math.max(...runs.map((run) => run.end)) - runs[0].start;
    const size = Math.max(4, Math.min(26, 560 / lanes));
    this.plot.height = Math.round(lanes * size + 60);
    this.note.textContent = `${counted(shown.length, "run")} in ${counted(lanes, "lane")}; busy ${Math.round(100 * busy / (lanes * whole || 1))} % of ${duration(whole)}`;
    const unit = timeUnit(now);
    const seams = study.sessions.map((session) => session.t).filter((t) => t > 0);
    this.plot.show({
      top: 10,
      x: { low: 0, high: now * 1.005 || 1, unit, label: `running time of the study (${unit.name})` },
      y: { kind: "category", labels: Array.from({ length: lanes }, (_, i) => String(lanes - i)) },
      n: shown.length,
      marks: shown.map((run) => ({ trial: run.trial, x: run.start, y: lanes - 1 - run.lane, run,
        text: [`trial ${run.trial}${run.attempt > 1 ? `, run ${run.attempt}` : ""}: ${run.outcome}`, `${duration(run.end - run.start)}, from ${duration(run.start)}`] })),
      draw: (context, plot) => {
        context.strokeStyle = colour("faint");
        context.setLineDash([2, 3]);
        for (const t of seams) line(context, plot.x.place(t), plot.box.top, plot.x.place(t), plot.box.bottom);
        context.setLineDash([]);
        for (const run of shown) {
          const [x, end] = [plot.x.place(run.start), plot.x.place(run.end)];
          const [middle, height] = [plot.y.place(lanes - 1 - run.lane), Math.max(2, size - (size > 8 ? 4 : 1))];
          context.fillStyle = colour(run.outcome);
          context.globalAlpha = run.outcome === "stopped" || run.outcome === "paused" ? 0.7 : 0.9;
          context.fillRect(x, middle - height / 2, Math.max(1, end - x - 0.5), height);
          context.globalAlpha = 1;
          if (["failed", "lost", "interrupted"].includes(run.outcome)) { // a mark at its end, for no colour says it alone
            context.strokeStyle = colour("ink");
            line(context, end - 1, middle - height / 2, end - 1, middle + height / 2);
          }
        }
      },
    });
    for (const mark of this.plot.marks) {
      mark.width = Math.max(1, this.plot.x.place(mark.run.end) - mark.px);
      mark.height = Math.max(2, size - 2);
    }
    const outcomes = [...new Set(shown.map((run) => run.outcome))];
    this.foot.replaceChildren(legend(...outcomes.map((outcome) => [`box ${outcome}`, outcome]), seams.length ? ["dashed", "a session began"] : null),
      h("p", { class: "remark" }, "The log does not say which worker ran what: each run is in the first lane that was free. Blank is waiting."));
  }
}

// In order of their starts, each run in the lowest lane that is free.
function laid(runs) {
  const ends = [];
  for (const run of runs) {
    let lane = ends.findIndex((end) => end <= run.start + 1e-9);
    if (lane < 0) lane = ends.length;
    ends[lane] = run.end;
    run.lane = lane;
  }
  return ends.length;
}
