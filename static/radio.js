// The map of /radio: the path of a node to its gateway, and what hangs on it, stand out while the node is
// pointed at or has the focus; its facts stand beside it. Without this file a node has a title and its page.

const spotOf = (event) => event.target.closest?.("a.spot[data-node]");

function follow(spot) {
  const svg = spot.closest(".map-wide, .map-narrow"), map = spot.closest(".map");
  leave();
  const spots = new Map([...svg.querySelectorAll("[data-node]")].map((one) => [one.dataset.node, one]));
  const followed = new Set([...spots].filter(([, one]) => leads(one, spot, spots)).map(([node]) => node));
  for (let above = spot; above && !followed.has(above.dataset.parent); above = spots.get(above.dataset.parent)) {
    if (above.dataset.parent) followed.add(above.dataset.parent);
    else break;
  }
  map.classList.add("following");
  for (const node of followed) spots.get(node)?.classList.add("followed");
  for (const link of svg.querySelectorAll(".link")) link.classList.toggle("followed", followed.has(link.dataset.to));
  tell(map, spot);
}

// True where the way of `one` to the gateway leads over `spot`.
function leads(one, spot, spots) {
  for (let steps = 0; one && steps <= spots.size; steps += 1) {
    if (one === spot) return true;
    one = spots.get(one.dataset.parent);
  }
  return false;
}

function tell(map, spot) {
  const readout = map.querySelector(".map-readout"), box = map.getBoundingClientRect();
  const circle = spot.querySelector("circle").getBoundingClientRect();
  readout.textContent = spot.getAttribute("aria-label");
  readout.hidden = false;
  const left = circle.right - box.left + 12, wide = readout.offsetWidth;
  readout.style.left = `${Math.max(0, left + wide > box.width ? circle.left - box.left - wide - 12 : left)}px`;
  readout.style.top = `${Math.max(0, circle.bottom - box.top + 10)}px`;
}

function leave() {
  for (const map of document.querySelectorAll(".map.following")) {
    map.classList.remove("following");
    map.querySelector(".map-readout").hidden = true;
    for (const one of map.querySelectorAll(".followed")) one.classList.remove("followed");
  }
}

for (const event of ["pointerover", "focusin"]) {
  document.addEventListener(event, (event) => { const spot = spotOf(event); if (spot) follow(spot); });
}
for (const event of ["pointerout", "focusout"]) {
  document.addEventListener(event, (event) => { if (spotOf(event)) leave(); });
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
