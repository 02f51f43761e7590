// SPDX-License-Identifier: Apache-2.0
// The exported model, run by onnxruntime-web. What it can do is read from
// metadata.json; a signature's file is loaded when it is first called.

const ARRAYS = { float32: Float32Array, int32: Int32Array };

export class Model {
  /** Reads metadata.json, and loads onnxruntime-web. */
  static async load(folder) {
    const answer = await fetch(new URL("metadata.json", folder));
    if (!answer.ok) throw new Error(`There is no metadata.json: ${answer.status}`);
    const metadata = await answer.json();
    return new Model(folder, metadata, await loadRuntime(folder, metadata.web.runtime));
  }

  constructor(folder, metadata, runtime) {
    this.folder = folder;
    this.metadata = metadata;
    this.runtime = runtime;
    this.sessions = new Map();
    this.queue = Promise.resolve();
  }

  /** Returns whether the page has a signature. */
  has(name) {
    return name in this.metadata.web.files;
  }

  /** Returns why there is no signature of these names, as the export says. */
  whyNot(...names) {
    const { missing, web } = this.metadata;
    const reasons = names.map((name) => web.missing[name] ?? missing[name]);
    return reasons.find(Boolean) ?? "the model has none";
  }

  /** Returns an input or output of a signature, as metadata.json describes it. */
  tensor(name, side, key) {
    return this.metadata.signatures[name][side][key];
  }

  /**
   * Calls a signature; calls wait for each other.
   * @param {string} name
   * @param {Object} inputs - By name, a number or an array of rows of numbers.
   * @returns {Promise<Object>} Outputs by name, an array of rows of numbers each.
   */
  call(name, inputs) {
    const called = this.queue.then(() => this.#call(name, inputs));
    this.queue = called.catch(() => {});
    return called;
  }

  async #call(name, inputs) {
    if (!this.sessions.has(name)) {
      const file = new URL(this.metadata.web.files[name], this.folder).href;
      this.sessions.set(name, await this.runtime.InferenceSession.create(file));
    }
    const session = this.sessions.get(name);
    const feeds = {};
    for (const key of session.inputNames) {
      feeds[key] = this.#feed(this.tensor(name, "inputs", key), inputs[key]);
    }
    const found = await session.run(feeds);
    const named = Object.entries(found).map(([key, value]) => [
      key.replace(/^output_/, ""),
      rows(value),
    ]);
    return Object.fromEntries(named);
  }

  #feed({ dtype, shape }, given) {
    const isBatch = shape.length > 0;
    const values = isBatch ? given.flatMap((row) => Array.from(row)) : [given];
    const sizes = shape.map((size) => size ?? given.length);
    return new this.runtime.Tensor(dtype, ARRAYS[dtype].from(values), sizes);
  }
}

function rows({ data, dims: [count] }) {
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => data.slice(i * size, (i + 1) * size));
}

/** Loads onnxruntime-web, whose bytes must be those that metadata.json names. */
async function loadRuntime(folder, { module, binary }) {
  const [code, wasmBinary] = await Promise.all(
    [module, binary].map(async ({ url, integrity }) => {
      const answer = await fetch(new URL(url, folder), { integrity });
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
      return answer.arrayBuffer();
    }),
  );
  const blob = new Blob([code], { type: "text/javascript" });
  const url = URL.createObjectURL(blob);
  const runtime = await import(url);
  URL.revokeObjectURL(url);
  // More threads need headers that a plain file server does not send.
  Object.assign(runtime.env.wasm, { numThreads: 1, wasmBinary });
  return runtime;
}
