// The live page: asks for live.json once a second and shows it. All that comes from it is set as text, never as markup.
"use strict";
const every_ms = 1000, svg = "http://www.w3.org/2000/svg";
const by = id => document.getElementById(id);

function make(tag, name, text) {
  const out = document.createElement(tag);
  if (name) out.className = name;
  if (text !== undefined) out.textContent = text;
  return out;
}

function scaled(value, units, step) {
  let at = 0;
  while (value >= step && at + 1 < units.length) value /= step, ++at;
  return `${value >= 100 || (at === 0 && Number.isInteger(value)) ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)} ${units[at]}`.trim();
}
const bytes = value => scaled(value, ["B", "kB", "MB", "GB", "TB"], 1000);
const count = value => scaled(value, ["", "k", "M", "G"], 1000);
const time = us => us === 0 ? "–" : scaled(us, ["µs", "ms", "s"], 1000);
const rate = value => value < 0.05 ? "0" : scaled(value, ["", "k", "M"], 1000);
function span(s) {
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  return s < 172800 ? `${(s / 3600).toFixed(1)} h` : `${(s / 86400).toFixed(1)} d`;
}
const share = (part, whole) => whole > 0 ? `${(100 * part / whole).toFixed(part > 0 && part < whole / 100 ? 2 : 1)} %` : "–";

function show_tiles(data) {
  const m = data.last_minute, over_s = Math.min(60, Math.max(1, data.up_s)), seen = data.devices.filter(d => d.seen_s < 60);
  const waiting = data.models.reduce((sum, one) => sum + one.waiting, 0);
  const fallbacks = data.devices.reduce((sum, d) => sum + (d.report.fallbacks || 0), 0);
  const tiles = [["requests / s", rate(m.requests / over_s)], ["at the edge, median", time(m.p50_us)], ["95 % below", time(m.p95_us)], ["99 % below", time(m.p99_us)],
    ["devices", count(seen.length)], ["in queue", count(waiting)], ["items a run", m.batch ? m.batch.toFixed(1) : "–"], ["up / down a second", `${bytes(m.bytes_up / over_s)} / ${bytes(m.bytes_down / over_s)}`],
    ["refused", count(m.refused), m.refused > 0], ["fallbacks", count(fallbacks)]];
  by("tiles").replaceChildren(...tiles.map(([label, value, is_bad]) => {
    const tile = make("div", is_bad ? "tile bad" : "tile");
    tile.dataset.id = label;
    tile.append(make("b", "", value), make("span", "quiet", label));
    return tile;
  }));
}

function element(name, attributes, text) {
  const out = document.createElementNS(svg, name);
  for (const [key, value] of Object.entries(attributes)) out.setAttribute(key, value);
  if (text !== undefined) out.textContent = text;
  return out;
}

/// A round number that nothing exceeds.
function ceiling(value) {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map(k => k * power).find(k => k >= value * 0.999);
}

/// @param lines  [{label, color, values, bars}], one value a second, oldest first; null where there is none.
function chart(title, lines, format) {
  const box = make("div", "chart"), head = make("h3", "", title), left = 46, height = 120, low = height - 16, high = 8;
  const all = by("charts").clientWidth, width = Math.max(260, (all >= 930 ? all / 2 : all) - 36);
  for (const line of lines) head.append(make("span", line.color, line.label));
  const top = ceiling(Math.max(...lines.flatMap(line => line.values.map(v => v || 0))));
  const picture = element("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": title});
  const y = value => low - (low - high) * value / top, n = lines[0].values.length, x = i => left + (width - left) * i / n;
  for (const level of [0, 0.5, 1]) {
    picture.append(element("line", {class: "grid", x1: left, x2: width, y1: y(level * top), y2: y(level * top)}));
    picture.append(element("text", {x: left - 6, y: y(level * top) + 3, "text-anchor": "end"}, level === 0 ? "0" : format(level * top)));
  }
  for (const s of [120, 60]) picture.append(element("text", {x: x(n - s) < left ? left : x(n - s), y: height - 4}, s === 120 ? "2 min ago" : "1 min"));
  picture.append(element("text", {x: width, y: height - 4, "text-anchor": "end"}, "now"));
  for (const line of lines) {
    if (line.bars) {
      for (let i = 0; i < n; ++i)
        if (line.values[i] > 0) picture.append(element("rect", {class: `mark ${line.color}`, x: x(i), y: y(line.values[i]), width: (width - left) / n * 0.8, height: low - y(line.values[i])}));
      continue;
    }
    let path = "", is_down = false;
    line.values.forEach((value, i) => {
      if (value !== null) path += `${is_down ? "L" : "M"}${(x(i) + 1.5).toFixed(1)} ${y(value).toFixed(1)}${is_down ? "" : "h.1"}`;
      is_down = value !== null;
    });
    if (path) picture.append(element("path", {class: `curve ${line.color}`, d: path}));
  }
  box.append(head, picture);
  return box;
}

function show_charts(data) {
  const s = data.seconds, of = key => s.map(one => one[key]), answered = key => s.map(one => one.requests > one.refused ? one[key] : null);
  by("charts").replaceChildren(
    chart("Requests a second", [{label: "all", color: "blue", values: of("requests"), bars: true}, {label: "refused", color: "red", values: of("refused"), bars: true}], count),
    chart("Time at the edge", [{label: "99 %", color: "red", values: answered("p99_us")}, {label: "95 %", color: "amber", values: answered("p95_us")}, {label: "median", color: "blue", values: answered("p50_us")}], time),
    chart("Bytes a second", [{label: "up", color: "teal", values: of("bytes_up")}, {label: "down", color: "amber", values: of("bytes_down")}], bytes),
    chart("Items a run", [{label: "mean", color: "teal", values: answered("batch")}], value => value.toFixed(1)));
}

/// @param columns  [label, value of a row, class]; a value of undefined is shown as a dash.
function show_table(table, columns, rows, nothing, row_class) {
  const body = make("tbody"), head = make("tr");
  for (const [label, , name] of columns) head.append(make("th", name === "name" ? "" : name || "", label));
  body.append(head);
  for (const row of rows) {
    const line = make("tr", row_class ? row_class(row) : "");
    for (const [label, value, name, is_bad] of columns) {
      const cell = make("td", `${name || ""}${is_bad && is_bad(row) ? " bad" : ""}`.trim(), value(row) ?? "–");
      cell.dataset.label = label;
      if (name === "name") cell.title = cell.textContent;
      line.append(cell);
    }
    body.append(line);
  }
  if (rows.length === 0) {
    const line = make("tr"), cell = make("td", "empty", nothing);
    cell.colSpan = columns.length;
    line.append(cell);
    body.append(line);
  }
  table.replaceChildren(body);
}

function show_devices(data) {
  const counted = key => d => d.report[key] === undefined ? undefined : count(d.report[key]);
  by("device-count").textContent = data.forgotten_devices > 0 ? `the last ${data.devices.length}; ${data.forgotten_devices} more were seen before` : "";
  show_table(by("devices"), [
    ["device", d => d.name ? `${d.name} (${d.identity})` : d.identity, "name"],
    ["plan", d => d.report.plan || d.plan || undefined, "name"],
    ["model", d => d.model ? `${d.model} ${d.sha256.slice(0, 8)}` : undefined, "name"],
    ["/ s", d => rate(d.per_second), "number"],
    ["median / 95 %", d => `${time(d.p50_us)} / ${time(d.p95_us)}`, "number"],
    ["up / down", d => `${bytes(d.bytes_up)} / ${bytes(d.bytes_down)}`, "number"],
    ["requests", d => count(d.requests), "number"],
    ["refused", d => count(d.refused), "number", d => d.refused > 0],
    ["local", counted("local"), "number"],
    ["fallbacks", counted("fallbacks"), "number", d => d.report.fallbacks > 0],
    ["late", counted("late"), "number", d => d.report.late > 0],
    ["agreement", d => d.report.shadowed > 0 ? `${share(d.report.agreed, d.report.shadowed)} of ${count(d.report.shadowed)}` : undefined, "number"],
    ["seen", d => d.seen_s < 2 ? "now" : span(d.seen_s), "number"],
  ], data.devices, "no device has asked yet", d => d.seen_s > 10 ? "idle" : "");
}

function show_models(data) {
  show_table(by("models"), [
    ["model", m => `${m.name} ${m.version}`, "name"],
    ["state", m => m.is_ready ? "ready" : "not ready", "", m => !m.is_ready],
    ["plan", m => m.plan || undefined, "name"],
    ["sha256", m => m.sha256.slice(0, 12)],
    ["engine", m => m.engine, "name"],
    ["in queue", m => count(m.waiting), "number"],
    ["requests", m => count(m.requests), "number"],
    ["failed", m => share(m.failed, m.requests + m.failed), "number", m => m.failed > 0],
    ["runs", m => count(m.executions), "number"],
    ["items a run", m => m.executions > 0 ? (m.inferences / m.executions).toFixed(2) : undefined, "number"],
    ["waits / computes", m => `${time(m.queue_us)} / ${time(m.compute_us)}`, "number"],
  ], data.models, "no model is loaded");
}

function show(data) {
  const state = by("state");
  state.textContent = data.is_ready ? "ready" : "not ready";
  state.className = data.is_ready ? "state good" : "state bad";
  by("about").textContent = `version ${data.version}, up for ${span(data.up_s)}, ${count(data.totals.requests)} requests`;
  show_tiles(data);
  show_charts(data);
  show_devices(data);
  show_models(data);
}

async function update() {
  try {
    const answer = await fetch("live.json", {cache: "no-store"});
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    show(await answer.json());
  } catch (error) {
    by("state").textContent = `no answer: ${error.message}`;
    by("state").className = "state bad";
  }
  setTimeout(update, every_ms);
}
update();
