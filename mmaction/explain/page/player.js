// The player: one video's frames, maps, weights and scores, in step.

const MAPS = Object.fromEntries(Object.entries(index.colormaps).map(([name, rgb]) => [name, pixelTable(bytes(rgb))]));
const PLAY = "M7 4v16l13-8z", PAUSE = "M6 4h4v16H6zM14 4h4v16h-4z";
const FEW_SCORES = 5;
const KEPT_VIDEOS = 8;
let editor = null;  // once there is a player

/** Say something to those who listen to the page. */
function say(text) {
  byId("live").textContent = text;
}

// A page opened from disk may not read files, but it may run scripts: each video's data is one.
globalThis.explained = data => { document.currentScript.explained = data; };
const loads = new Map();

/** A video's data; the last few are kept. A page that is one file holds all of them. */
function loadVideo(video) {
  if (index.players) return Promise.resolve(unpack(structuredClone(index.players[video.url].data)));
  if (!loads.has(video)) {
    loads.set(video, new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.addEventListener("load", () => {
        script.remove();
        if (script.explained) resolve(unpack(script.explained));
        else reject(new Error("no data"));
      });
      script.addEventListener("error", () => reject(new Error("not there")));
      script.src = `${video.url}/player.js`;
      document.head.append(script);
    }));
    loads.get(video).catch(() => loads.delete(video));
    if (loads.size > KEPT_VIDEOS) loads.delete(loads.keys().next().value);
  }
  return loads.get(video);
}

function unpack(data) {
  for (const view of data.views) {
    for (const map of view.maps) map.levels = bytes(map.levels);
  }
  return data;
}

class Player {
  constructor() {
    this.painter = new Painter(byId("frame"), byId("overlay"), byId("beside"));
    this.data = this.loaded = this.video = null;
    this.at = this.viewNumber = 0;
    this.method = null;
    this.playing = false;
    this.opacity = index.opacity;
    byId("colormap").append(...Object.keys(MAPS).map(name => element("option", name, { value: name })));
    byId("colormap").value = index.colormap;
    byId("opacity").value = Math.round(100 * this.opacity);
    byId("play").addEventListener("click", () => this.toggle());
    byId("previous").addEventListener("click", () => this.step(-1));
    byId("next").addEventListener("click", () => this.step(1));
    byId("scrubber").addEventListener("input", event => this.seek(event.target.valueAsNumber));
    byId("opacity").addEventListener("input", event => this.setOpacity(event.target.valueAsNumber));
    byId("colormap").addEventListener("change", () => this.recolor());
    byId("speed").addEventListener("change", () => { this.showRate(); this.began = null; });
    this.listenToBars();
    new ResizeObserver(() => { this.fitBars(); this.draw(); }).observe(byId("player"));
  }

  get view() { return this.data.views[this.viewNumber]; }
  get map() { return this.view.maps.find(map => map.method === this.method) ?? this.view.maps[0]; }
  /** Of a comparison, the map beside it. */
  get other() { return this.view.maps.find(map => map.method === "before" && map !== this.map); }
  get count() { return this.view.frames.length; }
  get rate() { return this.data.rate * Number(byId("speed").value); }

  /** Show a video from its frame `at` on, or from the one that it looked at most. */
  async open(video, at) {
    this.pause();
    this.video = video;
    if (video.samples) {
      this.showSamples();
      return;
    }
    let data;
    try {
      data = await loadVideo(video);
    } catch {
      if (this.video === video) this.fail(`The data of ${video.name} can't be loaded: ${video.url}/player.js is missing or broken.`);
      return;
    }
    if (this.video !== video) return;
    this.data = data;
    this.viewNumber = Math.min(this.viewNumber, data.views.length - 1);
    this.showHead();
    this.showScores(false);
    const { temporal } = this.map;
    await this.showView(at ?? temporal.indexOf(Math.max(...temporal)));  // at the first frame there is often nothing to see
    say(`${data.name}: ${className(data.prediction)}, ${percent(data.scores[data.prediction])}, ${verdict(data).word}`);
  }

  /** Show what there is of a video that nobody has explained: its facts, and pictures of each sample. */
  showSamples() {
    const { name, facts, samples } = this.video;
    this.showName(name, facts.map(([caption, value]) => [caption, element("dd", value)]));
    byId("samples").replaceChildren(...samples.map(sample => {
      const section = element("section"), heading = element("h3", sample.title);
      heading.append(...sample.notes.flatMap(note => [" ", element("span", note, { class: "note" })]));
      section.append(heading, ...sample.errors.map(text => element("p", text, { class: "error", role: "alert" })));
      for (const [url, text] of sample.pictures) {
        const link = element("a", null, { href: url, "aria-label": `${sample.title}: ${text}` });
        link.append(element("img", null, { src: url, alt: text }));
        section.append(link);
      }
      return section;
    }));
    byId("message").hidden = true;
    byId("video").hidden = false;
    say(name);
  }

  showName(name, facts) {
    byId("name").textContent = name;
    byId("facts").replaceChildren(...facts.map(([caption, value]) => {
      const pair = element("div");
      pair.append(element("dt", caption), value);
      return pair;
    }));
  }

  fail(text) {
    this.data = this.loaded = null;
    byId("video").hidden = true;
    byId("message").hidden = false;
    byId("message").textContent = text;
  }

  /** Show another view from its frame `at` on. */
  async showView(at) {
    const view = this.view;
    let loaded;
    try {
      loaded = await this.painter.load(view);
    } catch {
      if (this.data?.views.includes(view)) this.fail(`A frame of ${this.data.name} can't be decoded.`);
      return;
    }
    if (!this.data || this.view !== view) return;
    this.loaded = loaded;
    this.at = Math.min(at, this.count - 1);
    byId("message").hidden = true;
    byId("video").hidden = false;
    byId("video").style.setProperty("--aspect", view.width / view.height);
    byId("scrubber").max = this.count - 1;
    this.showChoices();
    this.showMap();
  }

  /** Show what belongs to the map's method: scale, bars, files. */
  showMap() {
    const { map } = this;
    this.weights = formatNumbers(map.temporal);
    [byId("low").textContent, byId("high").textContent] = formatNumbers([map.low, map.high]);
    const title = ({ method, target }) => `Where it looked: ${method}${target === null ? "" : `, for ${className(target)}`}`;
    byId("where").textContent = title(map);
    byId("beside").parentElement.hidden = !this.other;
    if (this.other) byId("where-else").textContent = title(this.other);
    byId("scale").setAttribute("aria-label", `Colour scale of the spatial map, one for the whole clip: from ${byId("low").textContent} to ${byId("high").textContent}`);
    this.showBars();
    this.showFiles();
    this.recolor();
  }

  showHead() {
    const { data, video } = this;
    const facts = [];
    const fact = (caption, text, probability, mark) => {
      const value = element("dd", text);
      if (probability !== undefined) value.append(" ", element("span", percent(probability), { class: "probability" }));
      if (mark) value.append(" ", mark);
      facts.push([caption, value]);
    };
    if (data.label !== null) fact("true class", className(data.label));
    fact("prediction", className(data.prediction), data.scores[data.prediction], verdictMark(data));
    if (data.attentionScores) {
      const best = data.attentionScores.indexOf(Math.max(...data.attentionScores));
      fact("attention branch", className(best), data.attentionScores[best]);
    }
    this.showName(data.name, facts);
    const other = data.prediction !== video.prediction || data.label !== video.label
      || Math.abs(data.scores[data.prediction] - video.probability) > 1e-4;
    byId("notice").hidden = !other;
    byId("notice").textContent = other ? "This video was written again after this page: another run has begun here and not ended." : "";
    this.showRate();
  }

  showRate() {
    if (this.data) byId("rate").textContent = `${Number(this.rate.toFixed(2))} frames/s`;
  }

  showChoices() {
    const methods = this.view.maps.map(map => map.method);
    this.segments("methods", methods.length > 1 ? methods : [], methods.indexOf(this.map.method), number => this.setMethod(methods[number]));
    const views = this.data.views.map((_, number) => `${number + 1}`);
    this.segments("views", views.length > 1 ? views : [], this.viewNumber, number => this.setView(number));
    byId("choices").hidden = methods.length < 2 && views.length < 2;
  }

  segments(id, names, chosen, change) {
    const set = byId(id);
    const old = [...set.querySelectorAll("span")].map(span => span.textContent);
    set.hidden = !names.length;
    if (old.length !== names.length || names.some((name, number) => name !== old[number])) {
      set.querySelectorAll("label").forEach(label => label.remove());
      for (const [number, name] of names.entries()) {
        const label = element("label"), input = element("input", null, { type: "radio", name: id, value: number });
        label.append(input, element("span", name));
        set.append(label);
      }
    }
    const inputs = [...set.querySelectorAll("input")];
    inputs.forEach((input, number) => {
      input.checked = number === chosen;
      input.onchange = () => change(number);
    });
  }

  setMethod(method) {
    this.method = method;
    this.showChoices();
    this.showMap();
    say(`explainer ${method}`);
  }

  setView(number) {
    this.viewNumber = number;
    this.showView(this.at);
    say(`view ${number + 1} of ${this.data.views.length}`);
  }

  /** The next one in a circle, by a key. */
  cycle(what) {
    if (!this.data) return;
    if (what === "method" && this.view.maps.length > 1) {
      const at = this.view.maps.indexOf(this.map);
      this.setMethod(this.view.maps[(at + 1) % this.view.maps.length].method);
    } else if (what === "view" && this.data.views.length > 1) {
      this.setView((this.viewNumber + 1) % this.data.views.length);
    } else if (what === "colormap") {
      const names = Object.keys(MAPS);
      byId("colormap").value = names[(names.indexOf(byId("colormap").value) + 1) % names.length];
      this.recolor();
      say(`colours ${byId("colormap").value}`);
    }
  }

  showBars() {
    const { temporal } = this.map, highest = Math.max(...temporal);
    const bars = temporal.map((weight, number) => {
      const bar = element("button", null, { type: "button", tabindex: -1, "aria-pressed": "false", "aria-label": `frame ${this.view.numbers[number]}, weight ${this.weights[number]}` });
      const fill = element("i");
      fill.style.height = `calc((100% - 1.3rem) * ${highest > 0 ? Math.max(weight, 0) / highest : 0})`;
      bar.append(element("b", this.weights[number]), fill, element("u", this.view.numbers[number]));
      return bar;
    });
    byId("bars").replaceChildren(...bars);
    this.fitBars();
  }

  /** Leave out the numbers that have no room. */
  fitBars() {
    const bars = byId("bars");
    bars.classList.remove("narrow");
    const texts = [...bars.querySelectorAll("b, u")];
    const room = bars.firstElementChild?.getBoundingClientRect().width ?? 0;
    bars.classList.toggle("narrow", texts.some(text => text.getBoundingClientRect().width > room + 1));
    this.keepNumbersInside();
  }

  /** The present bar's numbers may be wider than it: at the ends they are moved inwards. */
  keepNumbersInside() {
    const bars = byId("bars"), sides = bars.getBoundingClientRect();
    for (const text of bars.querySelectorAll('[aria-pressed="true"] > :is(b, u)')) {
      text.style.marginLeft = "";
      const { left, right } = text.getBoundingClientRect();
      const shift = Math.max(sides.left - left, 0) - Math.max(right - sides.right, 0);
      if (shift) text.style.marginLeft = `${shift}px`;
    }
  }

  listenToBars() {
    const bars = byId("bars");
    const seekTo = x => {
      const { left, width } = bars.getBoundingClientRect();
      this.seek(Math.min(Math.max(Math.floor((x - left) / width * this.count), 0), this.count - 1));
    };
    let dragging = false;
    bars.addEventListener("pointerdown", event => {
      if (!this.data || event.button) return;
      dragging = true;
      bars.setPointerCapture(event.pointerId);
      seekTo(event.clientX);
    });
    bars.addEventListener("pointermove", event => { if (dragging) seekTo(event.clientX); });
    for (const end of ["pointerup", "pointercancel"]) bars.addEventListener(end, () => { dragging = false; });
    // Focus stays where it was, so that the keys keep their meaning.
    bars.addEventListener("mousedown", event => event.preventDefault());
    // A screen reader's click has no place.
    bars.addEventListener("click", event => {
      const number = [...bars.children].indexOf(event.target.closest("button"));
      if (number >= 0) this.seek(number);
    });
  }

  showScores(all) {
    const { scores, attentionScores, label } = this.data;
    const order = scores.map((_, number) => number).sort((a, b) => scores[b] - scores[a]);
    const best = values => values.indexOf(Math.max(...values));
    const few = new Set(order.slice(0, FEW_SCORES));
    if (label !== null) few.add(label);
    if (attentionScores) few.add(best(attentionScores));
    const table = element("table"), head = element("tr"), body = element("tbody");
    head.append(element("th", "class", { scope: "col" }), element("th", attentionScores ? "perception" : "probability", { scope: "col" }));
    if (attentionScores) head.append(element("th", "attention", { scope: "col" }));
    for (const number of order.filter(each => all || few.has(each))) {
      const row = element("tr", null, number === label ? { class: "truth" } : {});
      const name = element("th", className(number), { scope: "row" });
      if (number === label) name.append(" ", element("span", "truth", { class: "tag" }));
      row.append(name);
      for (const values of [scores, attentionScores].filter(Boolean)) {
        const cell = element("td", percent(values[number]), number === best(values) ? { class: "best" } : {});
        const meter = element("div", null, { class: "meter", "aria-hidden": "true" });
        meter.append(element("i"));
        meter.firstChild.style.width = `${100 * values[number]}%`;
        cell.append(meter);
        row.append(cell);
      }
      body.append(row);
    }
    const thead = element("thead");
    thead.append(head);
    table.append(element("caption", "Probability of each class by both branches", { class: "hidden" }), thead, body);
    const parts = [table];
    if (few.size < scores.length) {
      const more = element("button", all ? "Fewer classes" : `All ${scores.length} classes`, { type: "button", id: "more-scores" });
      more.addEventListener("click", () => {
        this.showScores(!all);
        byId("more-scores").focus();
      });
      parts.push(more);
    }
    byId("scores").replaceChildren(...parts);
  }

  showFiles() {
    byId("files").parentElement.hidden = Boolean(index.players);
    const { method } = this.map, below = this.viewNumber ? `/view_${String(this.viewNumber + 1).padStart(2, "0")}` : "";
    const infix = method === "attention" ? "" : `.${encodeURIComponent(method)}`;
    const link = (text, stem, suffix) => element("a", text, { href: `${this.video.url}${below}/${stem}${infix}.${suffix}` });
    byId("files").replaceChildren(link("sheet (PNG)", "sheet", "png"), link("film (MP4)", "clip", "mp4"), link("arrays (NPZ)", "explanation", "npz"));
  }

  recolor() {
    const table = MAPS[byId("colormap").value], context = byId("color-bar").getContext("2d");
    const picture = context.createImageData(256, 1);
    new Uint32Array(picture.data.buffer).set(table);
    context.putImageData(picture, 0, 0);
    this.setOpacity(100 * this.opacity);
  }

  setOpacity(value) {
    this.opacity = Math.min(Math.max(value, 0), 100) / 100;
    byId("opacity").value = Math.round(100 * this.opacity);
    byId("opacity-value").textContent = `${Math.round(100 * this.opacity)} %`;
    this.draw();
  }

  draw() {
    if (!this.loaded || this.loaded.view !== this.view) return;
    const { at, map } = this, number = this.view.numbers[at];
    this.painter.paint(this.loaded, [map, this.other].filter(Boolean), at, MAPS[byId("colormap").value], this.opacity);
    byId("number").textContent = number;
    byId("position").textContent = `${at + 1} / ${this.count}`;
    byId("scrubber").value = at;
    byId("scrubber").setAttribute("aria-valuetext", `frame ${number}, ${at + 1} of ${this.count}, weight ${this.weights[at]}`);
    const bars = byId("bars").children;
    for (let other = 0; other < bars.length; other++) bars[other].setAttribute("aria-pressed", other === at);
    if (byId("bars").classList.contains("narrow")) this.keepNumbersInside();
    timeline?.mark(this.video, at);
    editor?.draw();
  }

  /** Go to a frame of the clip; stops playing. */
  seek(at) {
    if (!this.data) return;
    this.pause();
    this.at = Math.min(Math.max(at, 0), this.count - 1);
    this.draw();
  }

  step(frames) {
    if (!this.data) return;
    this.seek((this.at + frames + this.count) % this.count);
    say(byId("scrubber").getAttribute("aria-valuetext"));
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  play() {
    if (!this.loaded) return;
    this.playing = true;
    this.began = null;
    this.showPlaying();
    requestAnimationFrame(now => this.tick(now));
  }

  pause() {
    this.playing = false;
    this.showPlaying();
  }

  showPlaying() {
    byId("play-shape").setAttribute("d", this.playing ? PAUSE : PLAY);
    byId("play").setAttribute("aria-label", this.playing ? "Pause" : "Play");
  }

  /** The frame follows the clock, so that a slow machine leaves frames out and keeps the rate. */
  tick(now) {
    if (!this.playing || !this.loaded) return;
    if (this.began === null) [this.began, this.from] = [now, this.at];
    const at = (this.from + Math.floor((now - this.began) / 1000 * this.rate)) % this.count;
    if (at !== this.at) {
      this.at = at;
      this.draw();
    }
    requestAnimationFrame(later => this.tick(later));
  }
}
