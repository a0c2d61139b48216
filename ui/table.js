// The list of conversations: filters are plain fields, rows come as escaped HTML, and of those that
// are here already only their places.
const { duologue } = window;
const field = (name) => element.querySelector(`[name="${name}"]`);
const PAGE = 50;
const WHOLE = 80; // up to here all rows are in the document; of more, those near the window
const STEP = 20; // rows that come and go together
const GUESS = 48; // pixels of a row, until some were measured
const body = element.querySelector("tbody");
let limit = PAGE;
let version = 0;
let rows = [], drawn = [0, 0], tall = GUESS;

function ask() {
  trigger("select", {
    status: field("status").value,
    bot_id: field("bot").value,
    search: field("search").value,
    limit,
    version,
  });
}

function choices(select, options) {
  if (!options.length) return; // a poll that failed knows of none
  const known = [...select.options].slice(1).map((option) => option.value).join();
  if (known === options.map(([value]) => value).join()) return;
  const chosen = select.value;
  select.length = 1;
  for (const [value, label] of options) select.add(new Option(label, value));
  select.value = chosen;
}

const snap = (row) => Math.min(Math.max(Math.floor(row / STEP) * STEP, 0), rows.length);
function range() {
  if (rows.length <= WHOLE) return [0, rows.length];
  const above = -body.getBoundingClientRect().top;
  return [snap((above - innerHeight) / tall), snap((above + 2 * innerHeight) / tall + STEP)];
}

const gap = (count) => count
  ? `<tr class="gap" aria-hidden="true"><td colspan="7" style="height:${count * tall}px"></td></tr>` : "";

function paint(changed) {
  const [from, to] = range();
  if (!changed && from === drawn[0] && to === drawn[1]) return;
  drawn = [from, to];
  const focused = document.activeElement?.closest("#table a")?.getAttribute("href");
  body.innerHTML = gap(from) + rows.slice(from, to).join("") + gap(rows.length - to);
  duologue.dress(element);
  if (focused) element.querySelector(`a[href="${focused}"]`)?.focus({ preventScroll: true });
  const shown = body.querySelectorAll("tr:not(.gap)");
  if (!shown.length || !shown[0].offsetHeight) return;
  const reach = shown[shown.length - 1].getBoundingClientRect().bottom - shown[0].getBoundingClientRect().top;
  tall = reach / shown.length;
}

function draw() {
  const page = props.value;
  if (!page || page.rows === undefined) return;
  choices(field("bot"), page.bots || []);
  if (page.base && page.base !== version && page.version !== version) { version = 0; return ask(); }
  if (!page.base || page.version !== version) {
    rows = page.rows.flatMap((part) => (typeof part === "string" ? [part] : rows.slice(...part)));
    version = page.version;
    paint(true);
  }
  element.querySelector(".none").innerHTML = page.none;
  element.querySelector("table").hidden = Boolean(page.none);
  element.querySelector(".count").textContent = page.count;
  element.querySelector(".more").hidden = !page.more;
}

let pause;
element.addEventListener("input", () => {
  limit = PAGE;
  clearTimeout(pause);
  pause = setTimeout(ask, 250);
});
element.addEventListener("click", (event) => {
  if (event.target.closest(".more")) { limit *= 2; ask(); }
  const row = event.target.closest("tbody tr:not(.gap)");
  if (row && !event.target.closest("a")) row.querySelector("a").click();
});
const seen = () => document.body.dataset.page === "find" && !document.hidden;
window.addEventListener("duologue:page", (event) => { if (event.detail.page === "find") ask(); });
let scrolled = false;
for (const kind of ["scroll", "resize", "duologue:page"])
  window.addEventListener(kind, () => {
    if (scrolled || rows.length <= WHOLE) return;
    scrolled = true;
    requestAnimationFrame(() => { scrolled = false; if (seen()) paint(false); });
  }, { passive: true });
let ticks = 0;
setInterval(() => {
  ticks += 1; // a long list is asked for less often
  if (seen() && !document.body.dataset.offline && ticks % Math.ceil(limit / 200) === 0) ask();
}, 2000);

watch("value", draw);
draw();
if (seen()) ask();
