// /api: copies a command, and shows the answer of a form below it. Without this file a form leads to its answer.

const LONGEST = 20000; // characters that are shown

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    const code = button.parentElement.querySelector("code"), label = button.innerHTML;
    button.textContent = (await copy(code)) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.innerHTML = label; }, 2000);
  });
}

// The clipboard is there at https and on this machine alone; elsewhere what is selected can be copied.
async function copy(code) {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
}

for (const form of document.querySelectorAll("form.trial[data-shown]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    show(form);
  });
}

async function show(form) {
  const box = form.nextElementSibling?.matches(".answer") ? form.nextElementSibling : document.createElement("div");
  box.className = "answer";
  box.setAttribute("role", "status");
  form.after(box);
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(`${form.action}?${new URLSearchParams(new FormData(form))}`);
    const text = readable(await answer.text(), answer.headers.get("content-type") || "");
    const line = document.createElement("p"), link = Object.assign(document.createElement("a"), { href: answer.url });
    link.textContent = new URL(answer.url).pathname + new URL(answer.url).search;
    line.append(`${answer.status} ${answer.statusText} `, link);
    const code = Object.assign(document.createElement("code"), { textContent: text.slice(0, LONGEST) + (text.length > LONGEST ? "\n…" : "") });
    const pre = document.createElement("pre");
    pre.tabIndex = 0;
    pre.append(code);
    box.replaceChildren(line, pre);
  } catch {
    box.replaceChildren(Object.assign(document.createElement("p"), { textContent: "The site did not answer: try again." }));
  }
  form.removeAttribute("aria-busy");
}

function readable(text, type) {
  try {
    return /json/.test(type) ? JSON.stringify(JSON.parse(text), null, 2) : text;
  } catch {
    return text;
  }
}
