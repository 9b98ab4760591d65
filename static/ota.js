// The page /-/ota: progress that moves by itself, and a look at a HEX file before it is sent.
// Without this file the page shows the same, as it was when it was loaded.

const PULSE = new URL("../-/pulse.json", document.currentScript.src); // right below a path prefix too
const seen = {};
const button = document.getElementById("live");
let running = true, failures = 0, since = null, last = null, timer = null;

function show() {
  button.hidden = false;
  button.setAttribute("aria-pressed", String(running));
  button.classList.toggle("off", !running || failures > 1);
  const clock = (at) => at.toTimeString().slice(0, 5);
  if (!running) button.textContent = "○ Paused";
  else if (failures > 1) button.textContent = `▲ Not updating since ${clock(since)}`;
  else button.textContent = "● Live";
}

// Elements marked data-live="TOPIC ..." are taken from the page anew, by id, when one of their topics has changed.
async function refresh(changed) {
  const stale = [...document.querySelectorAll("[data-live]")].filter((element) =>
    element.dataset.live.split(" ").some((topic) => changed.has(topic)));
  if (!stale.length) return;
  const response = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!response.ok) throw new Error(response.status);
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const element of stale) {
    const fresh = page.getElementById(element.id);
    if (!fresh) continue;
    const focus = element.contains(document.activeElement) && document.activeElement.id;
    const opened = [...element.querySelectorAll("details[open][id]")].map((details) => details.id);
    element.replaceWith(document.importNode(fresh, true));
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    if (focus) document.getElementById(focus)?.focus();
  }
}

async function look() {
  clearTimeout(timer);
  if (!running || document.hidden) return;
  try {
    const response = await fetch(PULSE, { cache: "no-store" });
    if (!response.ok) throw new Error(response.status);
    const { changes } = await response.json();
    const changed = new Set(Object.keys(changes).filter((topic) => last && seen[topic] !== changes[topic].seq));
    await refresh(changed);
    for (const topic in changes) seen[topic] = changes[topic].seq;
    last = new Date();
    failures = 0;
  } catch {
    since = failures ? since : last || new Date();
    failures += 1;
  }
  show();
  const busy = document.querySelector("[data-busy]");
  const pause = failures ? [5, 10, 30][Math.min(failures, 3) - 1] : busy ? 2 : 5;
  timer = setTimeout(look, pause * 1000);
}

button.addEventListener("click", () => {
  running = !running;
  localStorage.setItem("live", running ? "on" : "off");
  show();
  look();
});
document.addEventListener("visibilitychange", look);
running = localStorage.getItem("live") !== "off";
show();
look();

// Intel HEX: what the server will say, said before the upload. The server checks everything again.
function crc16(bytes) {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}

function check(text) {
  const memory = new Map();
  let base = 0, end = 0, ended = false, number = 0;
  for (const line of text.split(/\r\n|\n|\r/)) {
    number += 1;
    if (!line) continue;
    if (ended) return `line ${number}: a record behind the end of file record`;
    if (!/^:([0-9A-Fa-f]{2}){5,}$/.test(line)) return `line ${number}: no record of an Intel HEX file`;
    const record = line.slice(1).match(/../g).map((pair) => parseInt(pair, 16));
    const sum = record.slice(0, -1).reduce((total, byte) => total + byte, 0);
    const hex = (byte) => byte.toString(16).toUpperCase().padStart(2, "0");
    if (record.length !== record[0] + 5) return `line ${number}: ${record.length - 5} bytes of data, the record promises ${record[0]}`;
    if (record.at(-1) !== (-sum & 255)) return `line ${number}: checksum ${hex(record.at(-1))}, expected ${hex(-sum & 255)}`;
    const data = record.slice(4, -1), address = record[1] * 256 + record[2];
    if (record[3] === 0) data.forEach((byte, index) => { memory.set(base + address + index, byte); end = Math.max(end, base + address + index + 1); });
    else if (record[3] === 1) ended = true;
    else if (record[3] === 2) base = (data[0] * 256 + data[1]) * 16;
    else if (record[3] === 4) base = (data[0] * 256 + data[1]) * 65536;
  }
  if (!ended) return "the file ends without an end of file record";
  if (!memory.has(0)) return "the data do not start at address 0";
  if (end > 32752) return "larger than any bootloader takes";
  const bytes = new Uint8Array(Math.ceil(end / 128) * 128).fill(255);
  memory.forEach((byte, address) => { bytes[address] = byte; });
  const crc = crc16(bytes).toString(16).toUpperCase().padStart(4, "0");
  return { words: `${end.toLocaleString("en")} bytes, ${(bytes.length / 16).toLocaleString("en")} blocks, CRC ${crc}` };
}

document.getElementById("file")?.addEventListener("change", async (event) => {
  const place = document.getElementById("checked");
  const file = event.target.files[0];
  const found = file ? file.size > 1 << 20 ? "too large for a firmware" : check(await file.text()) : { words: "" };
  place.textContent = typeof found === "string" ? `✗ ${file.name}: ${found}` : found.words && `✓ ${found.words}`;
  place.className = typeof found === "string" ? "problem" : "";
});
