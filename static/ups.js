// The page of a UPS: a second press within a few seconds confirms an order.
// Without this file the buttons lead to a page that asks for confirmation.

const ARMED_MS = 4000;
const announcement = document.getElementById("order-armed");
let armed = null, disarming = null;

function disarm() {
  clearTimeout(disarming);
  if (!armed) return;
  armed.textContent = armed.dataset.label;
  delete armed.dataset.keep;
  armed.classList.remove("armed");
  armed = null;
  announcement.textContent = "";
}

function arm(button) {
  disarm();
  armed = button;
  button.dataset.label = button.textContent;
  button.dataset.keep = ""; // live.js leaves it as it is
  button.textContent = "Press again to confirm";
  button.classList.add("armed");
  announcement.textContent = `${button.dataset.label}: press again within ${ARMED_MS / 1000} seconds to confirm`;
  disarming = setTimeout(disarm, ARMED_MS);
}

// Sends the form as a POST with the token of this page; forms.js shows the answer at the form.
async function send(form, button) {
  disarm();
  const token = document.querySelector("#order-post [name=csrftoken]").value;
  const body = new URLSearchParams({ csrftoken: token });
  for (const [name, value] of [...new FormData(form), [button.name, button.value]]) if (name) body.append(name, value);
  form.setAttribute("aria-busy", "true");
  let answer = null;
  try {
    const response = await fetch(form.getAttribute("action"), { method: "POST", body, headers: { accept: "application/json" }, redirect: "error" });
    answer = await response.json();
  } catch { /* the site did not answer: the form says so */ }
  form.removeAttribute("aria-busy");
  form.dispatchEvent(new CustomEvent("answered", { bubbles: true, detail: answer }));
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-order]");
  if (!form) return;
  const button = event.submitter || form.querySelector("button");
  // The page that asks for confirmation describes the risk; a battery test has one from some length on.
  const long = Number(button.dataset.dangerFrom || Infinity);
  if (button.hasAttribute("data-danger") || Number(new FormData(form).get("value")) >= long) return;
  event.preventDefault();
  if (form.getAttribute("aria-busy") === "true") return;
  if (button === armed) send(form, button);
  else arm(button);
});
document.addEventListener("input", (event) => { if (event.target.closest("form[data-order]")) disarm(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") disarm(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
