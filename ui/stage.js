// Puts what the server sends into the page: only the parts and rows that changed.
const { duologue } = window;
const known = { rows: [], other: [] };
const parts = {};
let moved = null;

// How far the last line reaches below what is free of the dock; the reader may be elsewhere.
function below() {
  const last = element.querySelector('[data-rows="rows"]').lastElementChild;
  const dock = document.querySelector("#dock")?.offsetHeight || 0;
  return last ? last.getBoundingClientRect().bottom - (window.innerHeight - dock) + 8 : 0;
}

// The page stays with the end until the reader scrolls up, and again once they are back.
let stick = true, ours = 0;
function toEnd() {
  if (!stick || document.body.dataset.page !== "thread" || below() <= 0) return;
  ours = performance.now();
  window.scrollBy({ top: below() });
}
window.addEventListener("scroll", () => {
  if (performance.now() - ours > 200) stick = below() < 160;
}, { passive: true });

function part(name, html) {
  const place = document.querySelector(`[data-part="${name}"]`);
  if (!place || parts[name] === html) return;
  parts[name] = html;
  const open = [...place.querySelectorAll("details")].map((box) => box.open);
  place.innerHTML = html;
  place.querySelectorAll("details").forEach((box, at) => { box.open = open[at] || false; });
  duologue.dress(place);
}

function row(html) {
  const box = document.createElement("template");
  box.innerHTML = html;
  return box.content.firstElementChild;
}

function rows(name, fresh) {
  const list = element.querySelector(`[data-rows="${name}"]`);
  const old = known[name];
  fresh.forEach((html, at) => {
    if (old[at] === html) return;
    const made = row(html);
    const before = list.children[at];
    if (before?.querySelector("details[open]")) made.querySelector("details")?.setAttribute("open", "");
    if (before) before.replaceWith(made); else list.append(made);
    duologue.dress(made);
    if (name === "rows" && old.length && made.classList.contains("settled")) announce(made);
  });
  while (list.children.length > fresh.length) list.lastElementChild.remove();
  known[name] = [...fresh];
}

function announce(made) {
  const who = made.querySelector(".who b").textContent;
  document.querySelector("#said").textContent = `${who}: ${made.querySelector(".text").textContent}`;
}

function mark(at) {
  for (const line of element.querySelectorAll(".differs")) line.classList.remove("differs");
  if (at === null || at === undefined) return;
  for (const list of element.querySelectorAll("[data-rows]")) list.children[at]?.classList.add("differs");
}

// Whose turn it is to write may begin at once.
function offer(flags) {
  const mine = flags.seat === "human" && flags.stands === "waiting";
  const idle = !document.activeElement || document.activeElement.matches("body, button");
  if (mine && !known.mine && idle && matchMedia("(hover: hover)").matches)
    setTimeout(() => document.querySelector("#line textarea")?.focus({ preventScroll: true }), 50);
  known.mine = mine;
}

function draw() {
  const page = props.value;
  if (!page || !page.flags) return;
  duologue.heard = Date.now();
  if (moved !== null && page.moved !== moved && page.thread)
    duologue.show(`?thread=${encodeURIComponent(page.thread)}`, { tell: false });
  if (moved === null) window.dispatchEvent(new Event("duologue:ready"));
  moved = page.moved;
  offer(page.flags);
  for (const [name, value] of Object.entries(page.flags)) document.body.dataset[name] = String(value);
  if (page.thread !== known.thread) {
    known.thread = page.thread;
    stick = true;
  }
  for (const name of ["notice", "head", "banner", "empty", "side"]) part(name, page[name] || "");
  rows("rows", page.rows);
  rows("other", page.other || []);
  mark(page.differs);
  if (page.flags.stands === "running" || page.flags.stands === "waiting") {
    toEnd();
    requestAnimationFrame(toEnd);
  }
}

duologue.send = (act, facts = {}) => trigger("select", { ...facts, act });

const ACTS = {
  copy: (button) => duologue.copy(button),
  print: () => window.print(),
  compare_end: () => duologue.show(`?thread=${encodeURIComponent(known.thread)}`),
  download: (button) => duologue.send("download", { as: button.dataset.as }),
};

// These make or start something: a double click means one.
function again(button) {
  if (!["retry", "resume"].includes(button.dataset.act)) return false;
  if (button.dataset.sent) return true;
  button.dataset.sent = "yes";
  setTimeout(() => { delete button.dataset.sent; }, 1500);
  return false;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  if (!button || !button.closest("#page-thread, #top")) return;
  const act = button.dataset.act;
  if (ACTS[act]) return ACTS[act](button);
  if (again(button)) return;
  const asked = act === "edit" || act === "fork" ? duologue.dialog(button.textContent) : 0;
  duologue.send(act, { index: Number(button.dataset.index ?? -1), asked });
});

watch("value", draw);
draw();
