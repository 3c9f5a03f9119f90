// The page: which view of which study, kept up to date.
import { empty, h } from "./dom.js";
import { Home } from "./home.js";
import { Explain } from "./explain.js";
import { Front } from "./front.js";
import { Parameters } from "./parameters.js";
import { Rungs } from "./rungs.js";
import { Workers } from "./workers.js";
import { filterBar, Overview, statusLine } from "./overview.js";
import { address, place, setRange } from "./place.js";
import { forgetColours, isDark } from "./scale.js";
import { isReport, keepToken, listen, load, mayStop, reportNote, reportOf, stop } from "./source.js";
import { StudyData } from "./study.js";
import { Trials } from "./trials.js";
import { TrialPage } from "./trial.js";

const VIEWS = {
  overview: ["Overview", Overview],
  parameters: ["Hyperparameters", Parameters],
  rungs: ["Rungs", Rungs],
  front: ["Front", Front],
  workers: ["Workers", Workers],
  trials: ["Trials", Trials],
  explain: ["Explain", Explain],
  trial: [null, TrialPage],
};
const PAUSE = 250; // milliseconds between two drawings

class StudyPage {
  constructor(app, name) {
    Object.assign(this, { app, name, viewKey: null, current: null, documents: new Map(), points: null, changed: null });
    this.line = h("div");
    this.tabs = h("nav", { "aria-label": "Views" });
    this.bar = h("div");
    this.holder = h("main");
    this.element = h("div", { class: "study" }, h("div", { class: "top" }, this.line, this.tabs, this.bar), this.holder);
    this.holder.append(empty("Reading the log …"));
    this.end = listen(name, (change) => this.hear(change), (lost) => app.lost(lost));
    this.clock = setInterval(() => { if (this.study?.status.owner) this.drawLine(); }, 1000);
    this.read();
  }

  close() {
    this.end();
    clearInterval(this.clock);
    clearTimeout(this.timer);
    this.current?.close();
  }

  async read() {
    if (this.reading) return;
    this.reading = true;
    try {
      const found = await load("study", { study: this.name });
      this.when = Date.now() / 1000;
      this.study = new StudyData(found);
      this.documents.clear();
      this.viewKey = null;
      document.title = `${found.name} · rung`;
      await this.show();
    } catch (error) {
      this.holder.replaceChildren(empty(error.message));
      console.info(error.message);
    } finally {
      this.reading = false;
    }
  }

  hear(change) {
    if (change.error) this.app.notice(change.error);
    else if (change.reload) this.read();
    else if (this.study && change.version >= this.study.version) {
      this.when = Date.now() / 1000;
      this.study.take(change);
      this.points = joined(this.points, change.points);
      this.changed = new Set([...(this.changed ?? []), ...change.trials.number]);
      this.timer ??= setTimeout(() => { this.timer = null; this.show(true); }, PAUSE);
    }
  }

  // ---- what the views ask

  get filter() { return place().filter; }
  get query() { return place().query; }
  get isFiltered() { const { status, top, ranges } = this.filter; return Boolean(status || top || ranges.length); }
  get metric() { return this.study.objective(this.query.get("metric")).name; }
  get rows() { return this.study.select(this.filter, this.metric); }
  setRange(of, low, high) { setRange(of, low, high); }
  openTrial(trial) { if (trial !== null) location.hash = address(this.name, "trial", trial); }

  // What the server reads off the log; asked for again at most once a second, when the log has grown.
  async document(name, query = {}) {
    const key = `${name} ${JSON.stringify(query)}`;
    const kept = this.documents.get(key);
    if (kept && (kept.version >= this.study.version || Date.now() - kept.at < 1000)) {
      if (kept.version < this.study.version) this.later ??= setTimeout(() => { this.later = null; this.show(true); }, 1000);
      return kept.data;
    }
    const data = await load(name, { study: this.name, ...query });
    this.documents.set(key, { data, at: Date.now(), version: data.version ?? this.study.version });
    return data;
  }

  async show(isChange = false) {
    if (!this.study) return;
    const here = place();
    const key = `${here.view}/${here.item}`;
    const [points, changed] = [isChange ? this.points ?? NOTHING : null, isChange ? this.changed ?? new Set() : null];
    this.points = this.changed = null;
    this.drawLine();
    this.drawTabs(here.view);
    const shown = here.view === "trial" || here.view === "explain" ? [] : [filterBar(this)];
    if (!this.bar.contains(document.activeElement) || !isChange) this.bar.replaceChildren(...shown);
    if (key !== this.viewKey) {
      this.current?.close();
      const [, View] = VIEWS[here.view] ?? VIEWS.overview;
      this.current = new View(this, here.item);
      this.viewKey = key;
      this.holder.replaceChildren(this.current.element);
      scrollTo(0, 0);
    }
    const showing = this.current;
    try {
      await showing.update(points, changed);
    } catch (error) {
      if (showing === this.current) this.app.notice(error.message);
    }
    this.holder.dataset.version = this.study.version;
  }

  drawLine() {
    const button = mayStop() && this.study.status.owner ? h("button", { class: "danger", onclick: () => this.stop() }, "Stop the study") : null;
    this.line.replaceChildren(h("div", { class: "heading" }, h("h1", {}, h("a", { href: address(this.name, "overview") }, this.study.name)), button),
      statusLine(this.study, this.when),
      this.study.thinned ? h("p", { class: "remark" }, this.study.thinned) : "");
  }

  async stop() {
    if (!confirm("Stop the study? Trials that run will run again when it goes on.")) return;
    try {
      await stop(this.name);
      this.app.notice("The study will stop.");
    } catch (error) {
      this.app.notice(error.message);
    }
  }

  drawTabs(view) {
    const { study } = this;
    const has = { rungs: study.columns.resource.some((n) => n > 0), front: study.goals.metrics.length > 1 };
    this.tabs.replaceChildren(...Object.entries(VIEWS).filter(([key, [title]]) => title && has[key] !== false).map(([key, [title]]) =>
      h("a", { href: address(this.name, key, null), "aria-current": key === view ? "page" : null }, title)));
  }
}

const NOTHING = { trial: [], x: [], t: [], metrics: {} };

function joined(before, new_) {
  if (!before) return new_;
  const metrics = {};
  for (const name of new Set([...Object.keys(before.metrics), ...Object.keys(new_.metrics)])) {
    const gap = (points) => points.metrics[name] ?? points.trial.map(() => undefined);
    metrics[name] = [...gap(before), ...gap(new_)];
  }
  return { trial: [...before.trial, ...new_.trial], x: [...before.x, ...new_.x], t: [...before.t, ...new_.t], metrics };
}

class App {
  constructor() {
    this.root = document.getElementById("app");
    this.crumb = h("span", { class: "crumb" });
    this.state = h("span", { class: "connection", role: "status" });
    this.message = h("div", { class: "notice", role: "alert", hidden: true });
    const home = isReport ? h("span", { class: "mark" }, "rung") : h("a", { class: "mark", href: "#/" }, "rung");
    const theme = h("button", { class: "plain", title: "Light or dark", "aria-label": "Light or dark", onclick: () => this.theme() }, "◐");
    this.body = h("div");
    this.root.replaceChildren(h("header", {}, home, this.crumb, this.state, theme), this.message, this.body);
    if (reportNote) this.body.before(h("p", { class: "reportnote" }, reportNote));
    try {
      const kept = localStorage.getItem("rung-theme");
      if (kept === "dark" || kept === "light") document.documentElement.dataset.theme = kept;
    } catch { /* a file may have no storage */ }
    addEventListener("hashchange", () => this.go());
    addEventListener("keydown", (event) => this.key(event));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.again());
    this.go();
  }

  go() {
    const here = place();
    if (keepToken(here.query)) {
      here.query.delete("token");
      const to = here.study === null ? "#/" : address(here.study, here.view, here.item, here.query);
      history.replaceState(null, "", to);
    }
    const study = here.study ?? reportOf;
    this.notice(null);
    if (this.page && this.shown === study) {
      this.page.show?.();
      return;
    }
    this.page?.close();
    this.shown = study;
    this.crumb.replaceChildren();
    if (isReport && here.study !== study) history.replaceState(null, "", address(study, "overview", null, new URLSearchParams()));
    this.page = study === null ? new Home(this) : new StudyPage(this, study);
    this.body.replaceChildren(this.page.element);
  }

  head(...children) {
    this.crumb.replaceChildren(...children);
  }

  lost(isLost) {
    this.state.textContent = isLost ? "The server is gone; this is what it sent last." : "";
  }

  notice(text) {
    this.message.textContent = text ?? "";
    this.message.hidden = !text;
  }

  theme() {
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("rung-theme", next);
    } catch { /* as above */ }
    this.again();
  }

  again() {
    forgetColours();
    this.page?.show?.();
  }

  // "/" searches the trials, Escape leaves a trial.
  key(event) {
    if (event.target.closest?.("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
    const here = place();
    const study = here.study ?? reportOf;
    if (study === null) return;
    if (event.key === "/") {
      event.preventDefault();
      location.hash = address(study, "trials", null);
      setTimeout(() => document.querySelector("input[type=search]")?.focus(), 50);
    } else if (event.key === "Escape" && here.view === "trial") {
      history.back();
    }
  }
}

new App();
