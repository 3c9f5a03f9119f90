// How the study stands: the winner first, then what led to it.
import { Anytime, Curves } from "./curves.js";
import { counted, duration, empty, fmt, h, pairs, panel, shownValue } from "./dom.js";
import { address, change } from "./place.js";
import { wide } from "./trial.js";
import { number } from "./study.js";

export class Overview {
  constructor(page) {
    this.page = page;
    this.best = h("div", { class: "slot" });
    this.failures = h("div", { class: "slot wide" });
    this.parts = [new Anytime(page), new Curves(page)];
    this.element = h("div", { class: "views" }, this.best, this.parts[0].element, this.parts[1].element, this.failures);
  }

  close() {
    for (const part of this.parts) part.close();
  }

  async update(points) {
    this.best.replaceChildren(this.winner());
    this.failures.replaceChildren(this.reasons());
    await Promise.all(this.parts.map((part) => part.update(points)));
  }

  winner() {
    const { study } = this.page;
    const { winner, best, front } = study.status;
    if (winner) return this.confirmed(winner);
    if (front !== null) return this.front(front);
    if (!best) return panel("Best trial", null, empty("No trial has reported yet."));
    const value = number(best.value);
    return panel("Best trial", null,
      h("p", { class: "headline" }, h("span", { class: "metric" }, study.goals.metrics[0].name), " ", h("b", { title: String(value) }, fmt(value)),
        h("small", {}, best.at ? `report at ${best.at}; not completed` : "as the search saw it; it was chosen for this number, so fresh runs may be worse")),
      this.config(best.trial));
  }

  confirmed(winner) {
    const { study } = this.page;
    const [low, high] = winner.interval ?? [];
    const mode = study.goals.metrics[0].mode === "max" ? "higher" : "lower";
    return panel("Winner", "confirmed by fresh runs",
      h("p", { class: "headline" }, h("span", { class: "metric" }, study.goals.metrics[0].name), " ", h("b", {}, fmt(number(winner.value))),
        winner.interval ? h("span", { class: "interval" }, `[${fmt(number(low))}, ${fmt(number(high))}]`) : null,
        h("small", {}, `estimated from ${counted(winner.runs, "fresh run")} of it${winner.interval ? `, ${Math.round(100 * winner.level)} % interval` : ""}; ${mode} is better; the search saw ${fmt(number(winner.observed))}`)),
      this.config(winner.trial), h("details", {}, h("summary", {}, "All that may be claimed"), h("pre", {}, winner.text)));
  }

  front(numbers) {
    return panel("Front", counted(numbers.length, "trial"), empty("No trial of it is beaten by another one in every objective."),
      h("p", {}, numbers.slice(0, 24).flatMap((n) => [h("a", { href: address(this.page.name, "trial", n) }, `trial ${n}`), " "])),
      h("a", { class: "button", href: address(this.page.name, "front") }, "See the front"));
  }

  config(trial) {
    const { study, name } = this.page;
    const row = study.rows.get(trial);
    const link = h("a", { href: address(name, "trial", trial) }, trial);
    if (row === undefined) return link;
    const chosen = study.config(row).filter(([, value]) => value !== "" && value !== null);
    return h("div", {}, pairs([["trial", link], ["chosen by", study.columns.origin[row]], ...chosen], (value) => (value instanceof Node ? value : shownValue(value))));
  }

  // Numbers differ from trial to trial; the rest of a reason makes the group.
  reasons() {
    const { study, rows } = this.page;
    const groups = new Map();
    for (const row of rows) {
      const status = study.columns.status[row];
      if (!study.columns.reason[row] || !["failed", "lost", "interrupted"].includes(status)) continue;
      const key = `${status}: ${study.columns.reason[row].replace(/\d[\d.e+-]*/g, "#")}`;
      groups.set(key, [...(groups.get(key) ?? []), row]);
    }
    if (!groups.size) return h("span");
    const sorted = [...groups.values()].sort((a, b) => b.length - a.length).slice(0, 12);
    const numbers = study.columns.number;
    return wide(panel("Failures", "by reason", h("div", { class: "scroll" }, h("table", { class: "failures" }, h("tbody", {}, sorted.map((group) => h("tr", {},
      h("td", { class: "right number" }, `${group.length} ×`), h("td", { class: "wrap" }, h("b", {}, study.columns.status[group[0]]), " ", study.columns.reason[group[0]]),
      h("td", {}, group.slice(-5).flatMap((row) => [h("a", { href: address(this.page.name, "trial", numbers[row]) }, String(numbers[row])), " "])))))))));
  }
}

// ---- the line that every view of a study has

export function statusLine(study, when) {
  const { status } = study;
  const since = status.owner ? Date.now() / 1000 - when : 0;
  const counts = Object.entries(status.counts).filter(([, n]) => n);
  const total = status.n_trials ?? status.finished;
  const part = status.n_trials ? status.finished / status.n_trials : null;
  return h("div", { class: "statusline" },
    h("span", { class: `state ${status.state === "running" ? "is-running" : ""}`, title: status.owner ?? status.command }, h("i", { "aria-hidden": "true" }), status.ending),
    h("span", {}, h("b", { class: "number" }, status.finished.toLocaleString("en")), status.n_trials ? ` of ${total.toLocaleString("en")} trials` : " trials",
      part === null ? null : h("progress", { max: 1, value: Math.min(1, part), "aria-label": "finished trials" })),
    h("span", {}, duration(status.elapsed + since), status.timeout ? ` of ${duration(status.timeout)}` : "",
      status.left ? h("small", {}, ` about ${duration(Math.max(0, status.left - since))} left`) : null),
    h("span", { class: "counts" }, counts.map(([name, n]) => h("span", { class: `status ${name}` }, `${n.toLocaleString("en")} ${name}`))),
  );
}

// ---- the filter

export function filterBar(page) {
  const { study, filter } = page;
  const counts = {};
  for (const status of study.columns.status) counts[status] = (counts[status] ?? 0) + 1;
  const chosen = filter.status;
  const toggle = (status) => {
    const next = new Set(chosen ?? []);
    if (!next.delete(status)) next.add(status);
    change({ status: [...next].join(",") });
  };
  const chips = Object.keys(counts).map((status) => h("button", { class: `chip ${chosen?.has(status) ? "on" : ""}`, "aria-pressed": String(Boolean(chosen?.has(status))), onclick: () => toggle(status) },
    h("span", { class: `status ${status}` }, status), h("small", {}, counts[status].toLocaleString("en"))));
  const tops = [10, 20, 50, 100, 500].filter((n) => n < study.size);
  if (filter.top && !tops.includes(filter.top)) tops.push(filter.top);
  const top = tops.length ? h("label", { class: "select" }, h("span", {}, "show"), h("select", { "aria-label": "How many of the best", onchange: (event) => change({ top: event.target.value }) },
    h("option", { value: "" }, "all"), tops.map((n) => h("option", { value: n, selected: filter.top === n }, `best ${n}`)))) : null;
  const objective = study.goals.metrics.length > 1 ? h("label", { class: "select" }, h("span", {}, "by"), h("select", { onchange: (event) => change({ metric: event.target.value }) },
    study.goals.metrics.map(({ name }) => h("option", { value: name, selected: name === page.metric }, name)))) : null;
  const ranges = filter.ranges.map((range) => h("button", { class: "chip on", title: "Remove", onclick: () => page.setRange(range.of, null, null) }, rangeText(study, range), " ×"));
  const active = page.isFiltered;
  return h("div", { class: "filter", role: "search", "aria-label": "Filter of all plots" }, chips.length > 1 || chosen ? chips : null, top, objective, rangeAdder(page), ranges,
    active ? h("span", { class: "faint" }, `${page.rows.length.toLocaleString("en")} of ${counted(study.size, "trial")}`) : null,
    active ? h("button", { class: "plain", onclick: () => change({ status: null, top: null, in: null }) }, "Clear") : null);
}

function rangeText(study, { of, low, high }) {
  const domain = of.startsWith("m.") ? null : study.space[Number(of)];
  const show = (value) => (domain?.kind === "choice" ? study.valueText(domain, Math.round(value)) : fmt(value));
  if (low === high) return `${study.label(of)} = ${show(low)}`;
  if (!Number.isFinite(low)) return `${study.label(of)} ≤ ${show(high)}`;
  if (!Number.isFinite(high)) return `${study.label(of)} ≥ ${show(low)}`;
  return `${show(low)} ≤ ${study.label(of)} ≤ ${show(high)}`;
}

function rangeAdder(page) {
  const { study } = page;
  const low = h("input", { type: "number", step: "any", placeholder: "from", "aria-label": "from" });
  const high = h("input", { type: "number", step: "any", placeholder: "to", "aria-label": "to" });
  const choice = h("select", { "aria-label": "choice", hidden: true });
  const of = h("select", { "aria-label": "of", onchange: () => kind() },
    study.varying.map((domain) => h("option", { value: domain.place }, domain.name)), study.metrics.map((name) => h("option", { value: `m.${name}` }, name)));
  const domain = () => (of.value.startsWith("m.") ? null : study.space[Number(of.value)]);
  const kind = () => {
    const isChoice = domain()?.kind === "choice";
    low.hidden = high.hidden = isChoice;
    choice.hidden = !isChoice;
    if (isChoice) choice.replaceChildren(...domain().choices.map((label, i) => h("option", { value: i }, label)));
  };
  const apply = (event) => {
    event.preventDefault();
    if (domain()?.kind === "choice") page.setRange(of.value, Number(choice.value), Number(choice.value));
    else if (low.value || high.value) page.setRange(of.value, low.value === "" ? null : Number(low.value), high.value === "" ? null : Number(high.value));
  };
  kind();
  return h("details", { class: "adder" }, h("summary", {}, "range"), h("form", { onsubmit: apply }, of, low, high, choice, h("button", {}, "Apply")));
}
