// SPDX-License-Identifier: Apache-2.0
// Pictures on canvases, and as the model's numbers: float32 in [0, 1], row by row,
// channels last.

const COARSE = 64; // pixels: smaller pictures are shown with sharp pixels

/** Draws a picture of shape [height, width, channels] on a canvas. */
export function show(canvas, values, [height, width, channels]) {
  canvas.width = width;
  canvas.height = height;
  canvas.classList.toggle("coarse", Math.max(height, width) < COARSE);
  const drawn = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let c = 0; c < 3; c++) {
      const value = values[pixel * channels + (channels < 3 ? 0 : c)];
      drawn.data[4 * pixel + c] = Math.round(255 * value); // clamped
    }
    drawn.data[4 * pixel + 3] = 255;
  }
  canvas.getContext("2d").putImageData(drawn, 0, 0);
}

/**
 * Returns a file's picture: cut to the shape in its middle, scaled, on white.
 * @param {Blob} file
 * @param {number[]} shape - [height, width, channels].
 * @param {boolean} isInverted - Whether dark and bright are swapped.
 */
export async function read(file, [height, width, channels], isInverted) {
  const whole = await createImageBitmap(file, { colorSpaceConversion: "none" });
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  const scale = Math.min(whole.width / width, whole.height / height);
  const [w, h] = [width * scale, height * scale];
  const [x, y] = [(whole.width - w) / 2, (whole.height - h) / 2];
  context.drawImage(whole, x, y, w, h, 0, 0, width, height);
  whole.close();
  const { data } = context.getImageData(0, 0, width, height);
  const values = new Float32Array(height * width * channels);
  for (let pixel = 0; pixel < height * width; pixel++) {
    const colours = data.subarray(4 * pixel, 4 * pixel + 3);
    for (let c = 0; c < channels; c++) {
      const level = channels < 3 ? grey(colours) : (colours[c] ?? 255);
      values[pixel * channels + c] = (isInverted ? 255 - level : level) / 255;
    }
  }
  return values;
}

/** Returns the luma of ITU-R BT.601, rounded as the library's reader of pictures does. */
function grey([red, green, blue]) {
  return (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16;
}
