// What makes Plaza's pages nicer. Each of them works without it.
"use strict";

const WAIT_MS = 200, MOST = 12;

// --- ids and commands are copied with one click ------------------------------------------------------------------
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const before = button.textContent;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.done;
    setTimeout(() => { button.textContent = before; }, 1500);
  });
}

// --- the page of something that is out of order comes back by itself -------------------------------------------------
// /health/ready names the services that are out. The page is loaded anew when fewer are, or when none is said to be.
const waiting = document.querySelector("[data-comes-back]");
if (waiting) {
  let before = 0;
  const look = async () => {
    if (!document.hidden) {
      try {
        const { out = [] } = await (await fetch("/health/ready", { cache: "no-store" })).json();
        if (out.length === 0 || out.length < before) { location.reload(); return; }
        before = out.length;
      } catch { /* the gateway itself is away: look again later */ }
    }
    setTimeout(look, 1000 * waiting.dataset.comesBack);
  };
  setTimeout(look, 1000 * waiting.dataset.comesBack);
}

// --- a form is sent once, and a filter without its empty fields --------------------------------------------------
for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
  });
}
addEventListener("pageshow", () => {  // also when the browser goes back to a page that it has kept
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});
for (const form of document.querySelectorAll("form.filters")) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const [name, value] of [...formData]) if (!value) formData.delete(name);
  });
}

// --- the first field with a fault, else the form that was just unfolded, gets the keyboard -----------------------
document.querySelector("main form [aria-invalid]")?.focus();
for (const act of document.querySelectorAll("details.act")) {
  act.addEventListener("toggle", () => {
    if (act.open) act.querySelector("form :is(input:not([type=hidden]), select:not([hidden]), textarea, button)")?.focus();
  });
}

// --- an order's lines --------------------------------------------------------------------------------------------
for (const lines of document.querySelectorAll("[data-lines]")) {
  const blank = lines.querySelector(".line").cloneNode(true);
  const show = () => {
    const all = [...lines.querySelectorAll(".line")];
    for (const line of all) line.querySelector("[data-remove-line]").hidden = all.length < 2;
  };
  let count = lines.querySelectorAll(".line").length;
  lines.closest("form").querySelector("[data-add-line]").addEventListener("click", (event) => {
    event.preventDefault();
    const line = emptied(blank.cloneNode(true), count++);
    [...lines.querySelectorAll(".line")].at(-1).after(line);
    const input = pick(line.querySelector("select"));
    show();
    input.focus();
  });
  lines.addEventListener("click", ({ target }) => {
    if (!target.matches("[data-remove-line]")) return;
    target.closest(".line").remove();
    show();
    lines.querySelector("[role=combobox]").focus();
  });
  show();
}

function emptied(line, index) {
  for (const element of line.querySelectorAll("[id], [for], [name]")) {
    for (const name of ["id", "for"]) {
      if (element.hasAttribute(name)) element.setAttribute(name, element.getAttribute(name).replace(/^line-\d+/, `line-${index}`));
    }
    if (element.name) element.name = element.name.replace(/\[\d+\]/, `[${index}]`);
    element.removeAttribute("aria-invalid");
    element.removeAttribute("aria-describedby");
  }
  for (const fault of line.querySelectorAll(".fault")) fault.remove();
  line.querySelector("select").value = "";
  line.querySelector("input").value = "1";
  return line;
}

// --- a product is found as one types: a combobox in front of the select, which keeps the value -------------------
function pick(select) {
  const input = document.createElement("input"), list = document.createElement("ul");
  Object.assign(input, { type: "text", autocomplete: "off", id: select.id, value: chosen(select) });
  Object.assign(list, { id: `${select.id}-list`, hidden: true, className: "options" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", select.labels[0]?.textContent ?? "");
  for (const [name, value] of Object.entries({ "role": "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) {
    input.setAttribute(name, value);
  }
  for (const name of ["aria-invalid", "aria-describedby"]) {
    if (select.hasAttribute(name)) input.setAttribute(name, select.getAttribute(name));
  }
  select.id += "-value";
  select.hidden = true;
  select.after(input, list);
  let timer = 0, asked = 0, active = -1;

  const close = () => { list.hidden = true; input.setAttribute("aria-expanded", "false"); input.removeAttribute("aria-activedescendant"); active = -1; };
  const choose = ({ id, label }) => {
    if (![...select.options].some((option) => option.value === id)) select.append(new Option(label, id));
    select.value = id;
    input.value = label;
    close();
  };
  const show = (found) => {
    list.replaceChildren(...found.slice(0, MOST).map((each, index) => {
      const item = document.createElement("li");
      Object.assign(item, { id: `${list.id}-${index}`, textContent: each.label });
      item.setAttribute("role", "option");
      item.setAttribute("aria-selected", "false");
      item.addEventListener("mousedown", (event) => { event.preventDefault(); choose(each); });
      item.choose = () => choose(each);
      return item;
    }));
    active = -1;
    list.hidden = !found.length;
    input.setAttribute("aria-expanded", String(!!found.length));
  };
  const move = (step) => {
    const items = [...list.children];
    if (!items.length) return;
    items[active]?.setAttribute("aria-selected", "false");
    active = (active + step + items.length + (active < 0 && step < 0 ? 1 : 0)) % items.length;
    items[active].setAttribute("aria-selected", "true");
    items[active].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", items[active].id);
  };
  const search = async () => {
    const turn = ++asked, text = input.value.trim();
    if (!text) return show(known(select));
    const query = new URLSearchParams({ search: text, page_size: MOST, in_stock: true });
    const answer = await fetch(`${select.dataset.picker}?${query}`, { headers: { Accept: "application/json" } }).catch(() => null);
    if (turn !== asked || document.activeElement !== input) return undefined;
    if (!answer?.ok) return show(known(select).filter(({ label }) => label.toLowerCase().includes(text.toLowerCase())));
    return show((await answer.json()).results.map(({ id, name, price, currency }) => ({ id, label: `${name} – ${price} ${currency}` })));
  };
  input.addEventListener("input", () => { select.value = ""; clearTimeout(timer); timer = setTimeout(search, WAIT_MS); });
  input.addEventListener("click", () => { if (list.hidden) search(); });
  input.addEventListener("blur", () => { asked++; input.value = chosen(select); close(); });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) search(); else move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && !list.hidden) {
      event.preventDefault();
      list.children[Math.max(active, 0)].choose();
    } else if (event.key === "Escape") close();
  });
  return input;
}

const known = (select) => [...select.options].filter(({ value }) => value).map(({ value, label }) => ({ id: value, label }));
const chosen = (select) => (select.value ? select.selectedOptions[0].label : "");

for (const select of document.querySelectorAll("select[data-picker]")) pick(select);
