// The theme that was chosen in this browser, before anything is painted: light, dark, or as the system is set.
(() => {
  const root = document.documentElement;
  const choose = (theme) => {
    if (theme) root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.querySelector("meta[name=color-scheme]").content = theme || "light dark";
    for (const meta of document.querySelectorAll("meta[name=theme-color]")) { // the colour of the head
      const system = meta.media.includes("dark") ? "dark" : "light";
      meta.content = (theme || system) === "dark" ? "#1c1f25" : "#ffffff";
    }
  };
  const stored = () => {
    try { return localStorage.getItem("theme"); } catch { return null; } // it is not remembered then
  };
  const known = (theme) => (["light", "dark"].includes(theme) ? theme : "");
  choose(known(stored()));
  addEventListener("storage", (event) => event.key === "theme" && (choose(known(event.newValue)), press()));
  const press = () => {
    for (const button of document.querySelectorAll("[data-choose]")) {
      button.parentElement.hidden = false;
      button.setAttribute("aria-pressed", String(button.dataset.choose === (root.dataset.theme || "")));
    }
  };
  addEventListener("DOMContentLoaded", press);
  addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-choose]");
    if (!button) return;
    try { localStorage.setItem("theme", button.dataset.choose); } catch { /* as above */ }
    choose(button.dataset.choose);
    press();
  });
})();
