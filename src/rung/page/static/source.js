// Where the data comes from: the server of a live page, or the one file that is the report.

const embedded = document.getElementById("data");
const kept = embedded ? JSON.parse(embedded.textContent) : null;

export const isReport = kept !== null;
export const reportOf = kept ? kept.name : null;
export const reportNote = kept ? kept.note : null;

export async function load(name, query = {}) {
  if (kept) return fromReport(name, query);
  const text = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== null)).toString();
  const answer = await fetch(`/api/${name}${text ? `?${text}` : ""}`, { credentials: "omit" });
  const data = await answer.json();
  if (!answer.ok) throw new Error(data.error ?? answer.statusText);
  return data;
}

async function fromReport(name, query) {
  if (name === "trial") {
    const found = kept.trials[query.trial];
    if (!found) throw new Error("This file holds the pages of the best, the failed and some other trials; not of this one.");
    return found;
  }
  if (name === "curves") return reportCurves(query);
  if (name === "log") return { text: kept.logs[`${query.trial}/${query.attempt}`] ?? "" };
  if (name === "surface") name = `surface ${query.metric} ${query.x} ${query.y}`;
  if (name === "importance") name = `importance ${query.metric}`;
  if (!(name in kept.documents)) throw new Error("This is not part of the file.");
  return kept.documents[name];
}

function reportCurves(query) {
  const found = kept.documents[`curves ${query.metric}`] ?? { curves: [] };
  const wanted = query.trials === undefined ? null : new Set(query.trials.split(",").map(Number));
  return { ...found, curves: found.curves.filter((curve) => !wanted || wanted.has(curve.trial)) };
}

export function pictureAddress(study, trial, note, file) {
  if (kept) return kept.pictures[`${trial}/${note}/${file}`] ?? null;
  return `/api/file?${new URLSearchParams({ study, trial, note, file })}`;
}

export function listen(study, hear, lost) {
  if (kept) return () => {};
  const stream = new EventSource(study === null ? "/api/events" : `/api/events?${new URLSearchParams({ study })}`);
  let broken = false;
  stream.onmessage = (event) => hear(JSON.parse(event.data));
  stream.onopen = () => {
    if (broken) hear({ reload: true });
    broken = false;
    lost(false);
  };
  stream.onerror = () => {
    broken = true;
    lost(true);
  };
  return () => stream.close();
}

// ---- what needs the token that stood in the address

const TOKEN = "rung-token";

export function keepToken(query) {
  const token = query.get("token");
  if (!token) return false;
  try {
    sessionStorage.setItem(TOKEN, token);
  } catch {
    return false;
  }
  return true;
}

export function mayStop() {
  try {
    return !kept && sessionStorage.getItem(TOKEN) !== null;
  } catch {
    return false;
  }
}

export async function stop(study, trial = null) {
  const answer = await fetch("/api/stop", {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Rung-Token": sessionStorage.getItem(TOKEN) ?? "" },
    body: JSON.stringify({ study, trial }),
  });
  if (!answer.ok) throw new Error((await answer.json()).error);
}
