// Parallel coordinates: a line for each trial, with a gap where a hyperparameter is inactive.
import { counted, h, panel } from "./dom.js";
import { cut, FONT, line, path, Plot } from "./plot.js";
import { colour, extent, ranked, scale } from "./scale.js";
import { axis, shown, thin } from "./study.js";

const MOST = 1500;
const AXES = 14;

export class Parallel {
  constructor(page) {
    this.page = page;
    this.note = h("small");
    this.plot = new Plot({ label: "Parallel coordinates", height: 340, pick: (mark) => this.dragged || page.openTrial(mark.trial) });
    this.element = panel("Parallel coordinates", null, h("div", { class: "sideways" }, this.plot.element),
      h("p", { class: "remark" }, "Drag along an axis to keep a range, in every plot; a click beside the lines takes it away. Colour: from the best to the worst."));
    this.element.querySelector("h2").append(this.note);
    this.drag();
  }

  close() {
    this.plot.close();
  }

  draw(usable, order) {
    const { study, metric } = this.page;
    const values = study.values(metric);
    const rows = thin(usable, MOST, order);
    const place = new Map(order.map((row, i) => [row, i / Math.max(1, order.length - 1)]));
    const drawn = [...rows].sort((a, b) => (place.get(b) ?? 1) - (place.get(a) ?? 1)); // the best on top
    const domains = study.varying.slice(0, AXES - 1);
    this.note.textContent = rows.length < usable.length ? `${counted(rows.length, "trial")} of ${usable.length.toLocaleString("en")}` : counted(rows.length, "trial");
    const columns = [...domains.map((domain) => ({ of: String(domain.place), name: domain.name, values: study.columns.config[domain.place], spec: axis(domain), text: (value) => shown(study, domain, value) })),
      { of: `m.${metric}`, name: metric, values, spec: extent(rows.map((row) => values[row])), text: String }];
    this.columns = columns;
    this.plot.element.style.minWidth = `${columns.length * 92}px`;
    const best = study.status.best?.trial;
    this.plot.show({
      bare: true,
      n: rows.length,
      x: { kind: "category", labels: columns.map((column) => column.name) },
      y: { low: 0, high: 1 },
      marks: rows.length > 400 ? [] : rows.map((row) => ({ trial: study.columns.number[row], x: columns.length - 1, y: 0, row, text: `trial ${study.columns.number[row]}` })),
      draw: (context, plot) => {
        const [top, bottom] = [46, plot.height - 24];
        columns.forEach((column) => { column.scale = scale(column.spec, bottom, top); });
        const x = (i) => plot.x.place(i);
        this.x = x;
        for (const row of drawn) {
          const number = study.columns.number[row];
          context.strokeStyle = context.fillStyle = number === best ? colour("best") : ranked(place.get(row) ?? 1);
          context.lineWidth = number === best ? 2.4 : rows.length > 300 ? 0.7 : 1.1;
          context.globalAlpha = number === best ? 1 : rows.length > 300 ? 0.35 : 0.7;
          this.trace(context, row);
        }
        context.globalAlpha = 1;
        columns.forEach((column, i) => this.axis(context, column, x(i), top, bottom, Math.abs(x(1) - x(0)) || 120));
      },
      trace: (context, plot, trial) => {
        const row = study.rows.get(trial);
        context.lineWidth = 3;
        if (row !== undefined && columns[0].scale) this.trace(context, row);
      },
    });
    for (const mark of this.plot.marks) mark.py = columns[columns.length - 1].scale.place(values[mark.row]);
  }

  trace(context, row) {
    const points = this.columns.map((column, i) => {
      const value = column.values[row];
      return value === null || value === undefined ? [NaN, NaN] : [this.x(i), column.scale.place(value)];
    });
    path(context, points);
    points.forEach(([px, py], i) => { // alone between two gaps
      if (Number.isFinite(px) && !Number.isFinite(points[i - 1]?.[0]) && !Number.isFinite(points[i + 1]?.[0])) {
        context.fillRect(px - 5, py - 0.75, 10, 1.5);
      }
    });
  }

  axis(context, column, x, top, bottom, width) {
    context.strokeStyle = colour("muted");
    context.lineWidth = 1;
    line(context, x, top, x, bottom);
    const range = this.page.filter.ranges.find(({ of }) => of === column.of);
    if (range) {
      const [a, b] = this.ends(column, range, top, bottom);
      context.strokeStyle = colour("accent");
      context.lineWidth = 5;
      line(context, x, a, x, b);
    }
    context.font = FONT(11);
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.fillStyle = colour("ink");
    context.fillText(cut(context, column.name, width - 10), x, 20);
    context.fillStyle = colour("muted");
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (const { value, label } of column.scale.ticks) {
      const y = column.scale.place(value);
      const text = cut(context, label, width - 16);
      const size = context.measureText(text).width;
      context.globalAlpha = 0.8;
      context.fillStyle = colour("surface");
      context.fillRect(x + 5, y - 7, size + 3, 14);
      context.globalAlpha = 1;
      context.fillStyle = colour("muted");
      context.fillText(text, x + 6, y);
    }
  }

  ends(column, { low, high }, top, bottom) {
    const within = (y) => Math.min(Math.max(y, top - 4), bottom + 4);
    if (column.spec.kind === "category") {
      const half = column.scale.width / 2;
      return [within(column.scale.place(Math.max(low, 0)) + half), within(column.scale.place(Math.min(high, column.spec.labels.length - 1)) - half)];
    }
    const at = (value, otherwise) => (Number.isFinite(value) && (column.spec.kind !== "log" || value > 0) ? within(column.scale.place(value)) : otherwise);
    return [at(low, bottom), at(high, top)];
  }

  drag() {
    let from = null;
    const { canvas } = this.plot;
    const at = (event) => {
      const { left, top } = canvas.getBoundingClientRect();
      return [event.clientX - left, event.clientY - top];
    };
    canvas.addEventListener("pointerdown", (event) => {
      const [x, y] = at(event);
      this.dragged = false;
      const i = this.columns?.findIndex((_, place) => Math.abs(this.x(place) - x) < 14) ?? -1;
      from = i < 0 ? null : { column: this.columns[i], y };
      if (from) canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", (event) => {
      if (!from) return;
      const { column, y } = from;
      from = null;
      const [, end] = at(event);
      this.dragged = true;
      if (Math.abs(end - y) < 5) {
        this.page.setRange(column.of, null, null);
        return;
      }
      const [low, high] = [column.scale.value(Math.max(y, end)), column.scale.value(Math.min(y, end))];
      const round = (value) => Number(value.toPrecision(4));
      this.page.setRange(column.of, round(low), round(high));
    });
  }
}
