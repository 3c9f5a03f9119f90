// The table of trials: as many rows in the document as can be seen, however many there are.
import { counted, duration, fmt, h, panel, statusMark } from "./dom.js";
import { address, change } from "./place.js";

const ROW = 30;

export class Trials {
  constructor(page) {
    this.page = page;
    this.search = h("input", { type: "search", placeholder: "Search configuration, status, reason", "aria-label": "Search the trials",
      value: page.query.get("find") ?? "", oninput: () => { change({ find: this.search.value }, true); this.update(); } });
    this.note = h("small");
    this.head = h("tr");
    this.body = h("tbody");
    this.before = h("tr", { class: "space", "aria-hidden": "true" });
    this.after = h("tr", { class: "space", "aria-hidden": "true" });
    this.scroll = h("div", { class: "scroll tall", tabIndex: 0, onscroll: () => this.draw() },
      this.table = h("table", { class: "trials" }, h("thead", {}, this.head), this.body));
    this.element = panel("Trials", null, h("div", { class: "controls" }, this.search), this.scroll);
    this.element.querySelector("h2").append(this.note);
    this.element.classList.add("wide");
  }

  close() {}

  get columns() {
    const { study } = this.page;
    const { columns } = study;
    const [first, ...others] = study.goals.metrics.map((metric) => metric.name);
    const named = (name) => columns.metrics[name] ?? [];
    const config = study.varying.map((domain) => ({ key: `c${domain.place}`, title: domain.name, values: columns.config[domain.place],
      show: (value) => fmtValue(study.valueText(domain, value)), numeric: domain.kind !== "choice" }));
    const rest = study.metrics.filter((name) => name !== first && !others.includes(name) && !(name in MEASURED));
    return [
      { key: "number", title: "trial", values: columns.number, numeric: true, show: (n) => n },
      { key: "status", title: "status", values: columns.status, show: statusMark },
      { key: "value", title: first, values: columns.value, numeric: true },
      ...others.map((name) => ({ key: `m${name}`, title: name, values: named(name), numeric: true })),
      { key: "resource", title: study.resource, values: columns.resource, numeric: true, show: (n) => n || "" },
      ...config,
      ...rest.map((name) => ({ key: `m${name}`, title: name, values: named(name), numeric: true })),
      { key: "seconds", title: "time", values: columns.seconds, numeric: true, show: duration },
      { key: "attempts", title: "runs", values: columns.attempts, numeric: true, show: (n) => n },
      { key: "origin", title: "chosen by", values: columns.origin },
      { key: "reason", title: "reason", values: columns.reason },
    ];
  }

  update() {
    const { study, rows, query } = this.page;
    const columns = this.columns;
    const [key, down] = (query.get("sort") ?? "").split("~");
    const sorted = columns.find((column) => column.key === key);
    const wanted = this.search.value.trim().toLowerCase();
    let found = wanted ? rows.filter((row) => columns.some((column) => textOf(column, row).toLowerCase().includes(wanted))) : rows;
    if (sorted) found = [...found].sort(comparison(sorted.values, down ? -1 : 1));
    this.found = found;
    this.table.setAttribute("aria-rowcount", found.length);
    this.shown = columns;
    this.note.textContent = found.length === study.size ? counted(study.size, "trial") : `${found.length.toLocaleString("en")} of ${counted(study.size, "trial")}`;
    this.head.replaceChildren(...columns.map((column) => h("th", {
      class: column.numeric ? "right" : null, scope: "col",
      "aria-sort": column === sorted ? (down ? "descending" : "ascending") : null,
    }, h("button", { title: column.title, onclick: () => change({ sort: column !== sorted ? column.key : down ? null : `${column.key}~down` }) },
      column.title, h("i", { "aria-hidden": "true" }, column === sorted ? (down ? " ↓" : " ↑") : "")))));
    this.draw();
  }

  draw() {
    if (!this.found) return;
    const height = Math.max(this.scroll.clientHeight, innerHeight);
    const first = Math.max(0, Math.floor(this.scroll.scrollTop / ROW) - 6);
    const last = Math.min(this.found.length, first + Math.ceil(height / ROW) + 12);
    this.before.style.height = `${first * ROW}px`;
    this.after.style.height = `${(this.found.length - last) * ROW}px`;
    const rows = this.found.slice(first, last).map((row) => this.row(row));
    this.body.replaceChildren(this.before, ...rows, this.after);
  }

  row(row) {
    const number = this.page.study.columns.number[row];
    const to = address(this.page.name, "trial", number);
    const best = number === this.page.study.status.best?.trial;
    return h("tr", { class: best ? "is-best" : null, onclick: () => { location.hash = to; } }, this.shown.map((column) => {
      const value = column.values[row];
      const shown = column.show ? column.show(value) : fmt(value ?? "");
      const cell = h("td", { class: column.numeric ? "right number" : null, title: typeof value === "number" && !Number.isInteger(value) ? String(value) : null });
      cell.append(column.key === "number" ? h("a", { href: to }, String(number)) : shown instanceof Node ? shown : String(shown ?? ""));
      return cell;
    }));
  }
}

const MEASURED = { train_seconds: 1, cpu_seconds: 1, peak_memory_mb: 1 };

function fmtValue(value) {
  return typeof value === "number" ? fmt(value) : String(value ?? "");
}

function textOf(column, row) {
  const value = column.values[row];
  if (value === null || value === undefined) return "";
  const shown = column.show && !(column.key === "status") ? column.show(value) : value;
  return String(shown);
}

function comparison(values, sign) {
  const lacks = (value) => value === null || value === undefined || Number.isNaN(value) || value === "";
  return (a, b) => {
    const [x, y] = [values[a], values[b]];
    if (lacks(x) || lacks(y)) return lacks(x) - lacks(y) || a - b;
    const order = typeof x === "number" && typeof y === "number" ? x - y : String(x).localeCompare(String(y));
    return sign * order || a - b;
  };
}
