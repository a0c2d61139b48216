// One conversation: what the server sends is put into the page, and the reader's place is kept.
const { duologue } = window;
const conversation = { thread: null, moved: null, version: 0, mine: false, at: Infinity };
const parts = {};
const place = (name) => element.querySelector(`[data-rows="${name}"]`);
const columns = {};
for (const name of ["rows", "other"])
  columns[name] = new duologue.RowWindow(place(name), { dress: duologue.dress, grown: () => toEnd() });
const { rows } = columns;
duologue.rows = rows;

// --- where the reader is ------------------------------------------------------------------------
// The page stays with the end until the reader scrolls up, and again once they are back there.

let stick = true, seen = 0, messages = 0, last = { y: 0, tall: 0 };
const newest = document.createElement("button");
newest.type = "button";
newest.id = "newest";
newest.dataset.act = "newest";
newest.hidden = true;
newest.dataset.label = element.querySelector("[data-newest]").dataset.newest;

// How far the last line reaches below what is free of the dock.
function below() {
  const row = rows.last;
  if (!row) return rows.length ? Infinity : 0;
  return row.getBoundingClientRect().bottom - free + 8;
}

// The window without the dock. To read either costs a layout: they are read when they change.
let free = innerHeight, dock = null;
function measure() { free = innerHeight - (dock?.offsetHeight || 0); }
addEventListener("duologue:ready", () => {
  dock = document.querySelector("#dock");
  new ResizeObserver(() => { measure(); toEnd(); }).observe(dock);
});
addEventListener("resize", measure);

function live() {
  return ["running", "waiting"].includes(document.body.dataset.stands);
}

// Once a frame, when the browser lays the page out anyway.
let ending = false;
function toEnd() {
  if (ending) return;
  ending = true;
  requestAnimationFrame(() => { ending = false; scrollToEnd(); });
}

function scrollToEnd() {
  if (!stick || document.body.dataset.page !== "thread" || !live()) return;
  if (isScrolledUp()) return follow(false);
  const far = below();
  if (far > 0 && far !== Infinity) scrollBy({ top: far, behavior: "instant" });
  last = { y: scrollY, tall: document.documentElement.scrollHeight };
}

// Who follows is moved by us alone: the browser, which keeps in place what is in the middle of the
// window, would look like a reader who scrolls.
function stickTo(yes) {
  stick = rows.follows = yes;
  document.documentElement.style.overflowAnchor = yes ? "none" : "";
}

function follow(yes) {
  if (yes === stick) return;
  stickTo(yes);
  if (!yes) seen = messages;
  offerNewest();
}

function offerNewest() {
  if (!newest.isConnected) dock?.prepend(newest);
  const fresh = Math.max(0, messages - seen);
  newest.hidden = stick || !(live() || fresh) || below() < 60;
  newest.textContent = `↓ ${newest.dataset.label}${fresh ? ` (${fresh})` : ""}`;
}

// Not where the page itself got shorter, whose end is then where the window ends.
function isScrolledUp() {
  const tall = document.documentElement.scrollHeight;
  return scrollY < last.y - 1 && tall >= last.tall && scrollY + innerHeight < tall - 1;
}

let scrolled = false;
function onScroll() {
  scrolled = false;
  if (document.body.dataset.page !== "thread") return;
  if (stick && scrollY === last.y) return; // our own step to the end
  const up = isScrolledUp();
  last = { y: scrollY, tall: document.documentElement.scrollHeight };
  if (up) follow(false);
  else if (below() < 40) follow(true);
  for (const column of Object.values(columns)) column.draw();
  offerNewest();
}
addEventListener("scroll", () => {
  if (scrolled) return;
  scrolled = true;
  requestAnimationFrame(onScroll);
}, { passive: true });
addEventListener("wheel", (event) => { if (event.deltaY < 0 && scrollY > 0) follow(false); }, { passive: true });
let finger = 0;
addEventListener("touchstart", (event) => { finger = event.touches[0].clientY; }, { passive: true });
addEventListener("touchmove", (event) => {
  if (event.touches[0].clientY > finger + 4 && scrollY > 0) follow(false);
}, { passive: true });
addEventListener("resize", () => onScroll());
addEventListener("duologue:page", () => requestAnimationFrame(onScroll));

// Paper has room for every line.
const paper = (yes) => Object.values(columns).forEach((column) => column.all(yes));
addEventListener("beforeprint", () => paper(true));
addEventListener("afterprint", () => paper(false));
matchMedia("print").addEventListener("change", (media) => paper(media.matches));

// --- what the server sends ----------------------------------------------------------------------

// What stands beside a running conversation is looked at now and then: once a second will do.
let beside, resting = 0;
function partBeside(html) {
  beside = html;
  if (resting && live()) return;
  clearTimeout(resting);
  resting = setTimeout(() => { resting = 0; part("side", beside); }, live() ? 1000 : 0);
  part("side", html);
}

function part(name, html) {
  const box = document.querySelector(`[data-part="${name}"]`);
  if (!box || parts[name] === html) return;
  parts[name] = html;
  const open = [...box.querySelectorAll("details")].map((one) => one.open);
  const focused = box.contains(document.activeElement) ? document.activeElement.dataset.act : null;
  box.innerHTML = html;
  box.querySelectorAll("details").forEach((one, at) => { one.open = open[at] || false; });
  if (focused) box.querySelector(`[data-act="${focused}"]`)?.focus();
  duologue.dress(box);
}

function announce(row) {
  const who = row.querySelector(".who b")?.textContent;
  const said = [...row.querySelectorAll(".text, .part")].map((one) => one.textContent).join(", ");
  document.querySelector("#said").textContent = `${who}: ${said}`;
}

// Whose turn it is to write may begin at once.
function offer(flags) {
  const mine = flags.seat === "human" && flags.stands === "waiting";
  const idle = !document.activeElement || document.activeElement.matches("body, button, ol");
  if (mine && !conversation.mine && idle && matchMedia("(hover: hover)").matches)
    setTimeout(() => document.querySelector("#line textarea")?.focus({ preventScroll: true }), 50);
  conversation.mine = mine;
}

function change(page) {
  const first = conversation.moved === null;
  if (!first && page.moved !== conversation.moved && page.thread)
    duologue.show(`?thread=${encodeURIComponent(page.thread)}`, { tell: false });
  conversation.moved = page.moved;
  if (page.thread !== conversation.thread) {
    Object.values(columns).forEach((column) => column.clear());
    conversation.thread = page.thread;
    conversation.opening = true;
    conversation.at = duologue.place().at;
    stickTo(false);
    seen = 0;
  }
  if (first) window.dispatchEvent(new Event("duologue:ready"));
}

// Only what changed since an earlier version is sent. Where that version never came, as in a tab
// that slept, all that came since the one we have is asked for.
let askedAt = 0;
function askAgain() {
  if (Date.now() - askedAt < 1000) return;
  askedAt = Date.now();
  duologue.send("resend", { version: conversation.version });
}

function receive(page) {
  duologue.heard = Date.now();
  if (page.base > conversation.version) return askAgain();
  if (page.base === 0) for (const name of Object.keys(parts)) delete parts[name];
  const begun = conversation.version > 0 && page.thread === conversation.thread && rows.length > 0;
  conversation.version = page.version;
  const rested = begun && !live() && below() < 40;
  change(page);
  offer(page.flags);
  for (const [name, value] of Object.entries(page.flags)) document.body.dataset[name] = String(value);
  if (conversation.opening && page.flags.stands !== "opening") {
    conversation.opening = false; // what came before told nothing of how it stands
    stickTo(live());
    seen = page.messages;
  }
  if (rested && live()) follow(true);
  duologue.model(page.flags.model);
  for (const [name, html] of Object.entries(page.parts))
    if (name === "side") partBeside(html); else part(name, html);
  messages = page.messages;
  rows.differs = columns.other.differs = page.differs;
  const changed = rows.apply(page.rows);
  columns.other.apply(page.other);
  if (begun) changed.filter((row) => row.matches(".settled")).slice(-1).forEach(announce);
  if (conversation.at < rows.length) {
    goTo(conversation.at);
    conversation.at = Infinity;
  }
  if (stick) toEnd(); else offerNewest();
  duologue.focus.keep();
}

duologue.send = (act, facts = {}) => trigger("select", { ...facts, act });
duologue.receive = receive;
duologue.waiting.splice(0).forEach(receive);

// Back to the button that opened the dialog, or to its message.
duologue.refocus = ({ index, act }) => {
  const row = rows.drawn.get(Number(index));
  row?.focus({ preventScroll: true });
  row?.querySelector(`[data-act="${act}"]`)?.focus({ preventScroll: true });
};

// --- what the reader does -----------------------------------------------------------------------

function goTo(at) {
  follow(false);
  rows.focus(at);
  rows.drawn.get(at)?.scrollIntoView({ block: "center" });
}

const ACTS = {
  copy: (button) => duologue.copy(button),
  print: () => window.print(),
  goto: (button) => goTo(Number(button.dataset.index)),
  newest: () => { follow(true); rows.draw(); scrollToEnd(); toEnd(); },
  compare_end: () => duologue.show(`?thread=${encodeURIComponent(conversation.thread)}`),
  download: (button) => duologue.send("download", { as: button.dataset.as, zone: -new Date().getTimezoneOffset() }),
};

// These make or start something: a double click means one.
function again(button) {
  if (!["retry", "resume", "again"].includes(button.dataset.act)) return false;
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
  const asked = act === "edit" || act === "fork" ? duologue.dialog(button) : 0;
  duologue.send(act, { index: Number(button.dataset.index ?? -1), asked });
});

// Who says something wants to see it, and what is answered.
document.addEventListener("click", (event) => { if (event.target.closest("#send")) ACTS.newest(); });
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && event.target.closest("#line")) ACTS.newest();
});

// A button of the bot's puts its title into the line of the person who answers.
document.addEventListener("click", (event) => {
  const part = event.target.closest("#stage [data-choose]");
  const line = document.querySelector("#composer textarea");
  if (!part || !line?.offsetParent) return;
  line.value = part.dataset.choose;
  line.dispatchEvent(new Event("input", { bubbles: true }));
  line.focus();
});

// What can be done with a message appears where the pointer or the focus is: one set for all rows.
const acts = Object.fromEntries(["user", "assistant"].map((role) => [
  role, element.querySelector(`template[data-acts="${role}"]`).content.firstElementChild,
]));
function showActs(row) {
  const facts = row?.matches("#stage [data-rows=rows] .msg.settled") && row.querySelector(".facts");
  if (!facts || facts.querySelector(".acts")) return;
  for (const set of Object.values(acts)) if (!set.contains(document.activeElement)) set.remove();
  const set = acts[row.classList.contains("user") ? "user" : "assistant"];
  for (const button of set.querySelectorAll("button")) button.dataset.index = row.dataset.index;
  facts.append(set);
}
for (const kind of ["pointerover", "focusin", "click"])
  element.addEventListener(kind, (event) => showActs(event.target.closest?.(".msg")));

// One stop of the tab key; arrows lead from message to message, Tab to what can be done with it.
element.addEventListener("focusin", (event) => {
  const row = event.target.closest(".msg");
  const column = Object.values(columns).find((one) => one.list.contains(row));
  if (column) { column.active = row.at; column.mark(); }
});
const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
element.addEventListener("keydown", (event) => {
  const step = STEPS[event.key], row = event.target.closest(".msg");
  if (!step || !row || event.altKey || event.ctrlKey || event.metaKey) return;
  const column = Object.values(columns).find((one) => one.list.contains(row));
  event.preventDefault();
  if (step < 0) follow(false);
  column.focus(row.at + step);
});
