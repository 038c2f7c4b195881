// From bytes to pixels: maps resized as numbers, then coloured, then laid over the grey frame.

/** Bytes of a base64 text. */
function bytes(text) {
  return Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
}

/** A colour map, 256×3 bytes RGB, as 256 opaque pixels in the machine's own order. */
function pixelTable(rgb) {
  const table = new Uint8ClampedArray(256 * 4);
  for (let level = 0; level < 256; level++) {
    table.set(rgb.subarray(3 * level, 3 * level + 3), 4 * level);
    table[4 * level + 3] = 255;
  }
  return new Uint32Array(table.buffer);
}

/** For each of `length` pixels the two cells it lies between and the second one's share:
 *  half-pixel centres, edges repeated. */
function neighbours(length, cells) {
  const first = new Int32Array(length), second = new Int32Array(length), share = new Float32Array(length);
  for (let pixel = 0; pixel < length; pixel++) {
    const place = Math.min(Math.max((pixel + .5) * cells / length - .5, 0), cells - 1);
    first[pixel] = Math.floor(place);
    second[pixel] = Math.min(first[pixel] + 1, cells - 1);
    share[pixel] = place - first[pixel];
  }
  return { first, second, share };
}

/** Fill `pixels` (width×height, one number each) with a map of rows×columns levels, bilinearly. */
function paintMap(pixels, width, height, levels, rows, columns, table) {
  const across = neighbours(width, columns), down = neighbours(height, rows);
  const line = new Float32Array(columns);
  for (let y = 0; y < height; y++) {
    const above = down.first[y] * columns, below = down.second[y] * columns, part = down.share[y];
    for (let column = 0; column < columns; column++) {
      line[column] = levels[above + column] * (1 - part) + levels[below + column] * part;
    }
    const start = y * width;
    for (let x = 0; x < width; x++) {
      const left = line[across.first[x]];
      const level = left + (line[across.second[x]] - left) * across.share[x];
      pixels[start + x] = table[Math.round(level)];
    }
  }
}

/** A picture without its colours, so that colour over it is attention. */
function grayCanvas(image, width, height) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(image, 0, 0, width, height);
  const picture = context.getImageData(0, 0, width, height), data = picture.data;
  for (let at = 0; at < data.length; at += 4) {
    data[at] = data[at + 1] = data[at + 2] = .299 * data[at] + .587 * data[at + 1] + .114 * data[at + 2];
  }
  context.putImageData(picture, 0, 0);
  return canvas;
}

/** Draws one view's frames and maps onto the two canvases; keeps what it needs again. */
class Painter {
  constructor(...canvases) {
    this.canvases = canvases;
    this.colors = document.createElement("canvas");
  }

  /** Decode a view's frames; resolves once all are there. */
  async load(view) {
    const images = view.frames.map(data => {
      const image = new Image();
      image.src = "data:image/jpeg;base64," + data;
      return image;
    });
    await Promise.all(images.map(image => image.decode()));
    return { view, images, grays: [] };
  }

  /** Let the canvases have as many pixels as the screen shows of them, within reason. */
  fit(loaded) {
    const [canvas] = this.canvases;
    const shown = canvas.getBoundingClientRect().width * devicePixelRatio;
    const { width, height } = loaded.view;
    const across = Math.max(1, Math.min(Math.round(shown) || width, Math.round(1024 * Math.min(1, width / height))));
    const size = [across, Math.max(1, Math.round(across * height / width))];
    for (const each of [...this.canvases, this.colors]) {
      if (each.width !== size[0] || each.height !== size[1]) [each.width, each.height] = size;
    }
  }

  /** Draw a frame, and one or two maps over it. */
  paint(loaded, maps, index, table, opacity) {
    this.fit(loaded);
    const [frame, ...overlays] = this.canvases.map(canvas => canvas.getContext("2d"));
    const { width, height } = this.colors;
    const image = loaded.images[index];
    const gray = loaded.grays[index] ??= grayCanvas(image, loaded.view.width, loaded.view.height);
    for (const context of [frame, ...overlays]) context.imageSmoothingQuality = "high";
    frame.drawImage(image, 0, 0, width, height);
    maps.forEach((map, number) => this.paintOver(overlays[number], gray, map, index, table, opacity));
  }

  paintOver(overlay, gray, map, index, table, opacity) {
    const { width, height } = this.colors;
    const context = this.colors.getContext("2d");
    const picture = context.createImageData(width, height);
    const cells = map.rows * map.columns;
    paintMap(new Uint32Array(picture.data.buffer), width, height,
      map.levels.subarray(index * cells, (index + 1) * cells), map.rows, map.columns, table);
    context.putImageData(picture, 0, 0);
    overlay.globalAlpha = 1;
    overlay.drawImage(gray, 0, 0, width, height);
    overlay.globalAlpha = opacity;
    overlay.drawImage(this.colors, 0, 0);
  }
}

/** Numbers with as many decimals, two to four, as show how they differ. */
function formatNumbers(values) {
  const spread = Math.max(...values) - Math.min(...values);
  const largest = Math.max(...values.map(Math.abs));
  if (0 < largest && largest < .001) return values.map(value => value.toExponential(0));
  const decimals = spread >= .05 || spread === 0 ? 2 : spread >= .005 ? 3 : 4;
  return values.map(value => value.toFixed(decimals));
}

/** A probability in per cent; what is not quite certain never reads 100. */
function percent(probability) {
  const text = (100 * probability).toFixed(1);
  return (text === "100.0" && probability < 1 ? "> 99.9" : text) + " %";
}
