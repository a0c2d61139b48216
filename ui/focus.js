// Where the keyboard goes on once what had the focus is gone: a form that was sent, a button that
// no longer fits. Whoever left it for something else, or clicked beside it, is left alone.
(() => {
  const $ = (selector) => document.querySelector(selector);
  const isShown = (one) => Boolean(one?.isConnected && one.checkVisibility());
  const onPage = () => $(`#page-${document.body.dataset.page}`);
  let last = null;

  document.addEventListener("focusin", (event) => { last = event.target; });
  // Chromium tells of it before an element is gone: whether it stays is known a moment later.
  document.addEventListener("focusout", ({ target, relatedTarget }) => {
    if (relatedTarget || !document.hasFocus()) return;
    setTimeout(() => { if (last === target && isShown(target)) last = null; });
  });

  const transcript = () => $("#stage [data-rows=rows]");
  // Not where a keyboard would open over half the screen.
  const line = () => (matchMedia("(hover: hover)").matches ? $("#line textarea") : null);
  const nextStep = () => [line(), ...document.querySelectorAll("#steering button, #hand_back")]
    .find((one) => isShown(one) && !one.disabled);

  function keep() {
    const now = document.activeElement;
    if (!last || isShown(last) || (now !== document.body && isShown(now))) return;
    if (document.body.dataset.page !== "thread" || document.body.dataset.dialog) return;
    const to = last.closest("#dock") ? nextStep() : transcript();
    to?.focus({ preventScroll: true });
  }

  function skip() {
    if (document.body.dataset.page === "thread") return transcript()?.focus();
    const title = onPage()?.querySelector("h1");
    if (!title) return;
    title.tabIndex = -1;
    title.focus();
  }

  // The field with the number says what the slider beside it says: one stop for both.
  const thinOut = () => document.querySelectorAll(".page input[type=range]")
    .forEach((slider) => { slider.tabIndex = -1; });

  document.addEventListener("click", (event) => {
    if (!event.target.closest?.("a.skip")) return;
    event.preventDefault();
    skip();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const start = event.target.closest?.(".page.sheet")?.querySelector("#start, #versus, #chat");
    if (start && !start.disabled) { event.preventDefault(); start.click(); }
  });

  window.duologue = Object.assign(window.duologue || {}, {
    focus: { keep, thinOut, transcript: () => transcript()?.focus({ preventScroll: true }) },
  });
})();
