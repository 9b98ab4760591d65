// The cards of the home page and of dashboards: what is open and in which order is remembered in this browser; people with
// the right to edit drag cards, and every change is sent and shown without loading the page again.

const place = document.getElementById("cards");
const board = place?.dataset.dashboard;
const store = {
  get(key) { try { return JSON.parse(localStorage.getItem(`${key}:${board}`)); } catch { return null; } },
  set(key, value) {
    try {
      if (value === null) localStorage.removeItem(`${key}:${board}`);
      else localStorage.setItem(`${key}:${board}`, JSON.stringify(value));
    } catch { /* it is not remembered then */ }
  },
};

// Folded cards stay open in this browser.
function restoreFolds() {
  const open = store.get("open") ?? [];
  for (const one of place.querySelectorAll("details.fold")) one.open = open.includes(one.id);
}

function rememberFolds() {
  store.set("open", [...place.querySelectorAll("details.fold[open]")].map((one) => one.id));
}

// Cards in the order of this browser; those that are new stand where the page has them.
const cards = () => [...place.querySelectorAll("[data-card]")];

function restoreOrder() {
  const order = store.get("order");
  if (!order) return;
  const rank = new Map(order.map((id, index) => [String(id), index]));
  let before = -1;
  const sorted = cards()
    .map((card) => ({ card, at: rank.has(card.dataset.card) ? (before = rank.get(card.dataset.card)) : before + 0.5 }))
    .sort((one, other) => one.at - other.at)
    .map(({ card }) => card);
  const frame = place.querySelector(".folds");
  const frames = [...place.querySelectorAll(".folds")];
  let folds = null;
  for (const card of sorted) {
    if (card.matches("details.fold")) {
      if (!folds) {
        folds = frames.shift() ?? frame.cloneNode(false);
        place.append(folds);
      }
      folds.append(card);
    } else {
      folds = null;
      place.append(card);
    }
  }
  for (const left of frames) left.remove();
}

if (place && !place.dataset.arranging) {
  restoreOrder();
  restoreFolds();
  place.addEventListener("toggle", rememberFolds, true);
  // Arranged by somebody else: this page shows it as well.
  const arranged = document.getElementById("arranged");
  new MutationObserver(() => location.reload()).observe(arranged, { attributeFilter: ["data-updated"] });
}

if (place?.dataset.arranging) arrange(place.dataset.arranging === "own");

// `own`: the order is kept in this browser alone.
function arrange(own) {
  const spoken = document.createElement("p");
  spoken.className = "unseen";
  spoken.setAttribute("role", "status");
  document.body.append(spoken); // not within main: what is renewed there loses what the page did not have
  if (own) {
    restoreOrder();
    document.querySelector(".own-only").hidden = false;
    document.getElementById("own-reset").addEventListener("click", () => { store.set("order", null); location.reload(); });
  }
  prepare();

  function prepare() {
    for (const handle of place.querySelectorAll("[data-handle]")) handle.hidden = false;
    if (own) for (const button of place.querySelectorAll(".card-tools button")) button.disabled = false;
    for (const select of place.querySelectorAll(".card-tools select")) {
      select.form.querySelector("[value=size]").hidden = true; // choosing is enough
    }
    ends();
  }

  function ends() {
    const all = cards();
    all.forEach((card, index) => {
      card.querySelector("[value=up]").disabled = index === 0;
      card.querySelector("[value=down]").disabled = index === all.length - 1;
    });
  }

  function say(text) { spoken.textContent = text; }

  function name(card) { return card.getAttribute("aria-label"); }

  // Put a card to an index; what has the focus keeps it.
  function shift(card, to) {
    const all = cards();
    const from = all.indexOf(card);
    to = Math.max(0, Math.min(to, all.length - 1));
    if (from === to) return false;
    const focused = document.activeElement;
    if (to > from) all[to].after(card);
    else all[to].before(card);
    ends();
    if (card.contains(focused)) (focused.disabled ? card.querySelector("button:not(:disabled)") : focused).focus();
    say(`${name(card)} is card ${to + 1} of ${all.length}`);
    return true;
  }

  async function saveOrder(card) {
    if (own) return void store.set("order", cards().map((one) => Number(one.dataset.card)));
    const form = card.querySelector("form");
    await send(form, { change: "move", to: String(cards().indexOf(card) + 1) });
  }

  async function send(form, more) {
    const fields = new FormData(form);
    for (const [key, value] of Object.entries(more)) fields.set(key, value);
    fields.delete("next");
    try {
      const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(fields), headers: { accept: "application/json" } });
      const answer = await response.json();
      if (!answer.ok) throw new Error(answer.errors?.join("; "));
      if (more.change !== "move") say(answer.message); // a move is spoken as it is made
      return true;
    } catch (error) {
      location.reload(); // the page says what is so
      say(String(error.message));
      return false;
    }
  }

  // The page as it is now in place of the one that is shown.
  async function refresh(focus) {
    const response = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!response.ok) return location.reload();
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    place.replaceChildren(...page.getElementById("cards").childNodes);
    for (const one of page.querySelectorAll(".arrange")) {
      const old = document.querySelector(".arrange");
      const chosen = old.querySelector("#add-card")?.value;
      old.replaceWith(one);
      if (chosen && one.querySelector("#add-card")) one.querySelector("#add-card").value = chosen;
    }
    prepare();
    if (focus) document.querySelector(focus)?.focus();
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target;
    const card = form.closest("[data-card]");
    const change = event.submitter?.value;
    if (card && (change === "up" || change === "down")) {
      event.preventDefault();
      if (shift(card, cards().indexOf(card) + (change === "up" ? -1 : 1))) await saveOrder(card);
    } else if (card && change === "remove") {
      event.preventDefault();
      const next = cards()[cards().indexOf(card) + 1] ?? cards()[cards().indexOf(card) - 1];
      if (await send(form, { change })) await refresh(next ? `#${next.id} [value=remove]` : "#add-card");
    } else if (form.matches(".add-card")) {
      event.preventDefault();
      if (!(await send(form, {}))) return;
      await refresh(".add-card button");
      cards().at(-1)?.scrollIntoView({ block: "center" });
    }
  });

  place.addEventListener("change", async (event) => {
    const select = event.target.closest(".card-tools select");
    if (!select) return;
    const card = select.closest("[data-card]");
    if (await send(select.form, { change: "size" })) await refresh(`#${card.id} select`);
  });

  // By mouse, finger or pen: the card follows to where the pointer is.
  let held = null;
  let began = -1;
  place.addEventListener("pointerdown", (event) => {
    const handle = event.target.closest("[data-handle]");
    if (!handle || event.button) return;
    event.preventDefault();
    held = handle.closest("[data-card]");
    began = cards().indexOf(held);
    held.classList.add("held");
    place.setPointerCapture(event.pointerId);
  });
  place.addEventListener("pointermove", (event) => {
    if (!held) return;
    if (event.clientY < 60) scrollBy(0, -12);
    else if (event.clientY > innerHeight - 60) scrollBy(0, 12);
    const over = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-card]");
    if (!over || over === held || !place.contains(over)) return;
    const box = over.getBoundingClientRect();
    const wide = box.width > place.clientWidth * 0.7;
    const late = wide ? event.clientY > box.top + box.height / 2 : event.clientX > box.left + box.width / 2;
    if (late && over.nextElementSibling !== held) over.after(held);
    else if (!late && over.previousElementSibling !== held) over.before(held);
  });
  for (const kind of ["pointerup", "pointercancel"]) {
    place.addEventListener(kind, async () => {
      if (!held) return;
      const card = held;
      held = null;
      card.classList.remove("held");
      ends();
      const to = cards().indexOf(card);
      if (to === began) return;
      say(`${name(card)} is card ${to + 1} of ${cards().length}`);
      await saveOrder(card);
      if (!own) await refresh(); // the widths of a row depend on each other
    });
  }
}
