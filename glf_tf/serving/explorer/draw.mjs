// SPDX-License-Identifier: Apache-2.0
// The part that draws, by a seed, at a temperature, of a label if the model takes one.

import * as noise from "./noise.mjs";
import { $, latest, showAll } from "./page.mjs";

const MOST_NUMBERS = 200_000; // of all pictures that are drawn together

/** The map from noise to pictures. */
export class Decoder {
  constructor(model) {
    const names = ["decode_noise", "decode_noise_of_labels"];
    this.model = model;
    this.whyNot = model.whyNot(...names);
    this.name = names.find((name) => model.has(name));
    this.law = model.metadata.model.noise_law;
    if (!this.name) return;
    this.dim = model.tensor(this.name, "inputs", "noise").shape[1];
    this.shape = model.tensor(this.name, "outputs", "image").shape.slice(1);
    this.takesLabels = this.name === names[1];
  }

  /** Why nothing can be drawn; "" if it can. */
  get lacks() {
    if (!this.name) return `Nothing is drawn here: ${this.whyNot}.`;
    if (!noise.isKnown(this.law)) return `Noise of ${this.law} is not drawn here.`;
    return "";
  }

  /** Returns the pictures of rows of noise, as the controls are set. */
  async decode(rows) {
    const label = rows.map(() => [Number($("label").value)]);
    const temperature = Number($("temperature").value);
    const asked = { noise: rows, temperature, label };
    return (await this.model.call(this.name, asked)).image;
  }
}

/** Pictures of a seed; `drawn` has their noise and their values. */
export class Drawing {
  constructor(decoder) {
    this.decoder = decoder;
    const size = decoder.shape.reduce((a, b) => a * b);
    this.count = Math.max(4, Math.min(24, Math.floor(MOST_NUMBERS / size)));
    this.drawn = { noise: [], images: [] };
    this.redraw = latest(() => this.#redraw());
    this.#fillLabels();
  }

  async #redraw() {
    const { law, dim, shape } = this.decoder;
    $("temperature-value").textContent = Number($("temperature").value).toFixed(2);
    if ($("seed").value === "" || !$("seed").checkValidity())
      throw new Error("A seed is a whole number from 0 to 4,294,967,295.");
    const seed = Number($("seed").value);
    const rows = noise.draw(law, { count: this.count, dim, seed });
    const images = await this.decoder.decode(rows);
    this.drawn = { noise: rows, images };
    showAll($("drawn"), images, shape, "button");
  }

  #fillLabels() {
    const { model, name, takesLabels } = this.decoder;
    if (!takesLabels) return;
    const { range } = model.tensor(name, "inputs", "label"); // such as "0 to 9"
    const [low, high] = range.split(" to ").map(Number);
    for (let i = low; i <= high; i++) $("label").append(new Option(String(i)));
    $("label-row").hidden = false;
  }
}
