// Close an open menu when the click lands elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.nav-menu[open], details.actions-menu-links[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});

// The key / leads to the search, but where text is written.
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
  const field = document.querySelector("header .find input, main #q");
  if (!field || event.target.closest?.("input, textarea, select, [contenteditable]")) return;
  event.preventDefault();
  field.focus();
  field.select();
});

// A tap on an age shows its time for a while.
document.addEventListener("click", (event) => {
  const time = event.target.closest?.("time[data-ago][title]");
  if (!time || time.closest("a")) return;
  const age = time.textContent;
  time.removeAttribute("data-ago");
  time.textContent = time.title;
  setTimeout(() => { time.setAttribute("data-ago", ""); time.textContent = age; }, 4000);
});

// On a phone the row of pages is wider than the screen: the current page is scrolled into view.
{
  const open = document.querySelector("header.house nav a[aria-current]")?.getBoundingClientRect();
  const row = document.querySelector("header.house nav");
  if (open && row) row.scrollLeft += open.x + open.width / 2 - row.getBoundingClientRect().x - row.clientWidth / 2;
}

// The script of charts is loaded when a chart is first used; what was done then is done again with it.
{
  const script = document.getElementById("voltkeeper");
  const uses = { pointerover: "figure.chart", focusin: "figure.chart", click: "figure.chart button, .picker a[href]" };
  let loading = null;
  const load = () => loading ??= new Promise((done) => {
    const tag = document.createElement("script");
    tag.src = new URL(script.dataset.charts.split("/").at(-1), script.src); // right below a path prefix too
    tag.addEventListener("load", done);
    document.head.append(tag);
  });
  const isReady = () => document.documentElement.classList.contains("charts-js");
  const again = async (event) => {
    if (isReady() || !event.target.closest?.(uses[event.type])) return;
    const { target, type, clientX, clientY } = event;
    const plain = type === "click" && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    if (plain) event.preventDefault();
    await load();
    if (plain) target.click();
    else if (type === "pointerover") target.dispatchEvent(new PointerEvent("pointermove", { bubbles: true, clientX, clientY }));
  };
  for (const type of Object.keys(uses)) document.addEventListener(type, again);
  if (history.state?.charts) load(); // going back has to show the range of before
}
