// SPDX-License-Identifier: Apache-2.0
// The part with a picture of the visitor's: what the model sees, makes of it, and how
// likely it finds it.

import { $, element, latest } from "./page.mjs";
import * as pictures from "./pictures.mjs";

const NAMES = ["reconstruct", "log_prob", "encode"];

/** `image` has the values of the picture, once there is one. */
export class Own {
  constructor(model, { drawing, walk }) {
    Object.assign(this, { model, drawing, walk });
    this.name = NAMES.find((name) => model.has(name));
    this.shape = this.name && model.tensor(this.name, "inputs", "image").shape.slice(1);
    this.redraw = latest(() => this.#redraw());
  }

  /** Why no picture is taken; "" if one is. */
  get lacks() {
    const whyNot = this.model.whyNot("encode");
    return this.name ? "" : `Pictures are not encoded here: ${whyNot}.`;
  }

  /** Returns the error of a file that is no picture. */
  notRead({ name }) {
    const why = "this browser does not read it as a picture; choose a PNG or a JPEG";
    return new Error(`${name || "the file"}: ${why}.`);
  }

  take(file) {
    this.file = file;
    return this.redraw();
  }

  async #redraw() {
    if (!this.file) return;
    const invert = $("invert").checked;
    this.image = await pictures.read(this.file, this.shape, invert).catch((error) => {
      console.error(error);
      $("own-result").hidden = true; // it is that of another picture
      throw this.notRead(this.file);
    });
    pictures.show($("seen"), this.image, this.shape);
    $("figures").replaceChildren();
    const parts = [() => this.#rebuild(), () => this.#measure(), () => this.#encode()];
    for (const [i, name] of NAMES.entries()) {
      if (this.model.has(name)) await parts[i]();
      else figure(`No ${name}`, this.model.whyNot(name));
    }
    $("own-result").hidden = false;
    if (!this.walk) return;
    this.walk.shown = this.image;
    await this.walk.redraw();
  }

  async #rebuild() {
    const asked = { image: [this.image] };
    const [rebuilt] = (await this.model.call("reconstruct", asked)).image;
    pictures.show($("rebuilt"), rebuilt, this.shape);
    const squares = this.image.map((value, i) => (value - rebuilt[i]) ** 2);
    const mean = squares.reduce((a, b) => a + b) / squares.length;
    figure("Difference", `${Math.sqrt(mean).toFixed(3)}, the root of its mean square`);
  }

  async #measure() {
    const told = this.model.tensor("log_prob", "outputs", "log_prob");
    const [found] = await this.#logProbs([this.image]);
    const value = Number.isNaN(found) ? "not a number of" : found.toFixed(2);
    figure("Likelihood", `${value} ${told.unit}: ${told.meaning}`);
    const images = this.drawing?.drawn.images ?? [];
    if (!images.length) return;
    const levels = images.map((row) => row.map((x) => Math.round(255 * x) / 255));
    const others = (await this.#logProbs(levels)).sort((a, b) => a - b);
    const [low, high] = [others[0], others.at(-1)].map((each) => each.toFixed(2));
    figure("For comparison", `${low} to ${high} for the pictures drawn above`);
  }

  async #logProbs(images) {
    const found = (await this.model.call("log_prob", { image: images })).log_prob;
    return found.map(([each]) => each);
  }

  async #encode() {
    const [z] = (await this.model.call("encode", { image: [this.image] })).z;
    $("codes").textContent = Array.from(z, (value) => value.toFixed(3)).join(" ");
  }
}

function figure(term, text) {
  $("figures").append(
    element("dt", { textContent: term }),
    element("dd", { textContent: text }),
  );
}
