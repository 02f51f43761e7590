// SPDX-License-Identifier: Apache-2.0
// The page: draw, walk between two pictures, look at a picture of the visitor's.

import { Model } from "./model.mjs";
import * as noise from "./noise.mjs";
import * as pictures from "./pictures.mjs";

const STEPS = 10; // pictures of the line from A to B
const MOST_NUMBERS = 200_000; // of all pictures that are drawn together

const $ = (id) => document.getElementById(id);

/** Returns the pictures of noise, with the label that is chosen if there are any. */
class Decoder {
  constructor(model) {
    const names = ["decode_noise", "decode_noise_of_labels"];
    this.model = model;
    this.name = names.find((name) => model.has(name));
    this.law = model.metadata.model.noise_law;
    if (!this.name) return;
    this.dim = model.tensor(this.name, "inputs", "noise").shape[1];
    this.shape = model.tensor(this.name, "outputs", "image").shape.slice(1);
    this.takesLabels = this.name === names[1];
  }

  /** Returns why nothing can be drawn; "" if it can. */
  get lacks() {
    if (!this.name) return `Nothing is drawn here: ${this.model.whyNot("decode_noise")}.`;
    if (!noise.isKnown(this.law)) return `Noise of ${this.law} is not drawn here.`;
    return "";
  }

  async decode(rows) {
    const label = rows.map(() => [Number($("label").value)]);
    const temperature = Number($("temperature").value);
    const asked = { noise: rows, temperature, label };
    return (await this.model.call(this.name, asked)).image;
  }
}

/** The part that draws; `drawn` has the noise and the values of its pictures. */
class Drawing {
  constructor(decoder) {
    this.decoder = decoder;
    const size = decoder.shape.reduce((a, b) => a * b);
    this.count = Math.max(4, Math.min(24, Math.floor(MOST_NUMBERS / size)));
    this.drawn = { noise: [], images: [] };
    this.redraw = latest(() => this.#redraw());
  }

  async #redraw() {
    const { law, dim } = this.decoder;
    const seed = Number($("seed").value);
    const rows = noise.draw(law, { count: this.count, dim, seed });
    const images = await this.decoder.decode(rows);
    this.drawn = { noise: rows, images };
    showAll($("drawn"), images, this.decoder.shape, "button");
  }
}

/** The part that walks; `ends` has two rows of noise, each with its place if drawn. */
class Walk {
  constructor(decoder) {
    this.decoder = decoder;
    this.ends = [];
    this.redraw = latest(() => this.#redraw());
  }

  take(end, row, place = null) {
    this.ends[end] = { row, place };
    return this.redraw();
  }

  async #redraw() {
    const [a, b] = this.ends.map(({ row }) => row);
    const place = Number($("place").value) / 100;
    const places = Array.from({ length: STEPS }, (_, i) => i / (STEPS - 1));
    const rows = [...places, place].map((t) => noise.between(a, b, t));
    const images = await this.decoder.decode(rows);
    const walked = images.pop();
    pictures.show($("walked"), walked, this.decoder.shape);
    $("place-value").textContent = `${$("place").value} %`;
    $("walked").ariaLabel = `The picture ${$("place").value} % of the way from A to B`;
    showAll($("line"), images, this.decoder.shape, "span");
    this.#mark();
  }

  /** Writes A and B on the pictures that were pressed. */
  #mark() {
    [...$("drawn").children].forEach((button, i) => {
      const found = ["A", "B"].filter((_, end) => this.ends[end].place === i);
      const marks = element("span", { className: "ends", ariaHidden: "true" });
      marks.append(...found.map((name) => element("b", { textContent: name })));
      button.querySelector(".ends")?.remove();
      button.append(marks);
      const of = found.length ? `, ${found.join(" and ")} of the walk` : "";
      button.ariaLabel = `Picture ${i + 1}${of}`;
    });
  }
}

/** The part with the visitor's picture. */
class Own {
  constructor(model, { drawing, walk }) {
    Object.assign(this, { model, drawing, walk });
    const first = ["encode", "reconstruct", "log_prob"].find((name) => model.has(name));
    this.name = first;
    this.shape = first && model.tensor(first, "inputs", "image").shape.slice(1);
    this.redraw = latest(() => this.#redraw());
  }

  take(file) {
    this.file = file;
    return this.redraw();
  }

  async #redraw() {
    if (!this.file) return;
    const image = await pictures.read(this.file, this.shape, $("invert").checked);
    pictures.show($("seen"), image, this.shape);
    $("figures").replaceChildren();
    const parts = { reconstruct: "#rebuild", log_prob: "#measure", encode: "#encode" };
    if (this.model.has("reconstruct")) await this.#rebuild(image);
    if (this.model.has("log_prob")) await this.#measure(image);
    if (this.model.has("encode")) await this.#encode(image);
    $("own-result").hidden = false;
    for (const name in parts) {
      if (!this.model.has(name)) figure(name, `none: ${this.model.whyNot(name)}`);
    }
  }

  async #rebuild(image) {
    const [rebuilt] = (await this.model.call("reconstruct", { image: [image] })).image;
    pictures.show($("rebuilt"), rebuilt, this.shape);
    const squares = image.map((value, i) => (value - rebuilt[i]) ** 2);
    const mean = squares.reduce((a, b) => a + b) / squares.length;
    figure("Difference", `${Math.sqrt(mean).toFixed(3)}, the root of its mean square`);
  }

  async #measure(image) {
    const told = this.model.tensor("log_prob", "outputs", "log_prob");
    const [[found]] = (await this.model.call("log_prob", { image: [image] })).log_prob;
    const value = Number.isNaN(found) ? "none, not a number" : found.toFixed(2);
    figure("Likelihood", `${value} ${told.unit}: ${told.meaning}`);
    const images = this.drawing?.drawn.images ?? [];
    if (!images.length) return;
    const levels = images.map((row) => row.map((x) => Math.round(255 * x) / 255));
    const others = (await this.model.call("log_prob", { image: levels })).log_prob;
    const sorted = others.map(([each]) => each).sort((a, b) => a - b);
    const [low, high] = [sorted[0], sorted.at(-1)].map((each) => each.toFixed(2));
    figure("For comparison", `${low} to ${high} for the pictures drawn above`);
  }

  async #encode(image) {
    const [z] = (await this.model.call("encode", { image: [image] })).z;
    $("codes").textContent = Array.from(z, (value) => value.toFixed(3)).join(" ");
  }
}

/** Returns a function that does work once it is asked, one at a time: of what is asked
 * meanwhile, only the last. */
function latest(work) {
  let running = null;
  let isAsked = false;
  const turns = async () => {
    try {
      while (isAsked) {
        isAsked = false;
        await work();
      }
    } catch (error) {
      fail(error);
    } finally {
      running = null;
    }
  };
  return () => {
    isAsked = true;
    running ??= turns();
    return running;
  };
}

function showAll(parent, images, shape, tag) {
  while (parent.children.length > images.length) parent.lastChild.remove();
  images.forEach((image, i) => {
    const holder = parent.children[i] ?? parent.appendChild(element(tag));
    const canvas = holder.firstChild ?? holder.appendChild(element("canvas"));
    canvas.role = "img";
    canvas.ariaLabel = `Picture ${i + 1} of ${images.length}`;
    if (tag === "button") holder.type = "button";
    pictures.show(canvas, image, shape);
  });
}

function figure(term, text) {
  $("figures").append(
    element("dt", { textContent: term }),
    element("dd", { textContent: text }),
  );
}

function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

/** Shows a part of the page, or why the model has none. */
function offer(section, why) {
  $(section).querySelector(".body").hidden = Boolean(why);
  const lacks = $(section).querySelector(".lacks");
  lacks.hidden = !why;
  lacks.textContent = why;
  return !why;
}

function fail(error) {
  console.error(error);
  $("status").hidden = false;
  $("status").className = "error";
  $("status").textContent = `It did not work: ${error.message ?? error}`;
}

function describe({ model, run, library, web }) {
  $("title").textContent = `${model.class}, a generative model of ${model.examples}`;
  document.title = $("title").textContent;
  const trained = run.dataset && ` to step ${run.step} on ${run.dataset.name}`;
  $("about").textContent = trained ? `Trained${trained}.` : "";
  $("made").textContent =
    `Made with glf_tf ${library.glf_tf}; computed in this browser by onnxruntime-web ` +
    `${web.runtime.version}. metadata.json in this folder tells more.`;
}

function fillLabels(decoder) {
  if (!decoder.takesLabels) return;
  const [low, high] = decoder.model
    .tensor(decoder.name, "inputs", "label")
    .range.split(" to ")
    .map(Number);
  for (let i = low; i <= high; i++) $("label").append(new Option(String(i)));
  $("label-row").hidden = false;
}

async function startDrawing(decoder) {
  fillLabels(decoder);
  const drawing = new Drawing(decoder);
  const walk = new Walk(decoder);
  const pressed = () => [...document.getElementsByName("end")];
  const drawAndWalk = async () => {
    $("temperature-value").textContent = Number($("temperature").value).toFixed(2);
    await drawing.redraw();
    walk.ends = walk.ends.map(({ row, place }) => ({
      row: place === null ? row : drawing.drawn.noise[place],
      place,
    }));
    await walk.redraw();
  };
  walk.ends = [0, 1].map((place) => ({ row: null, place }));
  for (const id of ["seed", "temperature", "label"]) {
    $(id).addEventListener("input", drawAndWalk);
  }
  $("again").addEventListener("click", () => {
    $("seed").value = crypto.getRandomValues(new Uint32Array(1))[0];
    drawAndWalk();
  });
  $("place").addEventListener("input", walk.redraw);
  $("drawn").addEventListener("click", ({ target }) => {
    const place = [...$("drawn").children].indexOf(target.closest("button"));
    if (place < 0) return;
    const end = pressed().findIndex((radio) => radio.checked);
    pressed()[1 - end].checked = true;
    walk.take(end, drawing.drawn.noise[place], place);
  });
  await drawAndWalk();
  return { drawing, walk };
}

function startOwn(model, others) {
  const own = new Own(model, others);
  if (!offer("own", own.name ? "" : `Pictures are not encoded here: ${model.whyNot("encode")}.`)) {
    return null;
  }
  $("shape").textContent = own.shape.slice(0, 2).reverse().join(" × ");
  $("rebuilt-figure").hidden = !model.has("reconstruct");
  $("codes-row").hidden = !model.has("encode");
  $("own-ends").hidden = true;
  $("invert").addEventListener("input", own.redraw);
  $("file").addEventListener("input", ({ target }) => own.take(target.files[0]));
  const takeFirst = (event, files) => {
    const found = [...files].find(({ type }) => type.startsWith("image/"));
    if (files.length) event.preventDefault();
    if (found) own.take(found);
  };
  addEventListener("paste", (event) => takeFirst(event, event.clipboardData.files));
  // Anywhere, as a browser leaves the page for a picture that misses its place.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => takeFirst(event, event.dataTransfer.files));
  return own;
}

async function start() {
  const model = await Model.load(new URL(".", import.meta.url));
  const decoder = new Decoder(model);
  describe(model.metadata);
  $("main").hidden = false;
  offer("draw", decoder.lacks);
  offer("walk", decoder.lacks && "There is no walk without pictures that are drawn.");
  const others = decoder.lacks ? {} : await startDrawing(decoder);
  const own = startOwn(model, others);
  if ($("status").className !== "error") $("status").hidden = true;
  return { model, ...others, own };
}

/** What the page is made of, once it stands; for tests and consoles. */
globalThis.explorer = start().catch(fail);
