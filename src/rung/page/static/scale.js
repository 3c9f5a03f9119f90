// Scales: from values to pixels, with ticks where a reader expects them.
import { fmt } from "./dom.js";

// Values to a scale's range. Diverged values would squeeze all others into a line, so a linear range leaves out what
// lies far beyond the rest, and says how many that are.
export function extent(values, wanted = null) {
  const finite = values.filter((value) => Number.isFinite(value)).sort((a, b) => a - b);
  if (!finite.length) return { kind: "linear", low: 0, high: 1, beyond: 0 };
  let [low, high] = [finite[0], finite[finite.length - 1]];
  const log = wanted ? wanted === "log" && low > 0 : low > 0 && high > 100 * low;
  if (log) return { kind: "log", ...padded(low, high, true), beyond: 0 };
  const at = (part) => finite[Math.round(part * (finite.length - 1))];
  const span = at(0.9) - at(0.1) || high - low;
  const [least, most] = [at(0.1) - 5 * span, at(0.9) + 5 * span];
  const inside = finite.filter((value) => value >= least && value <= most);
  [low, high] = [inside[0], inside[inside.length - 1]];
  return { kind: "linear", ...padded(low, high, false), beyond: finite.length - inside.length };
}

function padded(low, high, log) {
  if (low === high) return log ? { low: low / 2, high: high * 2 } : { low: low - (Math.abs(low) || 1) / 2, high: high + (Math.abs(high) || 1) / 2 };
  if (log) {
    const margin = (high / low) ** 0.04;
    return Number.isFinite(margin) ? { low: low / margin, high: high * margin } : { low, high };
  }
  const margin = (high - low) * 0.04;
  return Number.isFinite(margin) ? { low: low - margin, high: high + margin } : { low, high };
}

export function scale({ kind = "linear", low, high, labels, unit }, from, to) {
  if (kind === "category") return categories(labels, from, to);
  const log = kind === "log";
  const [a, b] = log ? [Math.log(low), Math.log(high)] : [low / 2, high / 2]; // halves: their difference is finite
  const place = (value) => from + ((log ? Math.log(value) : value / 2) - a) / (b - a || 1) * (to - from);
  const value = (pixel) => {
    const inner = a + (pixel - from) / (to - from || 1) * (b - a);
    return log ? Math.exp(inner) : 2 * inner;
  };
  const room = Math.max(3, Math.floor(Math.abs(to - from) / (from < to ? 70 : 27)));
  const ticks = log ? logTicks(low, high, room) : linearTicks(low, high, room, unit);
  return { place, value, ticks, inside: (x) => x >= low && x <= high };
}

function categories(labels, from, to) {
  const width = (to - from) / Math.max(1, labels.length);
  const step = Math.max(1, Math.ceil(labels.length / Math.max(1, Math.abs(to - from) / 22)));
  return {
    place: (index) => from + (index + 0.5) * width,
    value: (pixel) => Math.floor((pixel - from) / width),
    ticks: labels.map((label, value) => ({ value, label })).filter((_, i) => i % step === 0),
    inside: (index) => index >= 0 && index < labels.length,
    width: Math.abs(width),
  };
}

function linearTicks(low, high, room, unit) {
  const size = unit?.size ?? 1;
  const [start, end] = [low / size, high / size];
  const rough = (end / room - start / room);
  if (!(rough > 0) || !Number.isFinite(rough)) return [{ value: low, label: fmt(low) }];
  const power = 10 ** Math.floor(Math.log10(rough));
  let step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
  if (unit?.whole) step = Math.max(1, Math.round(step));
  const ticks = [];
  for (let i = Math.ceil(start / step - 1e-9); i * step <= end + 1e-9 * step && ticks.length < 50; i++) {
    ticks.push({ value: i * step * size, label: fmt(Number((i * step).toPrecision(12))) });
  }
  return ticks;
}

function logTicks(low, high, room) {
  const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
  const decades = last - first + 1;
  const ticks = [];
  const factors = decades >= room ? [1] : decades * 2 <= room ? [1, 2, 5] : [1, 3];
  const every = Math.max(1, Math.ceil(decades / room));
  for (let power = first - 1; power <= last; power++) {
    if (factors.length === 1 && (power - first) % every) continue;
    for (const factor of factors) {
      const value = factor * 10 ** power;
      if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) ticks.push({ value, label: fmt(Number(value.toPrecision(6))) });
    }
  }
  return ticks.length > 1 ? ticks : linearTicks(low, high, Math.min(room, 4));
}

export function timeUnit(seconds) {
  const units = [["d", 86400], ["h", 3600], ["min", 60]];
  const [name, size] = units.find(([, length]) => seconds >= 3 * length) ?? ["s", 1];
  return { name, size };
}

// ---- colours

const VIRIDIS = [[68, 1, 84], [71, 44, 122], [59, 81, 139], [44, 113, 142], [33, 144, 141], [39, 173, 129], [92, 200, 99],
  [170, 220, 50], [253, 231, 37]];

export function viridis(part) {
  const at = Math.min(Math.max(part, 0), 1) * (VIRIDIS.length - 1);
  const [low, rest] = [Math.floor(at), at - Math.floor(at)];
  const [a, b] = [VIRIDIS[low], VIRIDIS[Math.min(low + 1, VIRIDIS.length - 1)]];
  return `rgb(${a.map((channel, i) => Math.round(channel + (b[i] - channel) * rest)).join(",")})`;
}

// From the best (0) to the worst (1): what stands out from the paper is good.
export function ranked(part) {
  return isDark() ? viridis(0.97 - 0.72 * part) : viridis(0.02 + 0.86 * part);
}

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

const colours = new Map(); // of ten thousand dots, each asks

export function colour(name) {
  if (!colours.has(name)) colours.set(name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim());
  return colours.get(name);
}

export function forgetColours() {
  colours.clear();
}
