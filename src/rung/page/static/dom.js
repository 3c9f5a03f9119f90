// Elements and texts. Whatever comes from a study goes in as text; nothing here takes HTML.

export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (name in PROPERTIES) element[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const PROPERTIES = { value: 1, checked: 1, disabled: 1, textContent: 1, tabIndex: 1, selected: 1 };

// Four significant digits; the exact number belongs into a title.
export function fmt(value) {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return String(value);
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return minus(String(value));
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) {
    const [digits, power] = value.toExponential(3).split("e");
    return minus(`${digits.replace(/\.?0+$/, "")}e${power.replace("+", "")}`);
  }
  return minus(value.toPrecision(4).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, ""));
}

function minus(text) {
  return text.replaceAll("-", "−");
}

export function duration(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  if (seconds < 0.9995) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 59.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 3600) return joined(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 172800) return joined(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return joined(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

function joined(large, unit, small, part) {
  return small ? `${large} ${unit} ${small} ${part}` : `${large} ${unit}`;
}

export function ago(wall) {
  const seconds = Math.max(0, Date.now() / 1000 - wall);
  return seconds < 5 ? "now" : `${duration(Math.round(seconds)).replace(".0 s", " s")} ago`;
}

export function counted(n, noun) {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

export const STATUSES = ["running", "completed", "stopped", "paused", "failed", "interrupted", "lost", "created"];

// A colour alone says nothing to some: each status has a sign of its own, too.
export const SIGNS = {
  running: "▶", completed: "●", stopped: "✕", paused: "○", failed: "!", interrupted: "‖", lost: "?", created: "·",
};

export function statusMark(status) {
  return h("span", { class: `status ${STATUSES.includes(status) ? status : ""}` },
    h("i", { "aria-hidden": "true" }, SIGNS[status] ?? "·"), " ", status);
}

export function numeric(value) {
  const exact = typeof value === "number" && fmt(value) !== String(value) ? String(value) : null;
  return h("span", { class: "number", title: exact }, fmt(value));
}

export function pairs(entries, show = shownValue) {
  return h("dl", { class: "pairs" }, entries.map(([name, value]) => [h("dt", {}, name), h("dd", {}, show(value))]));
}

export function shownValue(value) {
  if (typeof value === "number") return numeric(value);
  return value === null || value === undefined ? "–" : String(value);
}

export function panel(title, note, ...children) {
  return h("section", { class: "panel" },
    title ? h("h2", {}, title, note ? h("small", {}, note) : null) : null, ...children);
}

export function empty(text) {
  return h("p", { class: "empty" }, text);
}

export function select(label, options, value, change) {
  return h("label", { class: "select" }, h("span", {}, label),
    h("select", { onchange: (event) => change(event.target.value) },
      options.map(([key, text]) => h("option", { value: key, selected: String(key) === String(value) }, text))));
}
