// A list of any length of which only what is seen exists. Browsers cap the
// height of an element near 15 million pixels, so a long list has a shorter one:
// near its ends a pixel of the scroll bar is a pixel, in between it is more.
// Wheel, touch and keys still move by pixels, and the scroll bar is put right
// when they rest.

const tallest = 8_000_000;
const edge = 1_000_000;

export class List {
  /**
   * A list in a scrolling element, of rows of one height: make makes an element,
   * bind(element, index) puts a row's contents into it, moved is called when others are seen.
   */
  constructor(scroller, { height, make, bind, moved = () => {}, inner = 'presentation' }) {
    Object.assign(this, { scroller, height, make, bind, moved });
    this.count = 0;
    this.top = 0; // pixels of the whole list above what is seen
    this.rows = []; // elements, in order
    this.start = 0; // index of the first of them
    this.lastScroll = 0;
    this.window = document.createElement('div');
    this.window.className = 'window';
    this.body = document.createElement('div');
    this.body.className = 'rows';
    this.sizer = document.createElement('div');
    this.sizer.className = 'sizer';
    for (const e of [this.sizer, this.window, this.body]) e.setAttribute('role', inner);
    this.window.append(this.body);
    this.sizer.append(this.window);
    scroller.append(this.sizer);
    scroller.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#resized()).observe(scroller);
    this.#resized();
  }

  get whole() { return this.count * this.height; }
  get size() { return Math.min(this.whole, tallest); } // of the element
  get maxTop() { return Math.max(0, this.whole - this.view); }
  get maxScroll() { return Math.max(0, this.size - this.view); }
  get first() { return Math.floor(this.top / this.height); }
  get last() { return Math.min(this.count, Math.ceil((this.top + this.view) / this.height)); }
  get atEnd() { return this.top >= this.maxTop - 2; }

  /** setCount says how many rows there are; dropped of them went at the front since, and what is seen stays. */
  setCount(count, dropped = 0) {
    if (count === this.count && dropped === 0) return;
    this.count = count;
    this.top = this.#clamp(this.top - dropped * this.height);
    this.sizer.style.height = `${this.size}px`;
    if (dropped) this.start -= dropped;
    this.render();
    this.#settle();
  }

  /** toEnd shows the last row. */
  toEnd() { this.#go(this.maxTop); }

  /** to shows a row: "nearest", "center" or at the "top", with so many pixels of it above. */
  to(index, where = 'nearest', offset = 0) {
    const at = index * this.height;
    if (where === 'top') this.#go(at + offset);
    else if (where === 'center') this.#go(at - (this.view - this.height) / 2);
    else if (at < this.top) this.#go(at);
    else if (at + this.height > this.top + this.view) this.#go(at + this.height - this.view);
  }

  /** refresh binds again what is seen. */
  refresh() { this.render(true); }

  /** element is that of a row, if it is seen. */
  element(index) {
    const e = this.rows[index - this.start];
    return e && !e.hidden ? e : null;
  }

  render(all = false) {
    const first = this.first;
    const wanted = Math.ceil(this.view / this.height) + 1;
    while (this.rows.length < wanted) {
      const e = this.make();
      e.index = -1;
      this.rows.push(e);
      this.body.append(e);
    }
    while (this.rows.length > wanted) this.rows.pop().remove();
    this.#turn(first - this.start);
    this.start = first;
    for (let k = 0; k < this.rows.length; k++) {
      const e = this.rows[k];
      const index = first + k;
      const there = index < this.count;
      if (e.hidden === there) e.hidden = !there;
      if (there && (all || e.index !== index)) this.bind(e, index);
      e.index = there ? index : -1;
    }
    this.body.style.transform = `translateY(${Math.round(first * this.height - this.top)}px)`;
    this.moved();
  }

  // turn lets elements that left at one end come in at the other, so that the
  // others stay what they are.
  #turn(n) {
    if (n === 0 || Math.abs(n) >= this.rows.length) return;
    if (n > 0) {
      const gone = this.rows.splice(0, n);
      this.rows.push(...gone);
      this.body.append(...gone);
    } else {
      const gone = this.rows.splice(n);
      this.rows.unshift(...gone);
      this.body.prepend(...gone);
    }
  }

  #clamp(top) { return Math.max(0, Math.min(this.maxTop, top)); }

  #go(top) {
    this.top = this.#clamp(top);
    this.render();
    this.#settle();
  }

  #scrolled() {
    const s = this.scroller.scrollTop;
    const d = s - this.lastScroll;
    this.lastScroll = s;
    if (d === 0) return;
    const jump = Math.abs(d) > 4 * this.view || s <= 0 || s >= this.maxScroll - 1;
    this.top = this.#clamp(jump || this.exact ? this.#fromScroll(s) : this.top + d);
    this.render();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.#settle(), 200);
  }

  // settle puts the scroll bar where it belongs.
  #settle() {
    const want = Math.round(this.#toScroll(this.top));
    if (Math.abs(this.scroller.scrollTop - want) > 1) this.scroller.scrollTop = want;
    this.lastScroll = this.scroller.scrollTop;
    this.exact = this.whole <= tallest;
  }

  #fromScroll(s) {
    const { maxTop, maxScroll } = this;
    if (this.whole <= tallest || s <= edge) return s;
    if (s >= maxScroll - edge) return maxTop - (maxScroll - s);
    return edge + (s - edge) * (maxTop - 2 * edge) / (maxScroll - 2 * edge);
  }

  #toScroll(t) {
    const { maxTop, maxScroll } = this;
    if (this.whole <= tallest || t <= edge) return t;
    if (t >= maxTop - edge) return maxScroll - (maxTop - t);
    return edge + (t - edge) * (maxScroll - 2 * edge) / (maxTop - 2 * edge);
  }

  #resized() {
    const end = this.atEnd && this.count > 0;
    this.view = this.scroller.clientHeight;
    this.window.style.height = `${this.view}px`;
    this.top = end && this.stick ? this.maxTop : this.#clamp(this.top);
    this.render();
    this.#settle();
  }
}
