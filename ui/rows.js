// A list of rows of which only those near the window are in the document, however long it is.
(() => {
  const WHOLE = 80; // up to here all rows are drawn, and the browser's own search finds them
  const SCREENS = 1; // drawn beyond the window, above and below
  const GUESS = 110; // pixels of a row, until one was measured
  // To read the window's height costs a layout: it is read when it changes.
  let screen = innerHeight;
  addEventListener("resize", () => { screen = innerHeight; });

  class RowWindow {
    constructor(list, { dress, grown }) {
      Object.assign(this, { list, dress });
      this.html = [];
      this.heights = [];
      this.drawn = new Map(); // index → element
      this.whole = this.follows = false;
      this.differs = this.active = null;
      [this.above, this.below] = [0, 1].map(() => {
        const gap = document.createElement("li");
        gap.className = "gap";
        gap.setAttribute("role", "presentation");
        return gap;
      });
      list.replaceChildren(this.above, this.below);
      this.sizes = new ResizeObserver((entries) => { if (this.measure(entries)) grown(); });
    }

    get length() { return this.html.length; }
    get last() { return this.drawn.get(this.length - 1); }

    // What the server sent: how many rows there are, and those that changed.
    apply({ count, changed }) {
      for (const [at, html] of changed) this.html[at] = html;
      this.html.length = this.heights.length = count;
      this.draw(new Set(changed.map(([at]) => at)));
      return changed.map(([at]) => this.drawn.get(at)).filter(Boolean);
    }

    clear() {
      this.html = [];
      this.heights = [];
      this.active = null;
      this.draw();
    }

    height(at) { return this.heights[at] ?? this.guess; }

    measure(entries) {
      let changed = false;
      for (const { target, borderBoxSize } of entries) {
        const tall = Math.round(borderBoxSize[0].blockSize) + this.space;
        if (!target.isConnected || this.heights[target.at] === tall) continue;
        this.heights[target.at] = tall;
        changed = true;
      }
      return changed;
    }

    estimate() {
      const known = this.heights.filter((tall) => tall !== undefined);
      this.guess = known.length ? known.reduce((sum, tall) => sum + tall, 0) / known.length : GUESS;
      this.space ??= parseFloat(getComputedStyle(this.list).getPropertyValue("--space")) || 0;
    }

    // The rows to draw, from and to (exclusive).
    range() {
      const count = this.length;
      if (this.whole || count <= WHOLE) return [0, count];
      const reach = screen * SCREENS;
      if (this.follows) {
        let from = count, tall = 0;
        while (from > 0 && tall < screen + reach) tall += this.height(--from);
        return [from, count];
      }
      const start = this.list.getBoundingClientRect().top;
      let from = 0, y = start;
      while (from < count - 1 && y + this.height(from) < -reach) y += this.height(from++);
      let to = from;
      while (to < count && y < screen + reach) y += this.height(to++);
      return [from, to];
    }

    draw(dirty = new Set()) {
      this.estimate();
      const [from, to] = this.range();
      const focused = document.activeElement?.closest?.("li.msg");
      for (const [at, row] of this.drawn) if (at < from || at >= to) this.remove(at, row);
      let before = this.above;
      for (let at = from; at < to; at += 1) {
        let row = this.drawn.get(at);
        if (!row || (dirty.has(at) && row.html !== this.html[at])) row = this.insert(at, before, row);
        before = row;
      }
      this.stretch(this.above, 0, from);
      this.stretch(this.below, to, this.length);
      this.mark();
      if (focused && !focused.isConnected && this.list.contains(this.drawn.get(focused.at) ?? null))
        this.drawn.get(focused.at).focus({ preventScroll: true });
    }

    insert(at, before, old) {
      const box = document.createElement("template");
      box.innerHTML = this.html[at];
      const row = box.content.firstElementChild;
      if (old?.matches(".live") && row.matches(".live") && this.lengthen(old, row)) return old;
      Object.assign(row, { at, html: this.html[at] });
      if (old?.querySelector("details[open]")) row.querySelector("details")?.setAttribute("open", "");
      if (old) this.remove(at, old);
      before.after(row);
      this.drawn.set(at, row);
      this.sizes.observe(row);
      this.dress(row);
      return row;
    }

    // A line that is being said stays the same element and gets its longer text.
    lengthen(old, row) {
      const [place, text] = [old, row].map((one) => one.querySelector(".text"));
      const said = place.textContent, wanted = text.textContent;
      text.textContent = said;
      const same = wanted.startsWith(said) && old.lastElementChild.isEqualNode(row.lastElementChild);
      text.textContent = wanted;
      if (!same) return false;
      if (place.firstChild) place.firstChild.appendData(wanted.slice(said.length));
      else place.append(wanted);
      old.html = this.html[old.at];
      return true;
    }

    remove(at, row) {
      this.sizes.unobserve(row);
      row.remove();
      this.drawn.delete(at);
    }

    stretch(gap, from, to) {
      let tall = 0;
      for (let at = from; at < to; at += 1) tall += this.height(at);
      const wanted = `${Math.round(tall)}px`;
      if (gap.style.height !== wanted) gap.style.height = wanted;
      gap.hidden = from === to;
    }

    // One stop of the tab key for the whole list; the row at which two transcripts part.
    mark() {
      const stop = this.drawn.get(this.active) ?? this.last ?? [...this.drawn.values()].at(-1);
      for (const [at, row] of this.drawn) {
        const index = row === stop ? 0 : -1;
        if (row.tabIndex !== index || !row.hasAttribute("tabindex")) row.tabIndex = index;
        row.classList.toggle("differs", at === this.differs);
      }
    }

    // Puts the focus on a row, which is drawn first where it is far away.
    focus(at) {
      this.active = Math.max(0, Math.min(at, this.length - 1));
      if (!this.drawn.has(this.active)) {
        this.follows = false;
        let y = this.list.getBoundingClientRect().top + scrollY;
        for (let row = 0; row < this.active; row += 1) y += this.height(row);
        scrollTo({ top: y - innerHeight / 3, behavior: "instant" });
        this.draw();
      }
      this.mark();
      this.drawn.get(this.active)?.focus();
    }

    all(whole) {
      this.whole = whole;
      this.draw();
    }
  }

  window.duologue = Object.assign(window.duologue || {}, { RowWindow });
})();
