// Suites and experiments: the server draws them; this asks how they stand and keeps the reader's place.
const { duologue } = window;
const board = element.querySelector(".lab");
const loading = board.innerHTML;
let stamp = "", drawn = "", live = false, asked = 0, ticks = 0;

const place = () => {
  const query = new URLSearchParams(location.search);
  return Object.fromEntries(["experiment", "cell", "against"].map((name) => [name, query.get(name) || ""]));
};
const key = () => JSON.stringify(place());
const seen = () => document.body.dataset.page === "experiments" && !document.hidden;

function ask(act = "look", more = {}) {
  asked = Date.now();
  trigger("select", { ...place(), act, stamp: drawn === key() ? stamp : "", place: key(), ...more });
}

const nameOf = (one) => one && (one.dataset.lab ? `[data-lab="${one.dataset.lab}"]` + (one.dataset.as ? `[data-as="${one.dataset.as}"]` : "")
  : one.dataset.pick ? `[data-pick="${one.dataset.pick}"]` : one.matches("a") ? `a[href="${CSS.escape(one.getAttribute("href"))}"]` : "");

// What is open, chosen and focused stays so.
function replace(html) {
  const open = [...board.querySelectorAll("details")].map((one) => one.open);
  const picked = [...board.querySelectorAll("[data-pick]:checked")].map((one) => one.dataset.pick);
  const focused = board.contains(document.activeElement) ? nameOf(document.activeElement) : "";
  board.innerHTML = html;
  board.querySelectorAll("details").forEach((one, at) => { one.open = open[at] ?? one.open; });
  for (const id of picked) board.querySelector(`[data-pick="${id}"]`)?.click();
  if (focused) board.querySelector(focused)?.focus({ preventScroll: true });
  duologue.dress(board);
}

function draw() {
  const page = props.value;
  if (!page?.stamp) return;
  asked = 0;
  if (page.save) duologue.save(page.save.name, page.save.text);
  if (page.go) return duologue.show(page.go);
  if (page.place !== key()) return;
  live = page.live;
  if (page.html === null || page.html === undefined) return;
  stamp = page.stamp;
  drawn = key();
  replace(page.html);
}

function pick() {
  const chosen = board.querySelectorAll("[data-pick]:checked");
  const button = board.querySelector('[data-lab="compare"]');
  if (button) button.disabled = chosen.length !== 2;
}

// The newer one, which stands above, is held against the older.
function compare() {
  const [head, base] = [...board.querySelectorAll("[data-pick]:checked")].map((one) => one.dataset.pick);
  duologue.show(`?experiment=${head}&against=${base}`);
}

element.addEventListener("change", pick);
element.addEventListener("click", (event) => {
  const link = event.target.closest('a[href^="?"]');
  if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
    event.preventDefault();
    return duologue.show(link.getAttribute("href"));
  }
  const button = event.target.closest("button[data-lab]");
  if (!button) return;
  if (button.dataset.lab === "compare") return compare();
  if (button.dataset.lab !== "report") button.disabled = true; // a double click means one
  ask(button.dataset.lab, { suite: button.dataset.suite, as: button.dataset.as });
});

window.addEventListener("duologue:page", (event) => {
  if (event.detail.page !== "experiments") return;
  if (drawn !== key()) board.innerHTML = loading;
  ask();
});
setInterval(() => {
  ticks += 1;
  const due = live || ticks % 8 === 0; // somebody else may have started one
  const waiting = asked && Date.now() - asked < 20000;
  if (seen() && due && !waiting && !document.body.dataset.offline) ask();
}, 1500);

watch("value", draw);
if (seen()) ask();
