// The page of a UPS: a second press within a few seconds confirms an order, and orders under way follow by themselves.
// Without this file the buttons lead to a page that asks.

const PULSE = new URL("../-/pulse.json", document.currentScript.src); // right below a path prefix too
const ARMED_MS = 4000, LOOK_MS = 1500, PATIENCE_MS = 90000;
const said = document.getElementById("order-armed");
let armed = null, timer = null;

function disarm() {
  clearTimeout(timer);
  if (!armed) return;
  armed.textContent = armed.dataset.words;
  armed.classList.remove("armed");
  armed = null;
  said.textContent = "";
}

function arm(button) {
  disarm();
  armed = button;
  button.dataset.words = button.textContent;
  button.textContent = "Press again to confirm";
  button.classList.add("armed");
  said.textContent = `${button.dataset.words}: press again within ${ARMED_MS / 1000} seconds to confirm`;
  timer = setTimeout(disarm, ARMED_MS);
}

// What the form says, as a POST with the token of this page.
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

for (const form of document.querySelectorAll("form[data-order]")) {
  form.addEventListener("submit", (event) => {
    const button = event.submitter || form.querySelector("button");
    if (button.hasAttribute("data-danger")) return; // the page that asks says what it may cost
    event.preventDefault();
    if (button === armed) send(form, button);
    else arm(button);
  });
  form.addEventListener("input", disarm);
}
document.addEventListener("keydown", (event) => { if (event.key === "Escape") disarm(); });
addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

// While an order is under way its rows are taken from the page anew whenever they have changed.
let seen = null;
const until = Date.now() + PATIENCE_MS;
async function follow() {
  const rows = document.getElementById("ups-orders");
  if (!rows?.hasAttribute("data-busy")) return;
  try {
    const { changes } = await (await fetch(PULSE, { cache: "no-store" })).json();
    const seq = changes.ups_orders?.seq;
    if (seq !== seen || Date.now() > until) {
      const page = await (await fetch(location.href, { headers: { accept: "text/html" } })).text();
      const fresh = new DOMParser().parseFromString(page, "text/html").getElementById("ups-orders");
      if (fresh) rows.replaceWith(document.importNode(fresh, true));
      seen = seq;
    }
  } catch {
    // the next look tries again
  }
  if (Date.now() < until + LOOK_MS) setTimeout(follow, LOOK_MS);
}
follow();
