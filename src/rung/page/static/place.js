// Where one is: the study, the view, and the filter that holds for every plot. All of it stands in the address.

export function place() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [kind, name, view, item] = path.split("/").map(unescaped);
  const found = new URLSearchParams(query ?? "");
  return {
    study: kind === "study" ? name : null,
    view: view || "overview",
    item: item ?? null,
    query: found,
    filter: filterOf(found),
  };
}

function unescaped(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function address(study, view, item, query) {
  const path = ["study", study, view, item].filter((part) => part !== null && part !== undefined);
  const text = (query ?? keptQuery()).toString();
  return `#/${path.map((part) => encodeURIComponent(part)).join("/")}${text ? `?${text}` : ""}`;
}

// The filter goes along from view to view; what belongs to one view does, too, and is ignored elsewhere.
function keptQuery() {
  return place().query;
}

export function change(changes, silently = false) {
  const here = place();
  for (const [name, value] of Object.entries(changes)) {
    if (value === null || value === "" || value === undefined) here.query.delete(name);
    else here.query.set(name, value);
  }
  const to = address(here.study, here.view, here.item, here.query);
  if (silently) history.replaceState(null, "", to);
  else if (to !== location.hash) location.hash = to;
}

// status=completed,running  top=50  in=3:0.001~0.1  (hyperparameter 3 from 0.001 to 0.1)  in=m.error:~0.5
function filterOf(query) {
  const top = Number.parseInt(query.get("top") ?? "", 10);
  const status = (query.get("status") ?? "").split(",").filter(Boolean);
  const ranges = (query.get("in") ?? "").split(";").filter(Boolean).map((text) => {
    const at = text.lastIndexOf(":");
    const [low, high] = text.slice(at + 1).split("~");
    return { of: text.slice(0, at), low: bound(low, -Infinity), high: bound(high, Infinity) };
  });
  return { status: status.length ? new Set(status) : null, top: top > 0 ? top : null, ranges };
}

function bound(text, otherwise) {
  const value = Number.parseFloat(text);
  return Number.isNaN(value) ? otherwise : value;
}

export function rangesText(ranges) {
  const end = (value) => (Number.isFinite(value) ? String(value) : "");
  return ranges.map(({ of, low, high }) => `${of}:${end(low)}~${end(high)}`).join(";");
}

export function setRange(of, low, high) {
  const others = place().filter.ranges.filter((range) => range.of !== of);
  const all = low === null && high === null ? others : [...others, { of, low: low ?? -Infinity, high: high ?? Infinity }];
  change({ in: rangesText(all) });
}
