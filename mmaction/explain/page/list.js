// The list of videos: what is shown of it, in which order, and which one is chosen.

const byId = id => document.getElementById(id);
const index = JSON.parse(byId("data").textContent);
const CHUNK = 100; // rows made at a time

const className = number => index.classes?.[number] ?? `class ${number}`;

/** An element with text, which is never read as HTML. */
function element(tag, text, attributes = {}) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Kind, sign and word of a verdict: never colour alone. */
function verdict(video) {
  if (video.samples?.some(sample => sample.errors.length)) return { kind: "wrong", sign: "✗", word: "can’t be read" };
  if (video.label === null || video.prediction === null) return { kind: "unknown", sign: "", word: "" };
  return video.label === video.prediction
    ? { kind: "right", sign: "✓", word: "right" } : { kind: "wrong", sign: "✗", word: "wrong" };
}

/** A verdict as an element; where room is scarce the sign stands alone. */
function verdictMark(video) {
  const { kind, sign, word } = verdict(video), mark = element("span", null, { class: `mark ${kind}` });
  mark.append(element("span", sign, { "aria-hidden": "true" }), " ", element("span", word, { class: "word" }));
  return mark;
}

/** A class by its name, and nothing where there is no class. */
const classText = number => number === null ? "" : className(number);

// Of a data set that nobody has explained, videos have facts and samples in place of predictions.
const videos = index.videos.map(([name, url, label, prediction, probability, shown], number) => ({
  name, url, label, prediction, probability, number, ...shown,
  words: [name, classText(prediction), classText(label)].join("\n").toLowerCase(),
}));
const hasPlayer = !videos.some(video => video.samples);

class VideoList {
  /** `choose` is called with a video, and whether a click or key asked for it to be shown. */
  constructor(choose) {
    this.choose = choose;
    this.box = byId("videos");
    this.rows = new Map();
    this.shown = videos;
    this.made = 0;
    this.chosen = null;
    this.end = element("div", null, { "aria-hidden": "true" });
    new IntersectionObserver(found => {
      if (found.some(each => each.isIntersecting)) this.makeRows(this.made + CHUNK);
    }, { rootMargin: "1500px" }).observe(this.end);
    this.box.addEventListener("click", event => {
      const row = event.target.closest(".video");
      if (row) choose(videos[row.dataset.number]);
    });
    this.fillClasses();
    byId("summary").textContent = summary();
    byId("wrong").closest("label").hidden = videos.every(video => video.label === null);
    // Hidden alone, controls of predictions would still hear their keys.
    byId("wrong").disabled = !hasPlayer;
    for (const each of document.querySelectorAll(".of-player")) each.hidden ||= !hasPlayer;
    for (const kind of ["input", "change"]) byId("filters").addEventListener(kind, () => this.filter());
    byId("filters").addEventListener("submit", event => event.preventDefault());
    byId("clear").addEventListener("click", () => {
      byId("filters").reset();
      this.filter();
      byId("text").focus();
    });
    this.filter();
  }

  fillClasses() {
    const used = new Set(videos.flatMap(video => [video.label, video.prediction]));
    used.delete(null);
    for (const number of [...used].sort((a, b) => a - b)) {
      byId("class").append(element("option", className(number), { value: number }));
    }
  }

  filter() {
    const sought = byId("text").value.trim().toLowerCase();
    const wrong = byId("wrong").checked;
    const wanted = byId("class").value === "" ? null : Number(byId("class").value);
    const limit = (id, otherwise) => byId(id).value === "" || !byId(id).validity.valid ? otherwise : byId(id).valueAsNumber / 100;
    const least = limit("least", 0), most = limit("most", 1);
    this.shown = videos.filter(video =>
      video.words.includes(sought)
      && (!wrong || verdict(video).kind === "wrong")
      && (wanted === null || video.label === wanted || video.prediction === wanted)
      && (!hasPlayer || video.probability >= least && video.probability <= most));
    this.sort(byId("sort").value);
    const all = this.shown.length === videos.length;
    byId("count").textContent = all ? `${videos.length} shown` : `${this.shown.length} of ${videos.length} shown`;
    byId("clear").hidden = all;
    this.made = 0;
    this.box.replaceChildren(this.end);
    this.box.scrollTop = 0;
    this.makeRows(CHUNK);
  }

  sort(how) {
    const order = {
      name: (a, b) => a.number - b.number,
      unsure: (a, b) => a.probability - b.probability,
      sure: (a, b) => b.probability - a.probability,
      class: (a, b) => (a.label ?? Infinity) - (b.label ?? Infinity) || a.number - b.number,
    }[how];
    this.shown.sort((a, b) => order(a, b) || a.number - b.number);
  }

  makeRows(count) {
    const upTo = Math.min(count, this.shown.length);
    const made = this.shown.slice(this.made, upTo).map(video => this.row(video));
    this.end.before(...made);
    this.made = Math.max(this.made, upTo);
    this.end.hidden = this.made >= this.shown.length;
  }

  row(video) {
    const kept = this.rows.get(video);
    if (kept) return kept;
    const { kind } = verdict(video);
    const row = element("div", null, { class: `video ${kind}`, role: "option", id: `video-${video.number}`, "aria-selected": video === this.chosen });
    row.dataset.number = video.number;
    const truth = kind === "wrong" ? `, not ${classText(video.label)}` : "";
    const answer = video.samples ? classText(video.label) : `${percent(video.probability)} ${className(video.prediction)}${truth}`;
    const words = element("div");
    words.append(
      element("b", video.name, { title: video.name, dir: "auto" }),
      element("span", answer, { class: "answer" }));
    const held = index.players?.[video.url], thumbnail = held ? `data:image/jpeg;base64,${held.thumbnail}` : `${video.url}/thumb.jpg`;
    if (!video.samples) row.append(element("img", null, { src: thumbnail, alt: "", loading: "lazy", decoding: "async" }));
    row.append(words, verdictMark(video));
    this.rows.set(video, row);
    return row;
  }

  /** Mark a video as the chosen one and bring it into sight. */
  mark(video) {
    this.rows.get(this.chosen)?.setAttribute("aria-selected", "false");
    this.chosen = video;
    const place = this.shown.indexOf(video);
    if (place < 0) {
      this.box.removeAttribute("aria-activedescendant");
      return;
    }
    this.makeRows(place + 2);
    const row = this.row(video);
    row.setAttribute("aria-selected", "true");
    this.box.setAttribute("aria-activedescendant", row.id);
    row.scrollIntoView({ block: "nearest" });
  }

  /** Choose the video some places on among those shown. */
  step(places) {
    if (!this.shown.length) return;
    const at = this.shown.indexOf(this.chosen);
    const next = at < 0 ? 0 : Math.min(Math.max(at + places, 0), this.shown.length - 1);
    this.choose(this.shown[next]);
  }
}

function summary() {
  if (index.summary) return index.summary;
  const count = videos.length === 1 ? "1 video" : `${videos.length} videos`;
  const known = videos.filter(video => video.label !== null);
  if (!known.length) return count;
  const right = known.filter(video => video.label === video.prediction).length;
  return `${count}, ${right} of ${known.length} right (${(100 * right / known.length).toFixed(1)} %)`;
}
