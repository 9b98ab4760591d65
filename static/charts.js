// One cursor for all charts of a page: it shows time and values. Dragging across a chart picks that range.
const figures = () => [...document.querySelectorAll("figure[data-since]")];
const across = (figure, event) => {
  const box = figure.querySelector("svg.chart").getBoundingClientRect();
  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
};
const moment = (figure, share) => {
  const since = Number(figure.dataset.since), until = Number(figure.dataset.until);
  return new Date((since + (until - since) * share) * 1000);
};

function nearest(svg, number, x) {
  let found = null, apart = 12; // of 1000: beyond that there is a gap
  for (const line of svg.querySelectorAll(`polyline.s${number}`)) {
    for (const point of line.points) {
      const distance = Math.abs(point.x - x);
      if (distance < apart) [found, apart] = [point, distance];
    }
  }
  return found;
}

function showReadout(figure, share) {
  const svg = figure.querySelector("svg.plot"), low = Number(figure.dataset.low), high = Number(figure.dataset.high);
  const cursor = svg.querySelector(".cursor");
  cursor.setAttribute("x1", share * 1000);
  cursor.setAttribute("x2", share * 1000);
  cursor.removeAttribute("visibility");
  const values = JSON.parse(figure.dataset.series).map(([number, label]) => {
    const point = nearest(svg, number, share * 1000);
    const value = point ? Number((high - (point.y / 100) * (high - low)).toPrecision(4)) : "–";
    return `${label} ${value}`;
  });
  const time = moment(figure, share).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  figure.querySelector(".readout").textContent = `${time}: ${values.join(", ")} ${figure.dataset.unit}`;
}

function hideReadouts() {
  start = null;
  for (const one of figures()) {
    one.querySelector(".readout").textContent = "";
    one.querySelector(".cursor").setAttribute("visibility", "hidden");
  }
}

// On the document, so that charts which are added later work, too.
let start = null;
const under = (event) => event.target.closest?.("svg.chart")?.closest("figure[data-since]");
document.addEventListener("pointermove", (event) => {
  const figure = under(event);
  if (figure) figures().forEach((one) => showReadout(one, across(figure, event)));
  else hideReadouts();
});
document.addEventListener("pointerdown", (event) => { start = under(event) ? across(under(event), event) : null; });
document.addEventListener("pointerup", (event) => {
  const figure = under(event);
  if (!figure || start === null) return;
  const ends = [start, across(figure, event)].sort((a, b) => a - b);
  start = null;
  if (ends[1] - ends[0] < 0.03) return;
  const url = new URL(location.href);
  url.searchParams.delete("range");
  url.searchParams.set("since", moment(figure, ends[0]).toISOString());
  url.searchParams.set("until", moment(figure, ends[1]).toISOString());
  location.assign(url);
});
document.documentElement.addEventListener("pointerleave", hideReadouts);
document.addEventListener("pointercancel", hideReadouts);
