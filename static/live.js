// The site's own pages update themselves: this polls for changes, loads the page again, and patches what differs.
// Without this file a page shows the same, as it was when it was loaded.

const PULSE = new URL("../-/pulse.json", document.currentScript.src); // right below a path prefix too
const AT_LEAST_S = 60; // states also change because nothing is heard
const UNITS = [[120, 1, "s"], [7200, 60, "min"], [172800, 3600, "h"], [Infinity, 86400, "d"]]; // as format_duration has them
const button = document.getElementById("live");
const parts = () => [...document.querySelectorAll("[data-live]:not([data-live=''])")];
let seen = null, failures = 0, ahead = null, answered = Date.now(), taken = Date.now(), timer = null;
let running = true;
try { running = localStorage.getItem("live") !== "off"; } catch { /* it is not remembered then */ }

function show() {
  const age = Math.round((Date.now() - answered) / 1000);
  button.hidden = false;
  button.setAttribute("aria-pressed", String(running));
  button.classList.toggle("off", !running || failures > 1);
  button.textContent = !running ? "○ Paused"
    : failures > 1 ? `▲ Not updating since ${new Date(answered).toTimeString().slice(0, 5)}` : `● Live · ${age} s`;
  if (ahead === null) return; // the clock of the server is not known yet
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const seconds = Math.max(0, (Date.now() + ahead - Date.parse(time.dateTime)) / 1000);
    const [, divisor, unit] = UNITS.find(([limit]) => seconds < limit);
    const age = `${Math.round(seconds / divisor)} ${unit} ago`;
    if (time.textContent !== age) time.textContent = age;
  }
}

async function ask(url, accept) {
  const response = await fetch(url, { headers: { accept }, cache: "no-store", signal: AbortSignal.timeout?.(20000) });
  if (!response.ok || response.redirected) throw new Error(response.status); // such as to the sign-in page
  return response;
}

async function look() {
  clearTimeout(timer);
  if (!running || document.hidden) return;
  try {
    const { now, changes } = await (await ask(PULSE, "application/json")).json();
    const topics = new Set(parts().flatMap((part) => part.dataset.live.split(/\s+/)));
    const old = seen && [...topics].some((topic) => seen[topic] !== changes[topic]?.seq);
    ahead = Date.parse(now) - Date.now();
    if (old || Date.now() - taken > AT_LEAST_S * 1000) {
      const page = new DOMParser().parseFromString(await (await ask(location.href, "text/html")).text(), "text/html");
      for (const part of parts()) {
        const fresh = page.getElementById(part.id);
        if (fresh?.dataset.live) morph(part, fresh);
      }
      taken = Date.now();
    }
    seen = Object.fromEntries([...topics].map((topic) => [topic, changes[topic]?.seq]));
    answered = Date.now();
    failures = 0;
  } catch {
    failures += 1;
  }
  show();
  clearTimeout(timer);
  timer = setTimeout(look, 1000 * (failures ? [5, 10, 30][Math.min(failures, 3) - 1] : document.querySelector("[data-busy]") ? 1 : 5));
}

// Make `old` like `fresh` without moving or replacing what stays: focus, scroll positions, opened <details>, what was
// typed and chosen survive. What a script keeps in its own hands is marked data-keep.
function morph(old, fresh) {
  if (old.isEqualNode(fresh) || old.dataset?.keep !== undefined) return;
  if (old.nodeType !== Node.ELEMENT_NODE) return void (old.data = fresh.data);
  const opens = (name) => name === "open" && old.nodeName === "DETAILS";
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name) && !opens(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value && !opens(name)) old.setAttribute(name, value);
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

if (button && parts().length) {
  button.addEventListener("click", () => {
    running = !running;
    try { localStorage.setItem("live", running ? "on" : "off"); } catch { /* as above */ }
    show();
    look();
  });
  document.addEventListener("visibilitychange", look);
  setInterval(() => { if (!document.hidden) show(); }, 1000);
  show();
  look();
}
