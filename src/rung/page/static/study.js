// A study in columns, kept up to date by what the server sends; and the trials that a filter leaves.

import { fmt } from "./dom.js";

const PLAIN = ["number", "status", "resource", "origin", "created", "ended", "seconds", "attempts", "feasible", "parent",
  "repeats", "reason"];

export function number(value) {
  return typeof value === "string" ? Number(value) : value;
}

export class StudyData {
  constructor(document_) {
    this.name = document_.name;
    this.goals = document_.goals;
    this.space = document_.space;
    this.resource = document_.resource;
    this.maxResource = document_.max_resource;
    this.sessions = document_.sessions;
    this.columns = { value: [], config: this.space.map(() => []), metrics: {} };
    for (const name of PLAIN) this.columns[name] = [];
    this.rows = new Map();
    this.thinned = document_.thinned ?? null;
    this.take(document_);
  }

  get size() {
    return this.columns.number.length;
  }

  take({ version, status, metrics, trials }) {
    this.version = version;
    this.status = status;
    this.metrics = metrics;
    for (const name of metrics) this.columns.metrics[name] ??= new Array(this.size).fill(null);
    trials.number.forEach((n, i) => this.put(n, i, trials));
    this.selectedFor = null;
  }

  put(n, i, trials) {
    const row = this.rows.get(n) ?? this.size;
    this.rows.set(n, row);
    for (const name of PLAIN) this.columns[name][row] = trials[name][i];
    this.columns.value[row] = number(trials.value[i]);
    this.space.forEach((domain, d) => {
      const value = trials.config[d][i] ?? null;
      this.columns.config[d][row] = domain.kind === "float" || domain.kind === "int" ? number(value) : value;
    });
    for (const name in this.columns.metrics) this.columns.metrics[name][row] = number(trials.metrics[name]?.[i] ?? null);
  }

  // ---- the objectives

  objective(name) {
    return this.goals.metrics.find((metric) => metric.name === name) ?? this.goals.metrics[0];
  }

  // The first objective has values of trials that have not completed, too: their last reports.
  values(name) {
    return name === this.goals.metrics[0].name ? this.columns.value : this.columns.metrics[name] ?? this.columns.value;
  }

  get varying() {
    return this.space.map((domain, place) => ({ ...domain, place })).filter((domain) => domain.kind !== "constant");
  }

  // What a range of the filter is about: a hyperparameter by its place, or a metric by "m." and its name.
  column(of) {
    if (of.startsWith("m.")) return this.columns.metrics[of.slice(2)] ?? null;
    return this.columns.config[Number(of)] ?? null;
  }

  label(of) {
    return of.startsWith("m.") ? of.slice(2) : this.space[Number(of)]?.name ?? of;
  }

  valueText(domain, value) {
    if (value === null || value === undefined) return "";
    return domain.kind === "choice" ? domain.choices[value] ?? `choice ${value}` : value;
  }

  config(row) {
    return this.space.map((domain, d) => [domain.name,
      domain.kind === "constant" ? domain.value : this.valueText(domain, this.columns.config[d][row]), domain]);
  }

  // ---- the filter

  select(filter, metric) {
    const key = JSON.stringify([filter.status ? [...filter.status] : null, filter.top, filter.ranges, metric, this.version]);
    if (this.selectedFor !== key) {
      this.selectedFor = key;
      this.selected = this.chosen(filter, metric);
    }
    return this.selected;
  }

  chosen(filter, metric) {
    const { status } = this.columns;
    const ranges = filter.ranges.map((range) => ({ ...range, column: this.column(range.of) })).filter((r) => r.column);
    const rows = [];
    for (let row = 0; row < this.size; row++) {
      if (filter.status && !filter.status.has(status[row])) continue;
      if (ranges.every(({ column, low, high }) => column[row] !== null && column[row] >= low && column[row] <= high)) rows.push(row);
    }
    return filter.top ? this.best(rows, metric, filter.top).sort((a, b) => a - b) : rows;
  }

  // Rows from the best on, by an objective; those without a value last, or left out.
  best(rows, metric, most = Infinity) {
    const values = this.values(metric);
    const sign = this.objective(metric).mode === "max" ? -1 : 1;
    const usable = rows.filter((row) => Number.isFinite(values[row]) && this.columns.repeats[row] === null
      && this.columns.feasible[row]);
    return usable.sort((a, b) => sign * (values[a] - values[b])).slice(0, most);
  }

  // Trials of the search: a repeat confirms, it is no new configuration.
  searched(rows) {
    return rows.filter((row) => this.columns.repeats[row] === null);
  }
}

// Of many rows those to draw: the first ones, and the others evenly.
export function thin(rows, most, first = []) {
  if (rows.length <= most) return rows;
  const kept = new Set(first.slice(0, Math.floor(most / 3)));
  const rest = rows.filter((row) => !kept.has(row));
  const step = rest.length / (most - kept.size);
  for (let i = 0; i < most - kept.size; i++) kept.add(rest[Math.floor(i * step)]);
  return rows.filter((row) => kept.has(row));
}

// The axis of a hyperparameter, on the scale that it was searched on.
export function axis(domain) {
  if (domain.kind === "choice") return { kind: "category", labels: domain.choices };
  if (domain.kind === "float" || domain.kind === "int") {
    const [low, high] = [Number(domain.low), Number(domain.high)];
    const margin = domain.log ? (high / low) ** 0.03 : Math.max((high - low) * 0.03, domain.kind === "int" && high - low < 20 ? 0.5 : 0);
    return domain.log ? { kind: "log", low: low / margin, high: high * margin } : { low: low - margin, high: high + margin, unit: { size: 1, whole: domain.kind === "int" } };
  }
  return { low: 0, high: 1 };
}

export function shown(study, domain, value) {
  const text = study.valueText(domain, value);
  return typeof text === "number" ? fmt(text) : text;
}
