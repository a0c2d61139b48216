// The list of bots: a button tries one of them.
element.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-bot]");
  if (!button) return;
  button.disabled = true;
  trigger("select", { bot: button.dataset.bot });
});
watch("value", () => element.querySelectorAll("button[data-bot]").forEach((one) => { one.disabled = false; }));
