// Two hyperparameters against each other: what was tried, and what the model expects between.
import { counted, empty, fmt, h, panel, select } from "./dom.js";
import { change } from "./place.js";
import { dot, legend, Plot } from "./plot.js";
import { colour, ranked } from "./scale.js";
import { axis, shown, thin } from "./study.js";

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
    this.plot.show({
      x: { ...axis(x), label: x.name },
      y: { ...axis(y), label: y.name },
      n: rows.length,
      marks: rows.map((row) => ({ trial: study.columns.number[row], x: xs[row], y: ys[row],
        text: [`trial ${study.columns.number[row]}: ${metric} ${fmt(values[row])}`, `${x.name} = ${shown(study, x, xs[row])}`, `${y.name} = ${shown(study, y, ys[row])}`] })),
      draw: (context, plot) => {
        for (const row of drawn) {
          const isBest = study.columns.number[row] === best;
          context.fillStyle = isBest ? colour("best") : ranked(place.get(row) ?? 1);
          context.strokeStyle = colour("surface");
          context.lineWidth = 1;
          const [px, py] = [plot.x.place(xs[row]), plot.y.place(ys[row])];
          dot(context, px, py, "dot", isBest ? 6 : 4);
          dot(context, px, py, "ring", isBest ? 6 : 4);
        }
      },
    });
    this.foot.replaceChildren(legend(["dot best", "best"], ["ranked", `from the best to the worst ${metric}`]));
  }
}

function rank(domain) {
  return (domain.kind === "choice") + 2 * Boolean(domain.when) + 4 * (domain.kind === "other");
}
