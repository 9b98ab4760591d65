// What a form did appears at its button, and the page stays where it is; a field that was refused is marked.
// What happens to a device asks for a second press. Without this file forms lead to a page, as they say.

(() => {
  const HERE = /\/-\/(settings|batteries|readings|orders|channels|maintenance|ota\/(updates|commands|firmware\/)|nodes\/retire|ups\/acknowledgements|tariffs|alerts\/|replace\/\d+\/)|\/telemetry\/(set_location|(ups_)?battery_changed)/;
  const ARMED_MS = 5000, NO_ANSWER = "The site did not answer. Nothing may have changed: try again.";
  const results = new Map(); // form, by what it is about -> the line below it
  let armed = null, disarming = null;

  const about = (form) => form.getAttribute("action") + [...form.querySelectorAll("input[type=hidden]:not([name=csrftoken])")].map((one) => `&${one.name}=${one.value}`).join("");

  function disarm() {
    clearTimeout(disarming);
    if (!armed) return;
    armed.textContent = armed.dataset.label;
    armed.classList.remove("armed");
    delete armed.dataset.keep;
    armed = null;
  }

  function arm(button) {
    disarm();
    armed = button;
    button.dataset.label = button.textContent;
    button.dataset.keep = ""; // live.js leaves it as it is
    button.textContent = button.dataset.confirm || "Press again to confirm";
    button.classList.add("armed");
    disarming = setTimeout(disarm, ARMED_MS);
  }

  function unmark(form) {
    for (const field of form.querySelectorAll("[aria-invalid]")) {
      field.removeAttribute("aria-invalid");
      field.removeAttribute("aria-errormessage");
    }
  }

  function place(form, line) { // below the buttons
    const foot = form.querySelector(":scope > .strips");
    foot ? foot.before(line) : form.append(line);
  }

  function tell(form, isDone, text, name) {
    results.get(about(form))?.remove();
    for (const one of isDone ? form.querySelectorAll("input[type=date]") : []) one.value = one.defaultValue; // a day is entered once
    const line = Object.assign(document.createElement("p"), { className: `result ${isDone ? "done" : "failed"}`, id: `result-${results.size + 1}` });
    line.setAttribute("role", isDone ? "status" : "alert");
    const icon = Object.assign(document.createElement("span"), { textContent: isDone ? "✓ " : "▲ " });
    icon.setAttribute("aria-hidden", "true");
    const field = name && form.elements.namedItem(name);
    const label = field?.labels?.[0]?.firstChild?.textContent.trim();
    line.append(icon, label ? text.replace(/^[a-z_]+(?=[ :])/, label) : text); // programs know the field by its name
    place(form, line);
    results.set(about(form), line);
    if (!isDone && field?.setAttribute && field.type !== "hidden") {
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-errormessage", line.id);
      field.focus();
    }
  }

  async function send(form, button) {
    const body = new URLSearchParams(new FormData(form));
    if (button?.name) body.append(button.name, button.value);
    unmark(form);
    form.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(form.action, { method: "POST", body, headers: { accept: "application/json" }, redirect: "error" });
      const answer = await response.json();
      tell(form, answer.ok, answer.ok ? answer.message : answer.errors.join(" "), answer.field);
      if (answer.ok) document.dispatchEvent(new Event("posted"));
    } catch {
      tell(form, false, NO_ANSWER);
    }
    form.removeAttribute("aria-busy");
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    const button = event.submitter ?? form.querySelector("button:not([type=button])");
    if (event.defaultPrevented || form.matches(".sql") || form.method !== "post" || !form.closest("main")) return;
    if (button?.hasAttribute("data-confirm") && button !== armed) {
      event.preventDefault();
      arm(button);
      return;
    }
    disarm();
    if (!HERE.test(form.getAttribute("action")) || form.enctype === "multipart/form-data") {
      if (!button?.hasAttribute("data-confirm")) return;
      form.append(Object.assign(document.createElement("input"), { type: "hidden", name: "sure", value: "1" }));
      return;
    }
    event.preventDefault();
    if (form.getAttribute("aria-busy") !== "true") send(form, button);
  });
  // Another script has sent a form: `detail` is what the site answered, null where it did not.
  document.addEventListener("answered", ({ target, detail }) => {
    tell(target, Boolean(detail?.ok), detail ? detail.message ?? detail.errors.join(" ") : NO_ANSWER, detail?.field);
    if (detail?.ok) document.dispatchEvent(new Event("posted"));
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("main form[method=post]");
    if (!form) return;
    disarm();
    unmark(form);
  });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") disarm(); });

  // A block that was renewed has lost the lines: they come back to the forms that are still there.
  document.addEventListener("live", () => {
    for (const form of document.querySelectorAll("main form:is([method=post], [data-order])")) {
      const line = results.get(about(form));
      if (line && !line.isConnected) place(form, line);
    }
  });

  // A button that copies a text of the page.
  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }
})();
