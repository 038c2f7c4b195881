// Editing where and when to look: masks of key frames and weights, kept by video, saved as edits.json.

const FINEST = 96;  // cells of a mask's longer side
const MOST_UNDONE = 50;
const SHADES = { look: [0, 114, 178], away: [213, 94, 0] };

class Editor {
  constructor(player) {
    this.player = player;
    this.edits = new Map();  // of a video's name
    this.undone = [];
    this.tool = "look";
    this.cursor = null;
    this.saved = true;
    byId("edit").addEventListener("click", () => this.toggle());
    for (const input of document.querySelectorAll("#tools input")) {
      input.addEventListener("change", () => { this.tool = input.value; });
    }
    byId("rest").addEventListener("change", () => this.change(edit => { this.key(edit).rest = byId("rest").checked; }));
    byId("copy").addEventListener("click", () => this.copy());
    byId("drop").addEventListener("click", () => this.change(edit => edit.keys.delete(this.frame)));
    byId("unweigh").addEventListener("click", () => this.change(edit => {
      edit.when.delete(this.frame);
      edit.intervals = edit.intervals.filter(([first, last]) => this.frame < first || last < this.frame);
    }));
    byId("undo").addEventListener("click", () => this.undo());
    byId("save").addEventListener("click", () => this.save());
    byId("open").addEventListener("click", () => byId("edits-file").click());
    byId("edits-file").addEventListener("change", event => this.open(event.target));
    this.listenToPicture();
    this.listenToBars();
    addEventListener("beforeunload", event => { if (!this.saved) event.preventDefault(); });
  }

  get editing() { return document.body.classList.contains("editing") && Boolean(this.player.data); }
  get frame() { return this.player.view.numbers[this.player.at]; }
  get size() { return byId("brush").valueAsNumber / 100; }

  toggle() {
    const on = document.body.classList.toggle("editing");
    byId("edit").setAttribute("aria-pressed", on);
    byId("editor").hidden = !on;
    if (on) byId("overlay").setAttribute("tabindex", 0);
    else byId("overlay").removeAttribute("tabindex");
    this.player.pause();
    this.player.draw();
  }

  /** The edit of the video that is open; masks cover the whole frame, of which a view is a part. */
  get edit() {
    const { region, player: { data: { name } } } = this;
    if (!this.edits.has(name)) this.edits.set(name, newEdit());
    const edit = this.edits.get(name);
    if (!edit.rows) {
      const { width, height } = this.player.view;
      const across = width / Math.abs(region[2] - region[0]), down = height / (region[3] - region[1]);
      const scale = Math.min(1, FINEST / Math.max(across, down));
      [edit.rows, edit.columns] = [down, across].map(side => Math.max(1, Math.round(side * scale)));
      for (const key of edit.keys.values()) {
        for (const kind of ["look", "away"]) key[kind] = new Uint8Array(edit.rows * edit.columns);
      }
    }
    edit.shown ??= [...new Set(this.player.data.views.flatMap(view => view.numbers))].sort((a, b) => a - b);
    return edit;
  }

  get region() { return this.player.view.region ?? [0, 0, 1, 1]; }

  /** What is said of a frame: by its key, or on the way between two. */
  said(edit, frame) {
    const known = edit.keys.get(frame);
    if (known) return known;
    const numbers = [...edit.keys.keys()].sort((a, b) => a - b);
    const after = numbers.findIndex(number => number > frame);
    if (after < 1) return null;
    const [a, b] = [numbers[after - 1], numbers[after]], [first, last] = [a, b].map(number => edit.keys.get(number));
    const share = (frame - a) / (b - a), mixed = { rest: first.rest && last.rest };
    for (const kind of ["look", "away"]) {
      const both = first[kind].includes(1) && last[kind].includes(1);
      mixed[kind] = both ? between(first[kind], last[kind], share, edit.rows, edit.columns)
        : new Uint8Array(edit.rows * edit.columns);
    }
    return mixed;
  }

  /** This frame's key, made of what is said of it so far. */
  key(edit) {
    if (!edit.keys.has(this.frame)) {
      const said = this.said(edit, this.frame), empty = () => new Uint8Array(edit.rows * edit.columns);
      edit.keys.set(this.frame, { look: said?.look.slice() ?? empty(), away: said?.away.slice() ?? empty(), rest: said?.rest ?? false });
    }
    return edit.keys.get(this.frame);
  }

  remember() {
    this.undone.push([this.player.data.name, structuredClone(this.edit)]);
    if (this.undone.length > MOST_UNDONE) this.undone.shift();
    this.saved = false;
  }

  change(how) {
    if (!this.editing) return;
    this.remember();
    how(this.edit);
    this.player.draw();
  }

  undo() {
    const last = this.undone.pop();
    if (!last) return;
    this.edits.set(...last);
    this.player.draw();
    say("undone");
  }

  copy() {
    this.change(edit => {
      const key = this.key(edit);
      for (const number of this.player.view.numbers.slice(this.player.at + 1)) edit.keys.set(number, structuredClone(key));
    });
    say("copied to the following frames");
  }

  /** Paint a disc around a point of the picture, x and y in shares of it. */
  stamp(x, y) {
    const { edit, region, size } = this, { rows, columns } = edit, key = this.key(edit);
    const { width, height } = this.player.view, radius = size * Math.max(width, height) / 2;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const u = ((column + .5) / columns - region[0]) / (region[2] - region[0]);
        const v = ((row + .5) / rows - region[1]) / (region[3] - region[1]);
        if (Math.hypot((u - x) * width, (v - y) * height) > radius || u < 0 || u > 1 || v < 0 || v > 1) continue;
        const at = row * columns + column;
        key.look[at] = Number(this.tool === "look");
        key.away[at] = Number(this.tool === "away");
      }
    }
  }

  listenToPicture() {
    for (const id of ["frame", "overlay"]) {
      const canvas = byId(id);
      let last = null;
      const place = event => {
        const { left, top, width, height } = canvas.getBoundingClientRect();
        return [(event.clientX - left) / width, (event.clientY - top) / height];
      };
      const paint = event => {
        const now = place(event), from = last ?? now;
        const steps = Math.max(1, Math.ceil(Math.hypot(now[0] - from[0], now[1] - from[1]) / Math.max(this.size / 4, .01)));
        for (let step = 1; step <= steps; step++) {
          this.stamp(...[0, 1].map(axis => from[axis] + (now[axis] - from[axis]) * step / steps));
        }
        last = now;
        this.player.draw();
      };
      canvas.addEventListener("pointerdown", event => {
        if (!this.editing || event.button) return;
        this.player.pause();
        this.remember();
        canvas.setPointerCapture(event.pointerId);
        last = null;
        paint(event);
      });
      canvas.addEventListener("pointermove", event => { if (last && this.editing) paint(event); });
      for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => { last = null; });
    }
    byId("overlay").addEventListener("keydown", event => this.steer(event));
    byId("overlay").addEventListener("blur", () => { this.cursor = null; if (this.editing) this.player.draw(); });
  }

  /** Arrows move the brush over the picture that has the focus, space paints. */
  steer(event) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    if (!this.editing || (!way && event.key !== " ")) return;
    event.preventDefault();
    event.stopPropagation();
    this.cursor ??= [.5, .5];
    if (way) this.cursor = this.cursor.map((value, axis) => Math.min(Math.max(value + way[axis] * this.size / 2, 0), 1));
    else this.change(() => this.stamp(...this.cursor));
    this.player.draw();
  }

  listenToBars() {
    const bars = byId("bars");
    let dragging = false;
    const weigh = event => {
      const { left, width } = bars.getBoundingClientRect(), { player } = this;
      player.at = Math.min(Math.max(Math.floor((event.clientX - left) / width * player.count), 0), player.count - 1);
      const bar = bars.children[player.at].getBoundingClientRect(), room = 1.3 * parseFloat(getComputedStyle(document.documentElement).fontSize);
      const weight = (bar.bottom - event.clientY) / (bar.height - room);
      this.edit.when.set(this.frame, Math.round(100 * Math.min(Math.max(weight, 0), 1)) / 100);
      player.draw();
    };
    // In the capturing phase: while editing, the bars are not for going to a frame.
    const listen = (kind, act) => bars.addEventListener(kind, event => {
      if (!this.editing) return;
      event.stopPropagation();
      act(event);
    }, true);
    listen("pointerdown", event => {
      if (event.button) return;
      this.player.pause();
      this.remember();
      dragging = true;
      bars.setPointerCapture(event.pointerId);
      weigh(event);
    });
    listen("pointermove", event => { if (dragging) weigh(event); });
    for (const end of ["pointerup", "pointercancel"]) listen(end, () => { dragging = false; });
    listen("click", () => {});
  }

  /** By a key: more or less weight of this frame. */
  weigh(step) {
    this.change(edit => {
      const { temporal } = this.player.map, highest = Math.max(...temporal, 1e-9);
      const now = weightOf(edit, this.frame) ?? Math.max(temporal[this.player.at], 0) / highest;
      edit.when.set(this.frame, Math.round(10 * Math.min(Math.max(now + step, 0), 1)) / 10);
      say(`weight ${edit.when.get(this.frame)}`);
    });
  }

  choose(tool) {
    if (this.editing) document.querySelector(`#tools input[value=${tool}]`).click();
  }

  /** Masks over both pictures, weights over the bars. */
  draw() {
    for (const bar of byId("bars").children) bar.classList.remove("said");
    if (!this.editing) return;
    const { edit, player } = this, said = this.said(edit, this.frame);
    player.view.numbers.forEach((number, at) => {
      const weight = weightOf(edit, number), bar = byId("bars").children[at];
      bar?.classList.toggle("said", weight !== undefined);
      bar?.style.setProperty("--said", weight ?? 0);
    });
    byId("rest").checked = Boolean(said?.rest);
    const keys = [...edit.keys.keys()].sort((a, b) => a - b);
    byId("keys").textContent = keys.length ? `Key frames: ${keys.join(", ")}.` : "Nothing painted yet.";
    for (const id of ["frame", "overlay"]) this.drawMask(byId(id), said);
  }

  drawMask(canvas, said) {
    const { edit, region } = this, { rows, columns } = edit, context = canvas.getContext("2d");
    const marks = this.marks ??= document.createElement("canvas");
    [marks.width, marks.height] = [columns, rows];
    const picture = new ImageData(columns, rows);
    for (let at = 0; said && at < rows * columns; at++) {
      const kind = said.look[at] ? "look" : said.away[at] || said.rest ? "away" : null;
      // Striped, so that the kinds are not told apart by colour alone.
      const faint = kind === "away" && (Math.floor(at / columns) + at % columns) % 4 < 2;
      if (kind) picture.data.set([...SHADES[kind], faint ? 40 : 130], 4 * at);
    }
    marks.getContext("2d").putImageData(picture, 0, 0);
    const [x0, y0, x1, y1] = region, { width, height } = canvas;
    context.save();
    context.globalAlpha = 1;
    context.imageSmoothingEnabled = false;
    if (x1 < x0) { context.translate(width, 0); context.scale(-1, 1); }
    context.drawImage(marks, Math.min(x0, x1) * columns, y0 * rows, Math.abs(x1 - x0) * columns, (y1 - y0) * rows, 0, 0, width, height);
    context.restore();
    if (!this.cursor || canvas.id !== "overlay") return;
    context.beginPath();
    context.arc(this.cursor[0] * width, this.cursor[1] * height, this.size * Math.max(width, height) / 2, 0, 2 * Math.PI);
    context.lineWidth = 3;
    context.strokeStyle = "#fff";
    context.stroke();
  }

  save() {
    const content = editsFile(this.edits), count = Object.keys(content.videos).length;
    const link = element("a", null, { download: "edits.json" });
    link.href = URL.createObjectURL(new Blob([JSON.stringify(content)], { type: "application/json" }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
    this.saved = true;
    say(`edits of ${count} videos saved`);
  }

  /** Go on with a file of edits; videos that were edited here stay as they are. */
  async open(input) {
    const [file] = input.files;
    if (!file) return;
    input.value = "";
    let read;
    try {
      read = readEdits(await file.text());
    } catch (error) {
      byId("keys").textContent = `${file.name} can't be opened: ${error.message}.`;
      return;
    }
    const here = editsFile(this.edits).videos, added = [...read].filter(([name]) => !(name in here));
    for (const [name, edit] of added) this.edits.set(name, edit);
    this.undone = [];
    this.player.draw();
    const kept = read.size - added.length;
    byId("keys").textContent += ` Edits of ${added.length} videos opened${kept ? `; ${kept} that were edited here stay` : ""}.`;
  }
}
