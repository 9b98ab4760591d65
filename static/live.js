// The site's own pages renew themselves: this asks for what has changed of the blocks marked data-live, and patches them.
// Without this file a page shows the same, as it was when it was loaded.

const UNITS = [[120, 1, "s"], [7200, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "d"]]; // as format_duration has them
const button = document.getElementById("live");
const main = document.querySelector("main[data-version]");
const isLive = () => main.matches("[data-live]:not([data-live=''])") || main.querySelector("[data-live][id]");
const held = new Map(); // id of a block -> its HTML, cut before each tag that opens
let version = main?.dataset.version, failures = 0, ahead = null, answered = Date.now(), timer = null;
let looks = 0; // begun so far: only the last one is heeded, since two answers may differ from the same version
let running = true;
try { running = localStorage.getItem("live") !== "off"; } catch { /* it is not remembered then */ }

function show() {
  const age = Math.round((Date.now() - answered) / 1000);
  const isPart = document.querySelector("#notices .disconnected"); // a source is not read
  button.hidden = false;
  button.setAttribute("aria-pressed", String(running));
  button.classList.toggle("off", !running || failures > 1);
  button.classList.toggle("part", Boolean(isPart));
  button.textContent = !running ? "○ Paused"
    : failures > 1 ? `▲ Not updating since ${new Date(answered).toTimeString().slice(0, 5)}`
    : `${isPart ? "▲" : "●"} Live · ${age} s`;
  if (ahead === null) return; // the clock of the server is not known yet
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.max(0, (Date.now() + ahead - Date.parse(time.dateTime)) / 1000);
    const [, divisor, unit] = UNITS.find(([limit]) => seconds < limit);
    const age = `${Math.round(seconds / divisor)} ${unit} ago`;
    if (time.textContent !== age) time.textContent = age;
  }
}

async function look(isAsked) {
  clearTimeout(timer);
  if ((!running && isAsked !== true) || document.hidden) return;
  const address = location.href, asked = version, number = ++looks;
  let fresh = null;
  try {
    const response = await fetch(address, {
      headers: { "x-live": version }, referrerPolicy: "no-referrer", redirect: "error", signal: AbortSignal.timeout?.(20000),
    });
    if (!response.ok) throw new Error(response.status);
    if (response.status !== 204) fresh = await response.json();
    if (number !== looks) return;
    if (fresh && address === location.href && asked === version) {
      for (const [id, change] of fresh.blocks) renew(id, change);
      version = fresh.version;
      await nameForms();
      document.dispatchEvent(new Event("live"));
    }
    ahead = Date.parse(response.headers.get("date")) - Date.now();
    answered = Date.now();
    failures = 0;
  } catch {
    if (number !== looks) return;
    failures += 1;
    if (fresh) {
      held.clear();
      version = ""; // all blocks are sent as a whole
    }
  }
  if (number !== looks) return;
  show();
  clearTimeout(timer);
  timer = setTimeout(look, 1000 * (failures ? [5, 10, 30][Math.min(failures, 3) - 1] : document.querySelector("[data-busy]") ? 1 : 5));
}

// The page at another address, in place: charts move in time without a jump (static/charts.js).
function take(fresh) {
  morph(main, fresh);
  held.clear();
  version = fresh.dataset.version;
}

// A change is a list of texts, and of pairs of numbers: from which piece on of what is held, how many.
function renew(id, change) {
  const old = held.get(id) ?? [];
  const pieces = [];
  for (let at = 0; at < change.length; at++) {
    const more = typeof change[at] === "string" ? change[at].split(/(?=<[a-z])/) : old.slice(change[at], change[at] + change[++at]);
    for (const piece of more) pieces.push(piece);
  }
  held.set(id, pieces);
  const block = document.getElementById(id);
  const fresh = new DOMParser().parseFromString(pieces.join(""), "text/html").getElementById(id);
  if (block && fresh) morph(block, fresh);
}

// What is sent here carries no token of forms: a new form takes that of another one, or of the page.
async function nameForms() {
  const forms = [...document.querySelectorAll("input[name=csrftoken]")];
  const empty = forms.filter((one) => !one.value);
  if (!empty.length) return;
  const token = forms.find((one) => one.value)?.value ?? (await (await fetch(location.href, { headers: { accept: "text/html" } })).text())
    .match(/name="csrftoken" value="([^"]+)"/)?.[1] ?? "";
  for (const one of empty) one.value = token;
}

// Make `old` like `fresh` without moving or replacing what stays: focus, scroll positions, opened <details>, what was
// typed and chosen survive. What a script keeps in its own hands is marked data-keep.
function morph(old, fresh) {
  if (old.isEqualNode(fresh) || old.dataset?.keep !== undefined || fresh.dataset?.hold !== undefined) return;
  if (old.nodeType !== Node.ELEMENT_NODE) return void (old.data = fresh.data);
  const stays = (name) => (name === "open" && old.nodeName === "DETAILS") || (name === "value" && old.name === "csrftoken");
  // By name: `attributes` would make a node of each, which stays as long as its element.
  for (const name of old.getAttributeNames()) if (!fresh.hasAttribute(name) && !stays(name)) old.removeAttribute(name);
  for (const name of fresh.getAttributeNames()) if (old.getAttribute(name) !== fresh.getAttribute(name) && !stays(name)) old.setAttribute(name, fresh.getAttribute(name));
  if (old.matches("time[data-ago]")) return; // ages are counted here
  const chosen = old.nodeName === "SELECT" ? old.value : null;
  morphChildren(old, [...fresh.childNodes]);
  if (chosen !== null && [...old.options].some((option) => option.value === chosen)) old.value = chosen;
}

const key = (node) => `${node.nodeName} ${node.id || node.getAttribute?.("aria-labelledby") || ""}`;

function morphChildren(old, wanted) {
  let here = old.firstChild;
  const drop = () => { const gone = here; here = here.nextSibling; gone.remove(); };
  wanted.forEach((next, index) => {
    const blank = () => here.nodeType === Node.TEXT_NODE && next.nodeType === Node.ELEMENT_NODE;
    const later = () => wanted.slice(index + 1).some((one) => key(one) === key(here));
    while (here && key(here) !== key(next) && (blank() || !later())) drop();
    if (here && key(here) === key(next)) {
      morph(here, next);
      here = here.nextSibling;
    } else old.insertBefore(document.importNode(next, true), here);
  });
  while (here) drop();
}

if (button && version && isLive()) {
  button.addEventListener("click", () => {
    running = !running;
    try { localStorage.setItem("live", running ? "on" : "off"); } catch { /* as above */ }
    show();
    look();
  });
  document.addEventListener("visibilitychange", look);
  document.addEventListener("posted", () => look(true));
  setInterval(() => { if (!document.hidden) show(); }, 1000);
  show();
  look();
}
