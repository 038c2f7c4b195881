// The file of edits: its format, and how masks go from one key frame to the next, are those of
// mmaction/datasets/edits.py.

/** COCO's run lengths of a mask: column by column, zeros first. */
function runLengths(mask, rows, columns) {
  const counts = [0];
  let now = 0;
  for (let column = 0; column < columns; column++) {
    for (let row = 0; row < rows; row++) {
      const value = mask[row * columns + column];
      if (value !== now) { counts.push(0); now = value; }
      counts[counts.length - 1]++;
    }
  }
  return { size: [rows, columns], counts };
}

/** A mask on the way from one to another: moved along the line of their centres, and cross faded. */
function between(first, last, share, rows, columns) {
  const [from, to] = [first, last].map(mask => {
    let count = 0, y = 0, x = 0;
    mask.forEach((value, at) => { if (value) { count++; y += Math.floor(at / columns); x += at % columns; } });
    return count && [y / count, x / count];
  });
  if (!from || !to || share === 0 || share === 1) return share < .5 ? first : last;
  const now = [0, 1].map(axis => (1 - share) * from[axis] + share * to[axis]);
  const weight = new Float64Array(rows * columns);
  for (const [mask, centre, part] of [[first, from, 1 - share], [last, to, share]]) {
    const [down, right] = [0, 1].map(axis => Math.floor(now[axis] - centre[axis] + .5));
    mask.forEach((value, at) => {
      const row = Math.floor(at / columns) + down, column = at % columns + right;
      if (value && row >= 0 && row < rows && column >= 0 && column < columns) weight[row * columns + column] += part;
    });
  }
  return Uint8Array.from(weight, value => value >= .5 ? 1 : 0);
}

/** The mask of COCO's run lengths, row by row. */
function maskOf(counts, rows, columns) {
  const mask = new Uint8Array(rows * columns);
  let at = 0;
  counts.forEach((count, turn) => {
    for (const end = at + count; at < end; at++) mask[(at % rows) * columns + Math.floor(at / rows)] = turn % 2;
  });
  if (at !== rows * columns) throw new RangeError(`a mask's counts make ${at} pixels, ${rows}×${columns} are expected`);
  return mask;
}

/** What is said of a video: masks (`rows` 0: of no size yet) by key frames, intervals of a file that
 * was opened, then weights (`when`) of single frames among those that are `shown`. */
function newEdit(intervals = []) {
  return { rows: 0, columns: 0, shown: null, keys: new Map(), intervals, when: new Map() };
}

/** All edits, by a video's name, as the file has them. */
function editsFile(edits) {
  const videos = {};
  for (const [name, edit] of edits) {
    const { rows, columns } = edit, frames = [...edit.keys.keys()].sort((a, b) => a - b);
    const where = frames.map(frame => {
      const key = edit.keys.get(frame), entry = { frame };
      if (key.look.includes(1)) entry.look = runLengths(key.look, rows, columns);
      if (key.rest) entry.away = "rest";
      else if (key.away.includes(1)) entry.away = runLengths(key.away, rows, columns);
      return entry;
    });
    // A weight is that of the frames around, too, up to half the way to the next ones that are shown.
    const { shown } = edit, when = [...edit.intervals];
    shown?.forEach((frame, at) => {
      if (!edit.when.has(frame)) return;
      const first = at ? Math.floor((shown[at - 1] + frame) / 2) + 1 : frame;
      const last = at + 1 < shown.length ? Math.floor((frame + shown[at + 1]) / 2) : frame;
      when.push([first, last, edit.when.get(frame)]);
    });
    if (where.length || when.length) videos[name] = { where, when };
  }
  return { edits: 1, videos };
}

/** The edits of a file, by a video's name. What can't be right is an error. */
function readEdits(text) {
  const { edits, videos } = JSON.parse(text);
  if (edits !== 1 || typeof videos !== "object") throw new TypeError('expected {"edits": 1, "videos": {…}}');
  return new Map(Object.entries(videos).map(([name, { where, when }]) => {
    const edit = newEdit(when);
    const masks = (where ?? []).flatMap(({ look, away }) => [look, away]).filter(mask => mask?.size);
    if (masks.length) [edit.rows, edit.columns] = masks[0].size;
    const painted = mask => maskOf(mask?.counts ?? [edit.rows * edit.columns], edit.rows, edit.columns);
    for (const { frame, look, away } of where ?? []) {
      edit.keys.set(frame, { look: painted(look), away: painted(away), rest: away === "rest" });
    }
    return [name, edit];
  }));
}

/** A frame's weight; undefined: not known. Later intervals outdo earlier ones. */
function weightOf(edit, frame) {
  return edit.when.get(frame) ?? edit.intervals.findLast(([first, last]) => first <= frame && frame <= last)?.[2];
}
