// SPDX-License-Identifier: Apache-2.0
// What the parts of the page share: elements, and work that waits for its turn.

import * as pictures from "./pictures.mjs";

/** Returns the element of an id. */
export const $ = (id) => document.getElementById(id);

/** Returns a new element. */
export function element(tag, properties = {}) {
  return Object.assign(document.createElement(tag), properties);
}

/** Shows pictures in elements of a kind, such as buttons, one each. */
export function showAll(parent, images, shape, tag) {
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

/** Shows a part of the page, or why the model has none; returns whether there is one. */
export function offer(section, why) {
  $(section).querySelector(".body").hidden = Boolean(why);
  const lacks = $(section).querySelector(".lacks");
  lacks.hidden = !why;
  lacks.textContent = why;
  return !why;
}

/** Tells the visitor what did not work. */
export function fail(error) {
  console.error(error);
  $("status").hidden = false;
  $("status").className = "error";
  $("status").textContent = `It did not work: ${error.message ?? error}`;
}

/** Takes back what did not work, as something else is tried. */
function forget() {
  if ($("status").className !== "error") return;
  $("status").className = "";
  $("status").hidden = true;
}

/**
 * Returns a function that does work once it is asked, one at a time; if it is asked
 * several times meanwhile, once more.
 */
export function latest(work) {
  let running = null;
  let isAsked = false;
  const turns = async () => {
    try {
      while (isAsked) {
        isAsked = false;
        forget();
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
