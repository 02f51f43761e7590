// SPDX-License-Identifier: Apache-2.0
// The page: reads what the model can do, and starts the parts for it.

import { Decoder, Drawing } from "./draw.mjs";
import { Model } from "./model.mjs";
import { Own } from "./own.mjs";
import { $, fail, offer } from "./page.mjs";
import { Walk } from "./walk.mjs";

async function start() {
  const model = await Model.load(new URL(".", import.meta.url));
  describe(model.metadata);
  $("main").hidden = false;
  const decoder = new Decoder(model);
  const drawing = offer("draw", decoder.lacks) ? startDrawing(decoder) : null;
  const walk = startWalk(model, { decoder, drawing });
  await drawing?.redraw();
  await walk?.redraw();
  const own = startOwn(model, { drawing, walk });
  if ($("status").className !== "error") $("status").hidden = true;
  return { model, drawing, walk, own };
}

function describe({ model, run, library, web }) {
  $("title").textContent = `${model.class}, a generative model of ${model.examples}`;
  document.title = $("title").textContent;
  const names = [];
  for (let each = run.dataset; each?.name; each = each.dataset) names.push(each.name);
  const trained = run.dataset && `Trained to step ${run.step} on ${names.join(" of ")}.`;
  $("about").textContent = trained ?? "";
  $("made").textContent =
    `Made with glf_tf ${library.glf_tf}; computed in this browser by onnxruntime-web ` +
    `${web.runtime.version}. metadata.json in this folder tells more.`;
}

function startDrawing(decoder) {
  $("again").addEventListener("click", () => {
    $("seed").value = crypto.getRandomValues(new Uint32Array(1))[0];
    $("seed").dispatchEvent(new Event("input"));
  });
  return new Drawing(decoder);
}

function startWalk(model, { decoder, drawing }) {
  const { name = "reconstruct", shape } = decoder;
  const canWalk = drawing || (model.has("interpolate") && model.has(name));
  const why = "There is no line: nothing is drawn here, and no picture is encoded.";
  if (!offer("walk", canWalk ? "" : why)) return null;
  const from = shape ?? model.tensor(name, "outputs", "image").shape.slice(1);
  const walk = new Walk(model, { decoder, drawing, shape: from });
  $("place").addEventListener("input", walk.redraw);
  $("ends").hidden = !drawing;
  $("own-line").hidden = !model.has("interpolate");
  if (!drawing) return walk;
  for (const id of ["seed", "temperature", "label"]) {
    $(id).addEventListener("input", async () => {
      await drawing.redraw();
      await walk.redraw();
    });
  }
  $("drawn").addEventListener("click", ({ target }) => {
    const place = [...$("drawn").children].indexOf(target.closest("button"));
    if (place < 0) return;
    const radios = [...document.getElementsByName("end")];
    const end = radios.findIndex((radio) => radio.checked);
    radios[1 - end].checked = true;
    walk.take(end, { place });
  });
  return walk;
}

function startOwn(model, others) {
  const own = new Own(model, others);
  if (!offer("own", own.lacks)) return null;
  $("shape").textContent = own.shape.slice(0, 2).reverse().join(" × ");
  $("rebuilt-figure").hidden = !model.has("reconstruct");
  $("codes-row").hidden = !model.has("encode");
  $("own-ends").hidden = !model.has("interpolate");
  $("own-ends").addEventListener("click", ({ target }) => {
    if (target.dataset.end) others.walk.take(target.dataset.end, { own: own.image });
  });
  $("invert").addEventListener("input", own.redraw);
  $("file").addEventListener("input", ({ target }) => own.take(target.files[0]));
  const takeFirst = (event, files) => {
    if (files.length) event.preventDefault();
    const found = [...files].find(({ type }) => type.startsWith("image/"));
    if (found) own.take(found);
    else if (files.length) fail(own.notRead(files[0]));
  };
  addEventListener("paste", (event) => takeFirst(event, event.clipboardData.files));
  // Anywhere, as a browser leaves the page for a picture that misses its place.
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => takeFirst(event, event.dataTransfer.files));
  return own;
}

/** What the page is made of, once it stands; for tests and consoles. */
globalThis.explorer = start().catch(fail);
