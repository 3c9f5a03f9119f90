// Two hyperparameters against each other: what was tried, and what the model expects between.
import { counted, empty, fmt, h, panel, select } from "./dom.js";
import { change } from "./place.js";
import { dot, legend, Plot } from "./plot.js";
import { colour, ranked } from "./scale.js";
import { axis, number, shown, thin } from "./study.js";

const MOST = 3000;

export class Surface {
  constructor(page) {
    this.page = page;
    this.note = h("small");
    this.controls = h("div", { class: "controls" });
    this.plot = new Plot({ label: "Two hyperparameters", height: 380, pick: (mark) => page.openTrial(mark.trial) });
    this.foot = h("div");
    this.element = panel("Two hyperparameters", null, this.controls, this.plot.element, this.foot);
    this.element.querySelector("h2").append(this.note);
  }

  close() {
    this.plot.close();
  }

  async update(usable, order) {
    const { study, query, metric } = this.page;
    const domains = study.varying;
    this.element.hidden = domains.length < 2;
    if (domains.length < 2) return;
    const find = (name, otherwise) => domains.find((domain) => String(domain.place) === query.get(name)) ?? otherwise;
    const plain = [...domains].sort((a, b) => rank(a) - rank(b)); // numbers that are always active first
    const x = find("x", plain[0]);
    const y = find("y", plain.find((domain) => domain !== x));
    const options = domains.map((domain) => [domain.place, domain.name]);
    this.controls.replaceChildren(select("across", options, x.place, (place) => change({ x: place })), select("up", options, y.place, (place) => change({ y: place })));
    const values = study.values(metric);
    const [xs, ys] = [study.columns.config[x.place], study.columns.config[y.place]];
    const rows = thin(usable.filter((row) => xs[row] !== null && ys[row] !== null), MOST, order);
    if (!rows.length) {
      this.plot.element.hidden = true;
      this.foot.replaceChildren(empty("No trial with a value has both."));
      return;
    }
    this.plot.element.hidden = false;
    const place = new Map(order.map((row, i) => [row, i / Math.max(1, order.length - 1)]));
    const drawn = [...rows].sort((a, b) => (place.get(b) ?? 1) - (place.get(a) ?? 1));
    const best = study.status.best?.trial;
    this.note.textContent = counted(rows.length, "trial");
    const asked = `${x.place} ${y.place}`;
    this.asked = asked;
    const found = await this.page.document("surface", { metric, x: x.place, y: y.place }).catch((error) => ({ why: error.message }));
    if (this.asked !== asked) return;
    const grid = found.value ? cells(found, x, y) : null;
    const expected = grid ? found.value.map(number).filter(Number.isFinite) : [];
    const range = [...rows.map((row) => values[row]), ...expected].filter(Number.isFinite).sort((a, b) => a - b);
    const sign = study.objective(metric).mode === "max" ? -1 : 1;
    const shade = (value) => { // by its rank among all values, as the dots
      let [low, high] = [0, range.length];
      while (low < high) { const middle = (low + high) >> 1; if (range[middle] < value) low = middle + 1; else high = middle; }
      const part = low / Math.max(1, range.length - 1);
      return ranked(Math.min(1, sign > 0 ? part : 1 - part));
    };
    this.plot.show({
      x: { ...axis(x), label: x.name },
      y: { ...axis(y), label: y.name },
      n: rows.length,
      marks: rows.map((row) => ({ trial: study.columns.number[row], x: xs[row], y: ys[row],
        text: [`trial ${study.columns.number[row]}: ${metric} ${fmt(values[row])}`, `${x.name} = ${shown(study, x, xs[row])}`, `${y.name} = ${shown(study, y, ys[row])}`] })),
      draw: (context, plot) => {
        if (grid) {
          context.globalAlpha = 0.55;
          for (const { left, right, low, high, value } of grid) {
            if (!Number.isFinite(value)) continue;
            const [a, b, c, d] = [plot.x.place(left), plot.x.place(right), plot.y.place(low), plot.y.place(high)].map(Math.round); // no seams
            context.fillStyle = shade(value);
            context.fillRect(a, d, b - a, c - d);
          }
          context.globalAlpha = 1;
        }
        for (const row of drawn) {
          const isBest = study.columns.number[row] === best;
          context.fillStyle = isBest ? colour("best") : shade(values[row]);
          context.strokeStyle = colour("surface");
          context.lineWidth = 1;
          const [px, py] = [plot.x.place(xs[row]), plot.y.place(ys[row])];
          dot(context, px, py, "dot", isBest ? 6 : 4);
          dot(context, px, py, "ring", isBest ? 6 : 4);
        }
      },
    });
    this.foot.replaceChildren(legend(["dot best", "best"], ["ranked", `from the best to the worst ${metric}`]),
      h("p", { class: "remark" }, grid ? `Behind the trials: what the model expects, all other hyperparameters as in trial ${found.trial}.` : found.why ?? ""));
  }
}

function rank(domain) {
  return (domain.kind === "choice") + 2 * Boolean(domain.when) + 4 * (domain.kind === "other");
}

// The cells of the model's grid, from place to place of each axis.
function cells(found, x, y) {
  const value = (domain, part) => {
    if (domain.kind === "choice") return part * domain.choices.length - 0.5;
    const [low, high] = [Number(domain.low), Number(domain.high)];
    if (domain.kind === "int" && !domain.log) return low - 0.5 + part * (high - low + 1);
    return domain.log ? low * (high / low) ** part : low + part * (high - low);
  };
  if (!axisKnown(x) || !axisKnown(y)) return null;
  return found.value.map((expected, i) => {
    const [column, row] = [i % found.across, Math.floor(i / found.across)];
    return { value: number(expected), left: value(x, column / found.across), right: value(x, (column + 1) / found.across),
      low: value(y, row / found.up), high: value(y, (row + 1) / found.up) };
  });
}

function axisKnown(domain) {
  return domain.kind !== "other";
}
