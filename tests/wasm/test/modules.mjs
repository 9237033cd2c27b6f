// The modules under node: the host's bits from both builds, nothing imported.

import { readFileSync } from "node:fs";
import { METHODS, Shampoo } from "../web/shampoo.js";

export const BUILDS = ["plain", "simd128"];
/** Steps after which the host says what the weights are. */
export const STEPS = 100;

const bytes = (site, build) => readFileSync(`${site}/shampoo-${build}.wasm`);

async function train(source, method, steps, budget) {
  const training = await Shampoo.load(source);
  training.start(method);
  const losses = [];
  for (let i = 0; i < steps; i++) {
    losses.push(training.step());
    if (budget) while (training.tick(budget));
  }
  return { training, losses, digest: training.digest(), heldOut: training.heldOut() };
}

/** Microseconds of a step with its roots, the least of some rounds. */
async function time(source, method) {
  const { training } = await train(source, method, 20, 0);
  const rounds = Array.from({ length: 20 }, () => {
    const start = performance.now();
    for (let i = 0; i < 20; i++) training.step();
    return (1000 * (performance.now() - start)) / 20;
  });
  return Math.round(Math.min(...rounds));
}

/** Checks, by `check(name, passed)`; `host` holds digest and loss in thousandths for each method. Returns what every page has
 * to show. */
export async function modules(site, host, check) {
  const found = {};
  for (const build of BUILDS) {
    const source = bytes(site, build);
    const imports = WebAssembly.Module.imports(new WebAssembly.Module(source));
    check(`${build}: imports nothing`, imports.length === 0);
    for (const method of METHODS) {
      const run = await train(source, method, STEPS, 0);
      const few = await train(source, method, STEPS, 10_000);
      const { digest, thousandths } = host[method];
      check(`${build} ${method}: the host's ${digest} (${run.digest})`, run.digest === digest);
      // As the host cuts it off, in single precision.
      check(`${build} ${method}: the host's loss`, Math.trunc(Math.fround(1000 * run.heldOut)) === thousandths);
      const { accepted, rejected } = run.training.roots;
      check(`${build} ${method}: ${accepted} roots`, accepted === (method === "shampoo" ? STEPS - 1 : 0) && rejected === 0);
      check(`${build} ${method}: the same by ticks`, few.digest === run.digest);
      check(`${build} ${method}: learns (${run.heldOut.toFixed(4)})`, run.heldOut < 0.5 && run.losses[0] > 1);
      check(`${build} ${method}: 640 finite weights`, run.training.parameters.length === 640
        && run.training.parameters.every(Number.isFinite));
      found[method] = { digest: run.digest, heldOut: run.heldOut };
      console.log(`${build} ${method}: ${await time(source, method)} us per step`);
    }
    console.log(`${build}: ${source.length} bytes`);
  }
  await budgets(bytes(site, "plain"), check);
  await saves(bytes(site, "plain"), bytes(site, "simd128"), check);
  const idle = await Shampoo.load(bytes(site, "plain"));
  check("an unknown method is refused", throws(() => idle.start("lamb")));
  check("a step without a training is refused", throws(() => idle.step()));
  return found;
}

/** Ticks end whatever they are given. */
async function budgets(source, check) {
  for (const budget of [undefined, Infinity, 2 ** 32, NaN, 0, -1, 0.5]) {
    const { training } = await train(source, "shampoo", 8, 0);
    let ticks = 1;
    while (training.tick(budget) && ticks < 100_000) ticks += 1;
    check(`ticks of ${budget} flops end (${ticks})`, ticks < 100_000 && (ticks === 1) === (budget === undefined || budget > 1));
  }
}

/** Saved by one build, in the middle of a root, and loaded by the other. */
async function saves(one, other, check) {
  for (const method of METHODS) {
    const { training } = await train(one, method, 21, 0);
    training.tick(1000);
    const image = training.save();
    const second = await Shampoo.load(other);
    second.start(method);
    second.restore(image);
    check(`${method}: restored as it was`, second.digest() === training.digest() && second.steps === 21);
    for (let i = 0; i < 30; i++) [training, second].forEach((each) => each.step());
    check(`${method}: goes on with the same bits`, second.digest() === training.digest());
    const before = second.digest();
    const broken = image.slice();
    broken[broken.length >> 1] ^= 1;
    const long = new Uint8Array(1 << 24);
    for (const [name, bytes] of Object.entries({ broken, short: image.slice(0, -1), long })) {
      check(`${method}: a ${name} image is refused`, throws(() => second.restore(bytes)) && second.digest() === before);
    }
    second.start(METHODS.find((name) => name !== method));
    check(`${method}: no other method takes it`, throws(() => second.restore(image)) && second.steps === 0);
  }
}

/** Whether it does. */
function throws(action) {
  try {
    action();
    return false;
  } catch {
    return true;
  }
}
