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

// Sends the form as a POST with the token of this page.
function send(form, button) {
  const post = document.getElementById("order-post");
  post.action = form.getAttribute("action");
  for (const [name, value] of [...new FormData(form), [button.name, button.value]]) {
    if (!name) continue;
    const input = Object.assign(document.createElement("input"), { type: "hidden", name, value });
    post.append(input);
  }
  disarm();
  for (const other of document.querySelectorAll("form[data-order] button")) other.disabled = true;
  post.submit();
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-order]");
  if (!form) return;
  const button = event.submitter || form.querySelector("button");
  // The page that asks for confirmation describes the risk; a battery test has one from some length on.
  const long = Number(button.dataset.dangerFrom || Infinity);
  if (button.hasAttribute("data-danger") || Number(new FormData(form).get("value")) >= long) return;
  event.preventDefault();
  if (button === armed) send(form, button);
  else arm(button);
});
document.addEventListener("input", (event) => { if (event.target.closest("form[data-order]")) disarm(); });
document.addEventListener("keydown", (event) => { if (event.key === "Escape") disarm(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
