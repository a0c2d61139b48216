// The page's own script: addresses, theme, clocks, keys, and whether the server is still there.
// Everything that is said in a conversation comes as escaped HTML from ui/render.py.
(() => {
  // The tracker that Gradio shows while it loads goes on drawing after it is gone: sixty frames a
  // second for ever, on a page that does nothing. Its timer and its springs are slowed down.
  const frame = window.requestAnimationFrame.bind(window);
  const endless = /tasks\.forEach|performance\.now\(\)\s*-/;
  window.requestAnimationFrame = (callback) =>
    endless.test(callback.toString()) ? setTimeout(() => callback(performance.now()), 500) : frame(callback);

  // Gradio complains when a tab is left while its streams are open, as if that were a fault.
  let leaving = false;
  const complain = console.error.bind(console);
  console.error = (...told) => {
    if (!leaving || !/abort|errored out/i.test(told.join(" "))) complain(...told);
  };
  for (const kind of ["beforeunload", "pagehide"])
    window.addEventListener(kind, () => {
      leaving = true;
      setTimeout(() => { leaving = false; }, 3000);
    });
  // Gradio closes its stream before a page is left. While the next one is awaited it takes that for
  // a lost line: it opens another stream, which the server refuses, and loads the page again, which
  // undoes the leaving. A stream ends with its page anyway.
  const listen = window.addEventListener.bind(window);
  window.addEventListener = (kind, ...more) => { if (kind !== "beforeunload") listen(kind, ...more); };

  const PAGES = ["new", "versus", "chat", "find", "experiments", "bots", "thread"];
  const store = {
    get: (area, name) => { try { return area.getItem(name) || ""; } catch { return ""; } },
    set: (area, name, value) => { try { area.setItem(name, value); } catch { /* private mode */ } },
  };
  const body = () => document.body.dataset;
  const $ = (selector) => document.querySelector(selector);
  const place = () => {
    const query = new URLSearchParams(location.search);
    const thread = query.get("thread") || "";
    const page = thread ? "thread" : query.get("experiment") ? "experiments" : query.get("view");
    const [beside, client] = ["beside", "client"].map((name) => query.get(name) || "");
    const at = /^\d+$/.test(query.get("at")) ? Number(query.get("at")) : Infinity; // a message to begin at
    return { page: PAGES.includes(page) ? page : "new", thread, beside, client, at };
  };
  // Whoever looks at one client's conversations goes on doing so.
  const own = (query) => {
    const { client } = place();
    if (!client) return query;
    const named = new URLSearchParams(query);
    named.set("client", client);
    return `?${named}`;
  };

  // Gradio writes the browser's language over the page's own.
  const root = document.documentElement, { lang } = root;
  new MutationObserver(() => { if (root.lang !== lang) root.lang = lang; })
    .observe(root, { attributes: true, attributeFilter: ["lang"] });

  // A formatter takes longer to make than a hundred times to use.
  const CLOCKS = {
    near: { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false },
    far: { dateStyle: "short", timeStyle: "short" },
    whole: { dateStyle: "short", timeStyle: "medium" },
  };
  const clocks = {};
  const clock = (name) =>
    clocks[name] ??= new Intl.DateTimeFormat(lang === "en" ? "en-GB" : lang, CLOCKS[name]);

  let asked = 0, copied, opener = null;
  const duologue = Object.assign(window.duologue, {
    send: () => {},
    waiting: [], // pages that came before stage.js could take them
    receive: (page) => duologue.waiting.push(page),
    update: (json) => { if (json) duologue.receive(JSON.parse(json)); },
    heard: 0,
    place,
    boot: () => JSON.stringify({ ...place(), key: store.get(sessionStorage, "duologue-key") }),
    unlock(key, told) {
      if (told !== "ok") return;
      store.set(sessionStorage, "duologue-key", key.trim());
      location.reload();
    },

    // Where we are. The server is told of a conversation, the rest is the page's own affair.
    show(query, { push = true, tell = true } = {}) {
      if (push) history.pushState({}, "", own(query) || location.pathname);
      const at = place();
      body().page = at.page;
      closeDialog();
      for (const link of document.querySelectorAll("#top nav a")) {
        if (link.dataset.page === at.page) {
          link.setAttribute("aria-current", "page");
          const row = link.parentElement; // a phone shows a part of it
          row.scrollLeft = link.offsetLeft - row.offsetLeft - (row.clientWidth - link.offsetWidth) / 2;
        }
        else link.removeAttribute("aria-current");
      }
      for (const link of document.querySelectorAll("#top a[hreflang]"))
        link.search = location.search;
      if (tell) duologue.send("open", at);
      if (push) window.scrollTo(0, 0);
      window.dispatchEvent(new CustomEvent("duologue:page", { detail: at }));
    },

    // Times are written by the reader's own clock and zone; links stay with the client.
    dress(root) {
      for (const link of root.querySelectorAll("a[data-go]"))
        link.setAttribute("href", own(link.getAttribute("href")));
      for (const time of root.querySelectorAll("time[datetime]")) {
        const at = new Date(time.dateTime);
        if (isNaN(at)) continue;
        time.textContent = clock(time.dataset.far !== undefined ? "far" : "near").format(at);
        time.title = clock("whole").format(at);
      }
      tick(root);
    },

    // Nothing can be sent from the dialog before the server has filled it for this message.
    dialog(button) {
      const box = $("#fork");
      opener = { index: button.dataset.index, act: button.dataset.act };
      box.querySelector("#fork_go").disabled = true;
      box.setAttribute("role", "dialog");
      box.setAttribute("aria-modal", "true");
      box.setAttribute("aria-label", button.textContent);
      body().dialog = "fork";
      for (const part of behind()) part.inert = true;
      setTimeout(() => box.querySelector("#fork_cancel")?.focus(), 50);
      return ++asked;
    },
    filled() {
      const box = $("#fork");
      box.querySelector("#fork_go").disabled = false;
      setTimeout(() => {
        const line = box.querySelector("textarea");
        (line?.offsetParent ? line : box.querySelector("#fork_go"))?.focus();
      }, 100);
    },
    told({ filled, name, text }) {
      if (filled === asked && body().dialog) duologue.filled();
      if (name) duologue.save(name, text);
    },
    closeDialog: () => closeDialog(),
    seat(name) { body().player = name; },

    // A form is shown when it is filled: what stands in it before moves and cannot be used.
    showForms() {
      body().filled = "true";
      duologue.focus.thinOut();
    },

    // What needs a model cannot be chosen where there is none; the page says why beside it.
    model(there) {
      for (const one of document.querySelectorAll('#seat input[value="simulated"], #versus'))
        one.disabled = !there;
    },

    async copy(button) {
      const link = new URL(location.href);
      link.searchParams.delete("beside");
      try {
        await navigator.clipboard.writeText(link.href);
      } catch {
        const box = document.createElement("textarea");
        box.value = link.href;
        document.body.append(box);
        box.select();
        document.execCommand("copy");
        box.remove();
      }
      button.dataset.label ??= button.textContent;
      button.textContent = button.dataset.done;
      clearTimeout(copied);
      copied = setTimeout(() => { button.textContent = button.dataset.label; }, 1500);
    },

    save(name, text) {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    },
  });

  // All that is not the dialog: neither the tab key nor a screen reader gets there meanwhile.
  const behind = () => document.querySelectorAll("#top, .page");

  function closeDialog() {
    if (!body().dialog) return;
    delete body().dialog;
    for (const part of behind()) part.inert = false;
    if (opener) duologue.refocus?.(opener);
    opener = null;
  }

  function tick(root) {
    for (const span of root.querySelectorAll("[data-since]")) {
      if (span.dataset.until) continue;
      const seconds = Math.max(0, Math.floor((Date.now() - new Date(span.dataset.since)) / 1000));
      const pad = (n) => String(n).padStart(2, "0");
      const hours = Math.floor(seconds / 3600);
      span.textContent = (hours ? hours + ":" : "") + pad(Math.floor(seconds / 60) % 60) + ":" + pad(seconds % 60);
    }
  }
  setInterval(() => tick(document), 1000);

  // Theme: the system's, until one is chosen.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const paint = () => {
    const chosen = store.get(localStorage, "duologue-theme");
    document.body.classList.toggle("dark", chosen ? chosen === "dark" : dark.matches);
    document.documentElement.style.colorScheme = document.body.classList.contains("dark") ? "dark" : "light";
  };
  dark.addEventListener("change", paint);

  // The server may be killed and come back: the page says so, waits, and loads itself again once
  // another process answers. Where the same one answers, only its stream to this page is in doubt:
  // a sign of life is asked for, and the page stays as it is if one comes.
  let boot = null, missed = 0, doubts = 0;
  async function alive() {
    try {
      const answer = await fetch("alive", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      if (answer.status !== 200) body().starting = "yes"; else delete body().starting;
      if (answer.status !== 200) throw new Error(answer.status);
      const told = (await answer.json()).boot;
      if (boot && boot !== told) return comeBack();
      boot = told;
      const silent = duologue.heard && Date.now() - duologue.heard > 45000;
      if (missed > 1 || silent) doubts = Math.max(doubts, 1);
      if (doubts && await unheard()) return comeBack();
      missed = doubts = 0;
    } catch (error) {
      if (error.name !== "Error") delete body().starting; // nobody answered
      missed += 1;
      if (missed > 1) doubts = 1;
    }
    if (missed > 1) body().offline = "yes"; else delete body().offline;
    setTimeout(alive, missed ? 700 : 2500);
  }
  async function unheard() {
    const before = Date.now();
    duologue.send("refresh");
    for (let wait = 0; wait < 40; wait += 1) {
      await new Promise((done) => setTimeout(done, 200));
      if (duologue.heard > before) return false;
    }
    return true;
  }
  function comeBack() {
    for (const box of document.querySelectorAll("#composer textarea"))
      store.set(sessionStorage, "duologue-draft", box.value);
    location.reload();
  }
  function restoreDraft() {
    const draft = store.get(sessionStorage, "duologue-draft");
    const box = $("#composer textarea");
    if (!draft || !box) return;
    store.set(sessionStorage, "duologue-draft", "");
    box.value = draft;
    box.dispatchEvent(new Event("input", { bubbles: true }));
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-go]");
    if (link && !event.metaKey && !event.ctrlKey && !event.shiftKey && event.button === 0) {
      event.preventDefault();
      duologue.show(link.getAttribute("href"));
    }
    if (event.target.closest("[data-theme]")) {
      store.set(localStorage, "duologue-theme", document.body.classList.contains("dark") ? "light" : "dark");
      paint();
    }
  });
  // Whoever stops with the key goes on at the buttons, unless they read a line.
  function stop() {
    const button = $("#stop");
    if (!document.activeElement?.closest("li.msg")) button?.focus({ preventScroll: true });
    button?.click();
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing) return;
    if (body().dialog) return closeDialog();
    if (document.activeElement?.closest("#composer")) return duologue.focus.transcript();
    if (body().page === "thread" && body().stands === "running") stop();
  });
  window.addEventListener("popstate", () => duologue.show("", { push: false }));
  window.addEventListener("duologue:ready", () => {
    // The head of the page grows with what it has to say: what sticks below it moves along.
    const top = $("#top");
    new ResizeObserver(() => {
      const tall = getComputedStyle(top).position === "sticky" ? top.offsetHeight : 0;
      document.documentElement.style.setProperty("--top", `${tall}px`);
    }).observe(top);
    duologue.show("", { push: false, tell: false });
    duologue.dress($("#top"));
    restoreDraft();
  });

  const begin = () => {
    paint();
    body().page = place().page;
    setTimeout(alive, 2500);
  };
  if (document.body) begin(); else document.addEventListener("DOMContentLoaded", begin);
})();
