// Close an open menu when the click lands elsewhere.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.nav-menu[open], details.actions-menu-links[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
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
