// SPDX-License-Identifier: Apache-2.0
// Noise of a seed: the same in every browser.

/** Returns whether draws of a law are known here: "N(m, s)" or "U(low, high)". */
export function isKnown(law) {
  return parse(law) !== null;
}

/**
 * Returns independent draws as rows of float32.
 * @param {string} law - Such as "N(0, 1)" or "U(-1, 1)", as metadata.json has it.
 * @param {{count: number, dim: number, seed: number}} asked
 */
export function draw(law, { count, dim, seed }) {
  const { kind, first, second } = parse(law);
  const uniform = uniforms(seed);
  const one =
    kind === "N"
      ? () => first + second * normal(uniform)
      : () => first + (second - first) * uniform();
  return Array.from({ length: count }, () => Float32Array.from({ length: dim }, one));
}

/** Returns (1 - t) a + t b. */
export function between(a, b, t) {
  return a.map((value, i) => (1 - t) * value + t * b[i]);
}

function parse(law) {
  const found = /^([NU])\((-?[\d.]+), (-?[\d.]+)\)$/.exec(law ?? "");
  return found && { kind: found[1], first: +found[2], second: +found[3] };
}

/** Box and Muller: A note on the generation of random normal deviates, 1958. */
function normal(uniform) {
  const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
  return radius * Math.cos(2 * Math.PI * uniform());
}

/** Returns draws from [0, 1), by Tommy Ettinger's mulberry32. */
function uniforms(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
