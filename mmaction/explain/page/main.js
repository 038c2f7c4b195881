// What is open follows the address, so that a video can be linked to; keys reach everything.

const PREFIX = "#video=";
const phone = matchMedia("(max-width: 50rem)");
const alone = Boolean(index.players) && videos.length === 1;
const timeline = index.timeline && new Timeline(show);
const player = new Player();
const list = new VideoList(video => show(video));
editor = new Editor(player);

function show(video, at) {
  // In a frame of an origin of its own, location.hash can't be set.
  if (location.hash !== PREFIX + address(video)) history.pushState(null, "", PREFIX + address(video));
  route(at);
}

/** A video's part of the address: its directory, which the address can always spell. */
function address(video) {
  return video.url.slice(2);
}

/** Show what the address names, a video from its frame `at` on. */
function route(at) {
  const video = location.hash.startsWith(PREFIX)
    ? videos.find(each => PREFIX + address(each) === location.hash) : undefined;
  document.body.dataset.shows = video || location.hash.startsWith(PREFIX) ? "video" : "list";
  if (video) {
    list.mark(video);
    player.open(video, at);
    if (phone.matches) scrollTo(0, 0);
  } else if (location.hash.startsWith(PREFIX)) {
    player.fail("This page has no such video.");
  } else if ((!phone.matches || alone) && videos.length && list.shown.length) {
    history.replaceState(null, "", PREFIX + address(list.shown[0]));
    route();
  } else {
    player.pause();
    if (list.chosen) list.mark(list.chosen);
  }
}

function closePlayer() {
  history.pushState(null, "", location.href.split("#")[0]);
  route();
  byId("videos").focus();
}

const KEYS = {
  " ": () => player.toggle(),
  ArrowLeft: () => player.step(-1),
  ArrowRight: () => player.step(1),
  Home: () => player.seek(0),
  End: () => player.seek(Infinity),
  ArrowUp: () => list.step(-1),
  ArrowDown: () => list.step(1),
  k: () => list.step(-1),
  j: () => list.step(1),
  e: () => player.cycle("method"),
  v: () => player.cycle("view"),
  c: () => player.cycle("colormap"),
  "[": () => player.setOpacity(100 * player.opacity - 10),
  "]": () => player.setOpacity(100 * player.opacity + 10),
  d: () => { if (player.data) editor.toggle(); },
  1: () => editor.choose("look"),
  2: () => editor.choose("away"),
  3: () => editor.choose("erase"),
  "+": () => editor.weigh(.1),
  "-": () => editor.weigh(-.1),
  z: () => { if (editor.editing) editor.undo(); },
  w: () => byId("wrong").click(),
  "/": () => {
    if (phone.matches && document.body.dataset.shows === "video") closePlayer();
    byId("text").focus();
    byId("text").select();
  },
  "?": () => byId("help").showModal(),
};

/** Whether a control needs this key for itself. */
function isTaken(target, key) {
  if (target.matches("input[type=search], input[type=number], select")) return true;
  if (target.matches("input[type=range], input[type=radio]")) return /^(Arrow|Home|End)/.test(key);
  return key === " " && target.matches("button, a, input[type=checkbox]");
}

document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("help").open) return;
  const { target, key } = event;
  if (key === "Escape") {
    if (target.matches("input, select")) byId("videos").focus();
    return;
  }
  if (target === byId("text") && (key === "Enter" || key === "ArrowDown")) {
    event.preventDefault();
    byId("videos").focus();
    if (!list.shown.includes(list.chosen)) list.step(0);
    return;
  }
  const act = KEYS[key] ?? KEYS[key.toLowerCase()];
  if (!act || isTaken(target, key)) return;
  event.preventDefault();
  act();
});
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("help").addEventListener("click", event => { if (event.target === byId("help")) byId("help").close(); });
byId("back").addEventListener("click", closePlayer);
addEventListener("hashchange", () => route());
// A frame may get its size after its scripts have run.
phone.addEventListener("change", () => { if (document.body.dataset.shows === "list") route(); });
document.body.classList.toggle("alone", alone);
if (!videos.length) player.fail("No videos yet.");
route();
