// SPDX-License-Identifier: Apache-2.0
// The part that walks from a picture A to a picture B. Between pictures that were drawn
// the line is that of their noise; if one is the visitor's, that of `interpolate`.

import * as noise from "./noise.mjs";
import { $, element, latest, showAll } from "./page.mjs";
import * as pictures from "./pictures.mjs";

const STEPS = 10; // pictures of the line, with both ends

/** `ends` has A and B: a `place` among the pictures that were drawn, or an `own`. */
export class Walk {
  constructor(model, { decoder, drawing, shape }) {
    Object.assign(this, { model, decoder, drawing, shape });
    this.ends = drawing ? [{ place: 0 }, { place: 1 }] : [];
    this.redraw = latest(() => this.#redraw());
  }

  take(end, taken) {
    this.ends[end] = taken;
    return this.redraw();
  }

  async #redraw() {
    this.#mark();
    if (!this.ends[0] || !this.ends[1]) return;
    const place = Number($("place").value);
    const isOwn = this.ends.some(({ own }) => own);
    const found = isOwn ? await this.#ofImages() : await this.#ofNoise();
    pictures.show($("walked"), found(place / 100), this.shape);
    $("place-value").textContent = `${place} %`;
    $("walked").ariaLabel = `The picture ${place} % of the way from A to B`;
    showAll($("line"), this.line, this.shape, "span");
  }

  async #ofNoise() {
    const [a, b] = this.ends.map(({ place }) => this.drawing.drawn.noise[place]);
    const places = Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1));
    places.push(Number($("place").value) / 100);
    const rows = places.map((t) => noise.between(a, b, t));
    const images = await this.decoder.decode(rows);
    const walked = images.pop();
    this.line = images;
    return () => walked;
  }

  async #ofImages() {
    const imageOf = ({ place, own }) => own ?? this.drawing.drawn.images[place];
    const [start, end] = this.ends.map((each) => [imageOf(each)]);
    const asked = { start, end, num_steps: STEPS };
    const [line] = (await this.model.call("interpolate", asked)).image;
    const size = line.length / STEPS;
    this.line = Array.from({ length: STEPS }, (_, i) =>
      line.slice(i * size, (i + 1) * size),
    );
    return (place) => this.line[Math.round(place * (STEPS - 1))];
  }

  /** Writes A and B on the pictures that they are. */
  #mark() {
    [...$("drawn").children].forEach((button, i) => {
      const names = this.#markOne(button, ({ place }) => place === i);
      const of = names.length ? `, ${names.join(" and ")} of the walk` : "";
      button.ariaLabel = `Picture ${i + 1}${of}`;
    });
    this.#markOne($("seen-figure"), ({ own }) => own && own === this.shown);
  }

  #markOne(holder, isEnd) {
    const names = ["A", "B"].filter((_, i) => this.ends[i] && isEnd(this.ends[i]));
    const marks = element("span", { className: "ends", ariaHidden: "true" });
    marks.append(...names.map((name) => element("b", { textContent: name })));
    holder.querySelector(".ends")?.remove();
    holder.append(marks);
    return names;
  }
}
