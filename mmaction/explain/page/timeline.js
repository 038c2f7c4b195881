// A long video's answers over time: probabilities of its classes by part, and when each part was looked at.

const MARGIN = { left: 52, right: 16, top: 10, between: 22, bottom: 24 };
const LINES = 110, WEIGHTS = 44; // heights in pixels
const HEIGHT = MARGIN.top + LINES + MARGIN.between + WEIGHTS + MARGIN.bottom;

function shape(name, attributes, text) {
  const made = document.createElementNS(byId("timeline-chart").namespaceURI, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

const middle = part => (part.seconds[0] + part.seconds.at(-1)) / 2;

/** A round step that cuts `length` seconds into at most `most` pieces. */
function roundStep(length, most) {
  const steps = [.1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  return steps.find(step => length / step <= most) ?? length;
}

class Timeline {
  /** `go` is called with the part that was clicked and the number of its frame nearest to there. */
  constructor(go) {
    const { classes, parts } = index.timeline;
    this.parts = parts.map(([url, probabilities, seconds, temporal]) => ({
      video: videos.find(video => video.url === url), probabilities, seconds, temporal,
    }));
    this.classes = classes;
    this.begin = Math.min(...this.parts.map(part => part.seconds[0]));
    this.end = Math.max(...this.parts.map(part => part.seconds.at(-1)));
    this.svg = byId("timeline-chart");
    this.playhead = shape("line", { class: "playhead", y1: MARGIN.top, y2: HEIGHT - MARGIN.bottom });
    byId("timeline").hidden = false;
    byId("timeline-classes").replaceChildren(...classes.map((number, place) => {
      const key = element("li", className(number)), line = shape("svg", { viewBox: "0 0 28 8", class: "key", "aria-hidden": "true" });
      line.append(shape("path", { d: "M0 4H28", class: `series s${place}` }));
      key.prepend(line);
      return key;
    }));
    this.svg.setAttribute("aria-label", `Probabilities of ${classes.map(className).join(", ")} in ${this.parts.length} parts from ${this.begin.toFixed(1)} to ${this.end.toFixed(1)} seconds, and temporal weights. The list of videos has the numbers.`);
    this.svg.addEventListener("click", event => {
      const second = this.secondAt(event.clientX), part = this.partAt(second);
      const off = part.seconds.map(each => Math.abs(each - second));
      go(part.video, off.indexOf(Math.min(...off)));
    });
    new ResizeObserver(() => this.draw()).observe(byId("timeline"));
  }

  get width() { return this.svg.getBoundingClientRect().width; }

  x(second) {
    const room = this.width - MARGIN.left - MARGIN.right;
    return MARGIN.left + room * (second - this.begin) / (this.end - this.begin || 1);
  }

  secondAt(clientX) {
    const { left, width } = this.svg.getBoundingClientRect();
    const share = (clientX - left - MARGIN.left) / (width - MARGIN.left - MARGIN.right);
    return this.begin + Math.min(Math.max(share, 0), 1) * (this.end - this.begin);
  }

  /** The part whose middle is nearest: where parts overlap, each has its own piece of time. */
  partAt(second) {
    const off = this.parts.map(part => Math.abs(middle(part) - second));
    return this.parts[off.indexOf(Math.min(...off))];
  }

  draw() {
    if (!this.width) return;
    const base = HEIGHT - MARGIN.bottom;
    this.svg.setAttribute("viewBox", `0 0 ${this.width} ${HEIGHT}`);
    this.svg.replaceChildren(...this.axes(base), ...this.lines(), this.weights(base), this.playhead);
    if (this.shown) this.mark(...this.shown);
  }

  axes(base) {
    const right = this.width - MARGIN.right, made = [];
    for (const share of [0, .5, 1]) {
      const y = this.y(share);
      made.push(shape("path", { d: `M${MARGIN.left} ${y}H${right}`, class: "grid" }),
        shape("text", { x: MARGIN.left - 6, y: y + 4, "text-anchor": "end" }, `${100 * share} %`));
    }
    made.push(shape("path", { d: `M${MARGIN.left} ${base}H${right}`, class: "grid" }),
      shape("text", { x: MARGIN.left - 14, y: base - WEIGHTS / 2 + 4, "text-anchor": "end" }, "when"));
    const step = roundStep(this.end - this.begin, this.width / 70);
    for (let at = Math.ceil(this.begin / step); at * step <= this.end; at++) {
      made.push(shape("text", { x: this.x(at * step), y: HEIGHT - 6, "text-anchor": "middle" }, `${Number((at * step).toFixed(1))} s`));
    }
    return made;
  }

  y(probability) { return MARGIN.top + LINES * (1 - probability); }

  /** A line a class through the middles of the parts, the most probable class on top. */
  lines() {
    return this.classes.map((_, place) => {
      const points = this.parts.map(part => `${this.x(middle(part)).toFixed(1)} ${this.y(part.probabilities[place]).toFixed(1)}`);
      return shape("path", { d: `M${points.join("L")}`, class: `series s${place}` });
    }).reverse();
  }

  /** Weights of each part on its own scale, for they can't be compared across parts. */
  weights(base) {
    const bars = this.parts.flatMap(part => {
      const highest = Math.max(...part.temporal);
      return part.seconds.flatMap((second, at) => {
        const share = highest > 0 ? Math.max(part.temporal[at], 0) / highest : 0;
        return this.partAt(second) === part ? [`M${this.x(second).toFixed(1)} ${base}v${(-WEIGHTS * share).toFixed(1)}`] : [];
      });
    });
    const room = (this.width - MARGIN.left - MARGIN.right) / Math.max(bars.length, 1);
    return shape("path", { d: bars.join(""), class: "weights", "stroke-width": Math.min(Math.max(.7 * room, 1), 14) });
  }

  /** Move the line to a frame of what is open; the whole video is no part, and has none. */
  mark(video, at) {
    this.shown = [video, at];
    const part = this.parts.find(each => each.video === video);
    this.playhead.toggleAttribute("hidden", !part);
    for (const end of part ? ["x1", "x2"] : []) this.playhead.setAttribute(end, this.x(part.seconds[at]).toFixed(1));
  }
}
