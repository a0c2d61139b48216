// The list of conversations: filters are plain fields, rows come as escaped HTML.
const { duologue } = window;
const field = (name) => element.querySelector(`[name="${name}"]`);
const PAGE = 50;
let limit = PAGE;
let html = null;

function ask() {
  trigger("select", {
    status: field("status").value,
    bot_id: field("bot").value,
    search: field("search").value,
    limit,
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

function draw() {
  const page = props.value;
  if (!page || page.rows === undefined) return;
  choices(field("bot"), page.bots || []);
  if (page.rows !== html) {
    html = page.rows;
    const focused = document.activeElement?.closest("#table a")?.getAttribute("href");
    element.querySelector("tbody").innerHTML = html;
    duologue.dress(element);
    if (focused) element.querySelector(`a[href="${focused}"]`)?.focus();
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
  const row = event.target.closest("tbody tr");
  if (row && !event.target.closest("a")) row.querySelector("a").click();
});
const seen = () => document.body.dataset.page === "find" && !document.hidden;
window.addEventListener("duologue:page", (event) => { if (event.detail.page === "find") ask(); });
let ticks = 0;
setInterval(() => {
  ticks += 1; // a long list is asked for less often
  if (seen() && !document.body.dataset.offline && ticks % Math.ceil(limit / 200) === 0) ask();
}, 2000);

watch("value", draw);
draw();
if (seen()) ask();
