// A plot on a canvas: marks by the ten thousand, one of them at a time under the pointer or the arrow keys.
import { h } from "./dom.js";
import { colour, scale } from "./scale.js";

const NEAR = 22;
const plots = new Set();
let hovered = null;

// A trial that is pointed at in one plot is marked in all of them.
export function hover(trial) {
  if (trial === hovered) return;
  hovered = trial;
  for (const plot of plots) plot.mark();
}

export class Plot {
  constructor({ label, height = 260, pick = null, brush = null, square = false }) {
    Object.assign(this, { label, height, pick, brush, square, spec: null, at: -1 });
    this.canvas = h("canvas", { role: "img", tabIndex: 0, "aria-label": label });
    this.over = h("canvas", { class: "over", "aria-hidden": "true" });
    this.tip = h("div", { class: "tip", role: "status", "aria-live": "polite" });
    this.element = h("div", { class: "plot" }, this.canvas, this.over, this.tip);
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.leave());
    this.canvas.addEventListener("click", (event) => { this.point(event); this.open(); });
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("blur", () => this.leave());
    this.watcher = new ResizeObserver(() => this.redraw());
    this.watcher.observe(this.element);
    plots.add(this);
  }

  close() {
    this.watcher.disconnect();
    plots.delete(this);
  }

  // spec: { x, y (see scale.js, with `label`), draw(context, plot), marks: [{trial, x, y, text}], n }
  // `n` counts what is drawn; the marks are what can be pointed at.
  show(spec) {
    this.spec = spec;
    this.redraw();
  }

  redraw() {
    const width = this.element.clientWidth;
    if (!width || !this.spec) return;
    const context = fitted(this.canvas, width, this.height);
    fitted(this.over, width, this.height);
    const { x, y } = this.spec;
    context.font = FONT();
    const left = this.spec.bare ? 8 : leftOf(context, y, this.height);
    const top = this.spec.top ?? (y?.label ? 24 : 10);
    this.box = { left, top, right: width - 12, bottom: this.height - (this.spec.bare ? 8 : x?.label ? 40 : 24) };
    if (x) this.x = scale(x, this.box.left, this.box.right);
    if (y) this.y = scale(y, this.box.bottom, this.box.top);
    if (!this.spec.bare) this.axes(context);
    context.save();
    context.beginPath();
    if (!this.spec.bare) context.rect(left - 5, top - 5, this.box.right - left + 10, this.box.bottom - top + 10);
    else context.rect(0, 0, width, this.height);
    context.clip();
    this.spec.draw(context, this);
    context.restore();
    this.marks = (this.spec.marks ?? []).map((mark) => ({ ...mark, px: this.x.place(mark.x), py: this.y.place(mark.y) }));
    this.canvas.dataset.marks = this.spec.n ?? this.marks.length;
    this.canvas.setAttribute("aria-label", `${this.label}: ${this.canvas.dataset.marks} marks. Arrow keys go from one to the next.`);
    this.mark();
  }

  axes(context) {
    const { left, right, top, bottom } = this.box;
    context.strokeStyle = colour("line");
    context.fillStyle = colour("muted");
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const { value, label } of this.y.ticks) {
      const py = Math.round(this.y.place(value)) + 0.5;
      line(context, left, py, right, py);
      context.fillText(cut(context, label, left - 8), left - 7, py);
    }
    context.textBaseline = "top";
    context.textAlign = "center";
    let after = -Infinity;
    for (const { value, label } of this.x.ticks) {
      const px = Math.round(this.x.place(value)) + 0.5;
      line(context, px, bottom, px, bottom + 4);
      const text = cut(context, label, this.x.width ? Math.max(24, this.x.width * 1.6) : 90);
      const half = context.measureText(text).width / 2;
      const middle = Math.min(Math.max(px, half + 1), right + 11 - half);
      if (middle - half <= after + 6) continue;
      context.fillText(text, middle, bottom + 7);
      after = middle + half;
    }
    line(context, left, bottom + 0.5, right, bottom + 0.5);
    if (this.spec.x.label) {
      context.fillText(cut(context, this.spec.x.label, right - left), (left + right) / 2, bottom + 24);
    }
    if (this.spec.y.label) {
      context.textAlign = "left";
      context.fillText(cut(context, this.spec.y.label, right - 4), 2, 3);
    }
  }

  // ---- pointing

  point(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const [x, y] = [event.clientX - left, event.clientY - top];
    let [nearest, least] = [-1, NEAR ** 2];
    this.marks?.forEach((mark, i) => {
      const [dx, dy] = mark.width ? [outside(x, mark.px, mark.width), outside(y, mark.py - mark.height / 2, mark.height)] : [mark.px - x, mark.py - y];
      const distance = dx * dx + dy * dy;
      if (distance < least) [nearest, least] = [i, distance];
    });
    this.choose(nearest);
  }

  leave() {
    this.choose(-1);
  }

  choose(index) {
    this.at = index;
    const mark = this.marks?.[index];
    this.canvas.style.cursor = mark && this.pick ? "pointer" : "";
    this.tip.replaceChildren(...(mark ? [].concat(mark.text).map((text) => h("div", {}, text)) : []));
    this.tip.classList.toggle("shown", Boolean(mark));
    if (mark) {
      const side = mark.px > this.element.clientWidth / 2;
      this.tip.style.left = side ? "" : `${mark.px + 14}px`;
      this.tip.style.right = side ? `${this.element.clientWidth - mark.px + 14}px` : "";
      this.tip.style.top = `${Math.max(0, Math.min(mark.py - 12, this.height - 60))}px`;
    }
    hover(mark?.trial ?? null);
    this.mark();
  }

  open() {
    const mark = this.marks?.[this.at];
    if (mark && this.pick) this.pick(mark);
  }

  key(event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (step && this.marks?.length) {
      event.preventDefault();
      this.choose((this.at + step + this.marks.length) % this.marks.length);
    } else if (event.key === "Enter") {
      this.open();
    }
  }

  mark() {
    const context = this.over.getContext("2d");
    context.clearRect(0, 0, this.over.width, this.over.height);
    if (!this.marks || (hovered === null && this.at < 0)) return;
    const chosen = this.at >= 0 ? this.marks[this.at] : null;
    const same = hovered === null ? [] : this.marks.filter((mark) => mark.trial === hovered);
    context.strokeStyle = colour("ink");
    context.lineWidth = 1.5;
    if (this.spec.trace && hovered !== null) this.spec.trace(context, this, hovered);
    for (const mark of chosen ? [chosen, ...(this.spec.trace ? [] : same)] : this.spec.trace ? [] : same) {
      context.beginPath();
      if (mark.width) context.rect(mark.px - 1, mark.py - mark.height / 2 - 1, mark.width + 2, mark.height + 2);
      else context.arc(mark.px, mark.py, 6, 0, 2 * Math.PI);
      context.stroke();
    }
  }
}

function outside(at, start, length) {
  return at < start ? start - at : at > start + length ? at - start - length : 0;
}

function fitted(canvas, width, height) {
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

export function FONT(size = 11) {
  return `${size}px ${getComputedStyle(document.body).fontFamily}`;
}

function leftOf(context, y, height) {
  const { ticks } = scale(y, height - 40, 24);
  return Math.min(120, Math.max(20, ...ticks.map(({ label }) => context.measureText(label).width)) + 14);
}

export function cut(context, text, width) {
  if (context.measureText(text).width <= width) return text;
  let end = Math.min(text.length, 200);
  while (end > 1 && context.measureText(`${text.slice(0, end)}…`).width > width) end = Math.floor(end * 0.9);
  return `${text.slice(0, end)}…`;
}

// ---- what plots draw

export function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

export function path(context, points) {
  context.beginPath();
  let pen = false; // a gap where a value is missing
  for (const [x, y] of points) {
    if (!Number.isFinite(x) || !Number.isFinite(y)) pen = false;
    else if (pen) context.lineTo(x, y);
    else { context.moveTo(x, y); pen = true; }
  }
  context.stroke();
}

export function steps(context, points, end) {
  const stairs = points.flatMap(([x, y], i) => (i ? [[x, points[i - 1][1]], [x, y]] : [[x, y]]));
  if (points.length) stairs.push([end, points[points.length - 1][1]]);
  path(context, stairs);
}

export function dot(context, x, y, shape, size = 3) {
  context.beginPath();
  if (shape === "cross") {
    context.moveTo(x - size, y - size);
    context.lineTo(x + size, y + size);
    context.moveTo(x - size, y + size);
    context.lineTo(x + size, y - size);
    context.stroke();
    return;
  }
  if (shape === "tick") {
    context.moveTo(x, y - 2 * size);
    context.lineTo(x, y + size);
    context.stroke();
    return;
  }
  context.arc(x, y, size, 0, 2 * Math.PI);
  if (shape === "ring") context.stroke();
  else context.fill();
}

// By status, so that no colour alone tells it.
export function statusDot(context, x, y, status, size = 3) {
  const shape = { stopped: "cross", failed: "cross", lost: "cross", paused: "ring", interrupted: "ring" }[status] ?? "dot";
  context.fillStyle = context.strokeStyle = colour(status === "created" ? "muted" : status);
  context.lineWidth = 1.2;
  dot(context, x, y, shape, size);
}

export function legend(...items) {
  return h("div", { class: "legend" }, items.filter(Boolean).map(([kind, text]) => h("span", { class: `key ${kind}` }, text)));
}
