// A small network trained on sensor data in WebAssembly; every object has memory of its own.
//
//     const training = await Shampoo.load("shampoo.wasm");
//     training.start("shampoo");
//     for (let i = 0; i < 100; i++) training.step();
//     console.log(training.heldOut(), training.digest());

export const METHODS = ["shampoo", "sm3", "sgd"];

export class Shampoo {
  #exports;

  constructor(exports) {
    this.#exports = exports;
  }

  /** From an address, or from the module's bytes. */
  static async load(source) {
    const response = typeof source === "string" ? await fetch(source) : new Response(source);
    if (!response.ok) throw new Error(`${source}: ${response.status}`);
    return new Shampoo((await WebAssembly.instantiate(await response.arrayBuffer(), {})).instance.exports);
  }

  /** Begins anew with one of METHODS. */
  start(method) {
    if (!this.#exports.start(METHODS.indexOf(method))) throw new Error(`no method ${method}`);
  }

  /** One step; the batch's mean loss before it. */
  step() {
    const loss = this.#exports.step();
    if (Number.isNaN(loss)) throw new Error("no training, or it has left every sensible range");
    return loss;
  }

  /** Computes roots, about so many flops, at least 1; whether there are more. What is left, the next step does. */
  tick(flops = 0xffff_ffff) {
    return this.#exports.tick(Math.min(Math.max(flops, 1) || 1, 0xffff_ffff)) !== 0;
  }

  /** Roots used and refused since the start. */
  get roots() { return { accepted: this.#exports.accepted(), rejected: this.#exports.rejected() }; }

  /** Mean loss of samples that are never trained with. */
  heldOut(samples = 256) {
    return this.#exports.held_out(samples);
  }

  get steps() { return this.#exports.steps() >>> 0; }

  /** The weights, a copy. */
  get parameters() {
    const { memory, parameters, parameters_len } = this.#exports;
    return new Float32Array(memory.buffer, parameters(), parameters_len()).slice();
  }

  /** 32 bits of all the weights' bits, as text: equal on every machine. */
  digest() {
    return (this.#exports.digest() >>> 0).toString(16).padStart(8, "0");
  }

  /** Everything that the next step depends on, as bytes. */
  save() {
    const length = this.#exports.save();
    if (length === 0) throw new Error("no training");
    return this.#image(length).slice();
  }

  /** Goes on from saved bytes of a training with the same method: the next steps have the same bits. */
  restore(bytes) {
    const fits = bytes.length <= this.#exports.image_capacity();
    if (fits) this.#image(bytes.length).set(bytes);
    if (!fits || !this.#exports.restore(bytes.length)) throw new Error("not a whole training with this method");
  }

  #image(length) {
    return new Uint8Array(this.#exports.memory.buffer, this.#exports.image(), length);
  }
}
