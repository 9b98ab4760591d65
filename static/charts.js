// One cursor for all charts of a page, by mouse, touch and keyboard; dragging zooms in place; legends hide lines; PNG.
// All listeners are on the document, so that charts which are added or updated later work too. What a value is comes
// from the drawing itself: its coordinates are whole numbers of the last digit shown (reporting/charts/scale.py).
(() => {
const SVG = "http://www.w3.org/2000/svg";
const DRAWN = "figure.chart[data-kind]";
const DRAG = 0.03; // of the width: a shorter drag is a click
const OTHERS = 4; // charts whose value stands in the tooltip of another
if (document.documentElement.classList.contains("charts-js")) return;
document.documentElement.classList.add("charts-js");
const figures = () => [...document.querySelectorAll(DRAWN)];
const isTimed = (figure) => "second" in figure.dataset;
const number = (figure, name) => Number(figure.dataset[name]);
const decoded = new WeakMap();
const stacked = new WeakMap(); // area of a stack -> its path as it was drawn, and as it is shown
const fingers = new Map(); // that touch a chart: pointer -> { figure, share }
let cursor = null; // { id, at } or { id, index }
let drag = null; // { figure, from, x }
let voice = null;

// The points of a path, piece by piece.
function decode(path) {
  const d = path.getAttribute("d"), kept = decoded.get(path);
  if (kept?.d === d) return kept.pieces;
  const pieces = parse(d);
  decoded.set(path, { d, pieces });
  return pieces;
}

const parse = (d) => d.split("M").slice(1).map((part) => {
  const steps = part.match(/-?\d+/g).map(Number), points = [[steps[0], steps[1]]];
  for (let i = 2; i < steps.length; i += 2) points.push([points.at(-1)[0] + steps[i], points.at(-1)[1] + steps[i + 1]]);
  return points;
});
const steps = (points) => points.map(([x, y], i) => (i ? `${x - points[i - 1][0]} ${y - points[i - 1][1]}` : `M${x} ${y}l${points.length > 1 ? "" : "0 0"}`)).join(" ");

// The areas that are shown lie on each other without a hole; all layers have the same times.
function restack(figure) {
  let floor = null; // where the next layer begins, point by point
  for (const group of figure.querySelectorAll("g.series")) {
    const area = group.querySelector(".area"), edge = group.querySelector(".edge");
    if (stacked.get(area)?.shown !== area.getAttribute("d")) stacked.set(area, { drawn: area.getAttribute("d") });
    const kept = stacked.get(area);
    const pieces = parse(kept.drawn).map((points) => points.slice(0, points.length / 2).map(([x, upper], i) => ({ x, lower: points.at(-1 - i)[1], upper })));
    floor ??= pieces.map((piece) => piece.map(({ lower }) => lower));
    if (isHidden(figure, group)) {
      kept.shown = area.getAttribute("d");
      continue;
    }
    const bottom = floor;
    floor = pieces.map((piece, p) => piece.map(({ lower, upper }, i) => bottom[p][i] - (lower - upper)));
    const upper = pieces.map((piece, p) => piece.map(({ x }, i) => [x, floor[p][i]]));
    const lower = pieces.map((piece, p) => piece.map(({ x }, i) => [x, bottom[p][i]]));
    kept.shown = upper.map((points, p) => `${steps([...points, ...lower[p].reverse()])}z`).join("");
    area.setAttribute("d", kept.shown);
    edge.setAttribute("d", upper.map(steps).join(""));
  }
}
const restackAll = () => { for (const figure of document.querySelectorAll("figure.chart[data-kind=stack]:has([aria-pressed=false])")) restack(figure); };

// The point of the nearest piece at x, as [x, y, lower y]; null in a gap.
function nearest(pieces, x, closed, holds) {
  for (const piece of pieces) {
    const count = closed ? piece.length / 2 : piece.length, room = count > 1 ? (piece[count - 1][0] - piece[0][0]) / (count - 1) : 1;
    if (x < piece[0][0] - room || x > piece[count - 1][0] + room) continue;
    let low = 0, high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (piece[middle][0] < x) low = middle + 1; else high = middle;
    }
    if (low > 0 && (holds || x - piece[low - 1][0] < piece[low][0] - x)) low -= 1;
    return [...piece[low], closed ? piece[piece.length - 1 - low][1] : null];
  }
  return null;
}

const isHidden = (figure, group) => {
  const line = [...group.classList].find((name) => /^l\d+$/.test(name))?.slice(1);
  return line !== undefined && figure.querySelector(`[data-line="${line}"]`)?.getAttribute("aria-pressed") === "false";
};
const swatchOf = (figure, label) =>
  [...figure.querySelectorAll(".legend > *")].find((key) => key.textContent.trim() === label)?.querySelector("svg");
const show = (value, digits) => {
  const text = value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
  return /[1-9]/.test(text) ? text.replace("-", "−") : text.replace("-", "");
};

// What a chart over time shows at a time: [{ label, value, text, x, y, group }], hidden lines left out.
function readTimes(figure, at) {
  const digits = number(figure, "digits"), quantum = number(figure, "quantum"), top = number(figure, "top");
  const unit = figure.dataset.unit ? `\u202f${figure.dataset.unit}` : "", kind = figure.dataset.kind;
  const x = (at - number(figure, "origin")) / number(figure, "second"), rows = [];
  for (const group of figure.querySelectorAll("g.series")) {
    if (isHidden(figure, group)) continue;
    const label = group.dataset.label, area = group.querySelector(".area"), band = group.querySelector(".band");
    const point = nearest(decode(area ?? group.querySelector(".line, .ghost")), x, Boolean(area), kind === "steps");
    const spread = point && band && kind === "lines" ? nearest(decode(band), point[0], true) : null;
    const value = !point ? null : area ? (point[2] - point[1]) * quantum : top - point[1] * quantum;
    rows.push({
      label, value, x: point?.[0], y: point?.[1], group, isBefore: group.classList.contains("before"),
      text: point ? show(value, digits) + unit : "–",
      spread: spread && `${show(top - spread[2] * quantum, digits)} to ${show(top - spread[1] * quantum, digits)}${unit}`,
    });
  }
  rows.sort((one, other) => one.isBefore - other.isBefore);
  if (kind === "stack") {
    const known = rows.filter((row) => row.value !== null);
    rows.reverse();
    if (rows.length > 1) rows.push({ label: "All", text: known.length ? show(known.reduce((sum, row) => sum + row.value, 0), digits) + unit : "–" });
  }
  return rows;
}

const timeText = (figure, at) => {
  const span = number(figure, "until") - number(figure, "since");
  const parts = { hour: "2-digit", minute: "2-digit", timeZone: figure.dataset.zone, hourCycle: "h23" };
  if (!figure.dataset.day) Object.assign(parts, { weekday: "short", day: "numeric", month: "short" });
  if (span < 3600) parts.second = "2-digit";
  if (span > 31e6) parts.year = "numeric";
  return new Date(at * 1000).toLocaleString("en-GB", parts).replaceAll(",", "");
};

const percent = (element, name) => parseFloat(element.getAttribute(name) ?? "0");
const within = (element, share) => {
  const left = percent(element, "x");
  return share * 100 >= left && share * 100 <= left + percent(element, "width");
};

// What a chart shows where the cursor is: { head, rows, across, dots }.
function read(figure, at, index) {
  if (figure.dataset.kind === "bars") {
    const hit = figure.querySelectorAll("rect.hit")[index];
    const [head, ...lines] = hit.querySelector("title").textContent.split("\n");
    const rows = lines.map((line) => ({ label: line.slice(0, line.lastIndexOf(": ")), text: line.slice(line.lastIndexOf(": ") + 2) }));
    return { head, rows, across: (index + 0.5) / number(figure, "bars"), dots: [], column: hit };
  }
  const across = (at - number(figure, "since")) / (number(figure, "until") - number(figure, "since"));
  if (figure.dataset.kind === "timeline") {
    const rows = [...figure.querySelectorAll("g.series")].map((group) => {
      const found = [...group.querySelectorAll("rect:not(.track)")].reverse().find((rect) => within(rect, across));
      const told = found?.querySelector("title")?.textContent.split(", "); // state, when it began, how long it lasts
      return { label: group.dataset.label, text: told ? `${told.slice(0, -2).join(", ")} · ${told.at(-1)}` : found ? "silent" : "not known" };
    });
    return { head: timeText(figure, at), rows, across, dots: [] };
  }
  const rows = readTimes(figure, at), behind = [...figure.querySelectorAll("rect.shade, rect.silent")].find((rect) => within(rect, across));
  const dots = rows.filter((row) => row.y !== undefined && !row.isBefore).map((row) => ({
    across: (row.x - number(figure, "left")) / number(figure, "width"), down: (row.y - number(figure, "above")) / number(figure, "height"), group: row.group,
  }));
  const state = behind ? ` · ${behind.classList.contains("shade") ? "on battery" : "silent"}` : "";
  return { head: timeText(figure, at) + state, rows, across, dots };
}

const draw = (name, attributes) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

function drawCursor(figure, found) {
  for (const layer of figure.querySelectorAll("g.cursor")) {
    const x = `${found.across * 100}%`, parts = [];
    if (found.column) parts.push(draw("rect", { class: "column", x: found.column.getAttribute("x") ?? 0, width: found.column.getAttribute("width"), height: "100%" }));
    else parts.push(draw("line", { x1: x, x2: x, y2: "100%" }));
    for (const dot of found.dots) {
      if (dot.down < -0.001 || dot.down > 1.001) continue;
      const style = [...(dot.group.querySelector(".line, .edge")?.classList ?? [])].find((name) => /^s\d$/.test(name)) ?? "";
      parts.push(draw("circle", { class: `dot ${style}`, cx: `${dot.across * 100}%`, cy: `${dot.down * 100}%`, r: 4.5 }));
    }
    layer.replaceChildren(...parts);
  }
}

function fillTip(figure, found) {
  const tip = figure.querySelector(".tip"), list = document.createElement("dl"), head = document.createElement("b");
  head.textContent = found.head;
  for (const row of found.rows) {
    const name = document.createElement("dt"), value = document.createElement("dd"), swatch = swatchOf(figure, row.label);
    if (swatch) name.append(swatch.cloneNode(true));
    const text = document.createElement("bdi");
    text.textContent = row.label;
    name.append(text);
    value.textContent = row.text;
    list.append(name, value);
  }
  tip.replaceChildren(head, list);
  tip.hidden = false;
  const plot = tip.parentElement.getBoundingClientRect(), box = figure.querySelector("svg.drawing").getBoundingClientRect();
  const x = box.left - plot.left + found.across * box.width, right = found.across > 0.5;
  if (getComputedStyle(tip).position !== "absolute") { tip.removeAttribute("style"); return; }
  tip.style.top = "28px";
  tip.style.left = right ? "auto" : `${x + 14}px`;
  tip.style.right = right ? `${plot.width - x + 14}px` : "auto";
}

function fillReadout(figure, found) {
  const head = document.createElement("b");
  head.textContent = found.head;
  figure.querySelector(".readout").replaceChildren(head, ...found.rows.map((row) => {
    const entry = document.createElement("span"), name = document.createElement("bdi"), value = document.createElement("b");
    const swatch = swatchOf(figure, row.label);
    if (swatch) entry.append(swatch.cloneNode(true));
    name.textContent = row.label;
    value.textContent = row.text;
    entry.append(name, " ", value);
    return entry;
  }));
}

// The rows of the tooltip: one line has its lowest and highest value and what the other charts show at that time.
function rowsOf(figure, found, at) {
  if (!isTimed(figure)) return found.rows;
  const lines = found.rows.filter((row) => !row.isBefore && row.group), rows = [];
  for (const row of found.rows) {
    rows.push(row);
    if (lines.length === 1 && row.spread && row.value !== null) rows.push({ label: "lowest to highest", text: row.spread });
  }
  if (lines.length > 3) return rows;
  const others = figures().filter((one) => one !== figure && one.dataset.kind === "lines" && one.dataset.since === figure.dataset.since);
  for (const other of others.slice(0, OTHERS)) {
    const [row] = readTimes(other, at);
    if (row?.value !== null && row !== undefined && other.querySelectorAll("g.series").length === 1) rows.push({ label: other.getAttribute("aria-label"), text: row.text });
  }
  return rows;
}

function place(figure, at, index, aloud = false) {
  cursor = { id: figure.id, at, index };
  const found = read(figure, at, index);
  if (isTimed(figure) && found.dots.length) {
    found.across = found.dots[0].across;
    cursor.at = at = number(figure, "since") + found.across * (number(figure, "until") - number(figure, "since"));
    found.head = read(figure, at).head;
  }
  found.rows = rowsOf(figure, found, at);
  for (const other of figures()) {
    if (other === figure) drawCursor(figure, found);
    else if (at !== undefined && "since" in other.dataset && at >= number(other, "since") && at <= number(other, "until")) drawCursor(other, read(other, at));
    else clear(other);
    if (other !== figure) other.querySelector(".tip").hidden = true;
  }
  const text = `${found.head}: ${found.rows.map((row) => `${row.label} ${row.text}`).join(", ")}`;
  if (figure.classList.contains("of-many")) fillReadout(figure, found);
  else fillTip(figure, found);
  if (aloud) speak(text);
}

function clear(figure) {
  for (const layer of figure.querySelectorAll("g.cursor")) layer.replaceChildren();
  figure.querySelector(".tip").hidden = true;
  figure.querySelector(".readout").textContent = "";
}

function leave() {
  cursor = null;
  for (const figure of figures()) clear(figure);
}

function speak(text) {
  if (!voice) {
    voice = document.createElement("p");
    voice.className = "unseen";
    voice.id = "chart-voice";
    voice.setAttribute("aria-live", "polite");
    document.body.append(voice);
  }
  voice.textContent = text;
}

const under = (event) => event.target.closest?.("svg.drawing")?.closest(DRAWN);
const shareOf = (figure, event) => {
  const box = (event.target.closest("svg.drawing") ?? figure.querySelector("svg.drawing")).getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
};
const timeAt = (figure, share) => number(figure, "since") + share * (number(figure, "until") - number(figure, "since"));

function follow(figure, share) {
  if (figure.dataset.kind === "bars") place(figure, undefined, Math.min(number(figure, "bars") - 1, Math.floor(share * number(figure, "bars"))));
  else place(figure, timeAt(figure, share));
}

const canZoom = (figure) => isTimed(figure) && !figure.dataset.day;

function pick(from, to) {
  drag.from = from;
  drag.to = to;
  drag.figure.querySelector("g.cursor").replaceChildren(draw("rect", { class: "picked", x: `${Math.min(from, to) * 100}%`, width: `${Math.abs(to - from) * 100}%`, height: "100%" }));
  drag.figure.querySelector(".tip").hidden = true;
}

function zoom() {
  const { figure, from, to } = drag;
  drag = null;
  if (Math.abs(to - from) < DRAG) return follow(figure, to);
  leave();
  const url = new URL(location.href);
  url.searchParams.delete("range");
  url.searchParams.set("since", new Date(timeAt(figure, Math.min(from, to)) * 1000).toISOString());
  url.searchParams.set("until", new Date(timeAt(figure, Math.max(from, to)) * 1000).toISOString());
  go(url);
}

// A mouse picks a time by dragging, two fingers by where they are.
document.addEventListener("pointermove", (event) => {
  const finger = fingers.get(event.pointerId);
  if (finger) finger.share = shareOf(finger.figure, event);
  if (drag && fingers.size === 2) return pick(...[...fingers.values()].map((one) => one.share));
  if (drag) return pick(drag.from, shareOf(drag.figure, event));
  const figure = under(event);
  if (figure) follow(figure, shareOf(figure, event));
  else if (cursor && !document.activeElement?.matches?.("svg.drawing")) leave();
});
document.addEventListener("pointerdown", (event) => {
  const figure = under(event);
  if (!figure) return void (cursor && leave());
  const share = shareOf(figure, event);
  if (event.pointerType === "touch") fingers.set(event.pointerId, { figure, share });
  const [first, second] = [...fingers.values()];
  if (second && first.figure === figure && canZoom(figure)) {
    drag = { figure };
    pick(first.share, second.share);
  } else if (event.pointerType === "mouse" && event.button === 0 && canZoom(figure)) {
    drag = { figure, from: share, to: share };
    event.preventDefault();
  } else follow(figure, share);
});
document.addEventListener("pointerup", (event) => {
  fingers.delete(event.pointerId);
  if (drag) zoom();
});
document.addEventListener("pointercancel", (event) => { fingers.delete(event.pointerId); drag = null; leave(); });
document.addEventListener("live", restackAll);
document.documentElement.addEventListener("pointerleave", () => { if (!drag) leave(); });

// The times at which a chart has a value, in seconds; of the line with most of them.
function stops(figure) {
  const lines = [...figure.querySelectorAll("g.series")].filter((group) => !isHidden(figure, group)).map((group) => {
    const area = group.querySelector(".area");
    return decode(area ?? group.querySelector(".line, .ghost")).flatMap((piece) => (area ? piece.slice(0, piece.length / 2) : piece).map(([x]) => x));
  });
  const longest = lines.sort((a, b) => b.length - a.length)[0] ?? [];
  return longest.map((x) => number(figure, "origin") + x * number(figure, "second")).filter((at) => at >= number(figure, "since") && at <= number(figure, "until"));
}

const STEPS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
document.addEventListener("keydown", (event) => {
  const figure = under(event);
  if (!figure || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape") return leave();
  if (!(event.key in STEPS)) return;
  event.preventDefault();
  const step = STEPS[event.key] * (event.shiftKey ? 10 : 1), mine = cursor?.id === figure.id ? cursor : null;
  const move = (here, count) => Math.max(0, Math.min(count - 1, step === -Infinity ? 0 : step === Infinity ? count - 1 : here + step));
  if (figure.dataset.kind === "bars") {
    const count = number(figure, "bars");
    return place(figure, undefined, move(mine?.index ?? (step > 0 ? -1 : count), count), true);
  }
  if (figure.dataset.kind === "timeline") {
    const span = number(figure, "until") - number(figure, "since"), here = mine ? Math.round((mine.at - number(figure, "since")) / span * 100) : step > 0 ? -1 : 101;
    return place(figure, timeAt(figure, move(here, 101) / 100), undefined, true);
  }
  const times = stops(figure);
  if (!times.length) return;
  const here = mine ? times.reduce((best, at, index) => (Math.abs(at - mine.at) < Math.abs(times[best] - mine.at) ? index : best), 0) : step > 0 ? -1 : times.length;
  place(figure, times[move(here, times.length)], undefined, true);
});
document.addEventListener("focusin", (event) => {
  if (event.target.matches?.("svg.drawing:focus-visible")) speak("Left and right arrow keys read the values, Home and End the first and the last.");
});
document.addEventListener("focusout", (event) => { if (event.target.matches?.("svg.drawing")) leave(); });

document.addEventListener("click", (event) => {
  const key = event.target.closest?.("button[data-line]");
  if (key) {
    key.setAttribute("aria-pressed", String(key.getAttribute("aria-pressed") === "false"));
    const figure = key.closest(DRAWN);
    if (figure?.dataset.kind === "stack") restack(figure);
  }
  const save = event.target.closest?.("button[data-png]");
  if (save) savePng(save);
  const link = event.target.closest?.(".picker a[href]");
  if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    go(new URL(link.href));
  }
});

// Another range in place: the same page at another address, without a jump. Back and forward work.
let going = 0;
async function go(url, push = true) {
  const turn = ++going;
  try {
    const response = await fetch(url, { headers: { accept: "text/html" } });
    if (!response.ok || response.redirected) throw new Error(response.status);
    const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("main");
    if (turn !== going) return;
    if (push) history.pushState({ charts: true }, "", url);
    take(fresh);
    restackAll();
  } catch {
    location.assign(url);
  }
}
history.replaceState({ ...history.state, charts: true }, "");
addEventListener("popstate", (event) => { if (event.state?.charts) go(location.href, false); });

async function savePng(button) {
  const image = new Image();
  image.src = button.parentElement.querySelector("a[download]").href;
  try {
    await image.decode();
  } catch {
    return speak("The picture could not be made.");
  }
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth * 2, image.naturalHeight * 2];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  const blob = await new Promise((done) => { canvas.toBlob(done, "image/png"); });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `chart-${button.dataset.png}.png`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
})();
