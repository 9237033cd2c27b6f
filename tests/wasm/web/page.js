// The page: trains a little in every frame and draws what came of it.

import { METHODS, Shampoo } from "./shampoo.js";
import { draw } from "./plot.js";

const NAMES = { shampoo: "Shampoo", sm3: "SM3", sgd: "SGD with momentum" };
const GOAL = 0.25;
/** Milliseconds of training in a frame, and steps at most, so that the curves can be seen to grow. */
const [FRAME, STEPS] = [8, 2];
/** Whether the browser knows vectors: a module with one `i8x16.splat` (0xfd 0x0f) in it. */
const SIMD = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11]);

const element = (id) => document.getElementById(id);
const [canvas, results, status, button] = ["plot", "results", "status", "train"].map(element);
const wanted = new URLSearchParams(location.search).get("build");
const build = wanted ?? (WebAssembly.validate(SIMD) ? "simd128" : "plain");

let [runs, steps] = [[], 200];

async function prepare(name) {
  const training = await Shampoo.load(`shampoo-${build}.wasm`);
  training.start(name);
  const row = results.insertRow();
  row.style.setProperty("--own", `var(--${name})`);
  const cells = ["method", "steps", "loss", "goal", "time", "digest"].map((kind) => {
    const cell = row.insertCell();
    cell.id = `${kind}-${name}`;
    return cell;
  });
  cells[0].textContent = NAMES[name];
  return { name, label: NAMES[name].split(" ")[0], training, cells, losses: [training.heldOut()], time: 0 };
}

function advance(run) {
  const { training } = run;
  const start = performance.now();
  training.step();
  while (training.tick(100_000));
  run.time += performance.now() - start;
  run.losses.push(training.heldOut());
}

function show(run) {
  const { training, losses } = run;
  const goal = losses.findIndex((loss) => loss < GOAL);
  const time = training.steps ? `${Math.round((1000 * run.time) / training.steps)} µs` : "";
  const texts = [training.steps, losses.at(-1).toFixed(4), goal < 0 ? "–" : goal, time, training.digest()];
  texts.forEach((text, i) => (run.cells[i + 1].textContent = text));
}

function frame() {
  try {
    work();
  } catch (error) {
    fail(error);
  }
}

function fail(error) {
  status.textContent = `failed: ${error.message}`;
  button.disabled = false;
}

function work() {
  const start = performance.now();
  for (let i = 0; i < STEPS && performance.now() - start < FRAME; i++) {
    runs.filter(({ training }) => training.steps < steps).forEach(advance);
  }
  runs.forEach(show);
  canvas.dataset.points = draw(canvas, runs, steps);
  canvas.dataset.frames = Number(canvas.dataset.frames) + 1;
  if (runs.some(({ training }) => training.steps < steps)) {
    requestAnimationFrame(frame);
  } else {
    status.textContent = "done";
    button.disabled = false;
  }
}

async function train() {
  button.disabled = true;
  status.textContent = "training";
  const method = element("method").value;
  steps = Math.max(1, element("steps").valueAsNumber || 200);
  results.replaceChildren();
  [canvas.dataset.frames, canvas.dataset.points] = [0, 0];
  try {
    runs = [];
    for (const name of method === "all" ? METHODS : [method]) runs.push(await prepare(name));
    requestAnimationFrame(frame);
  } catch (error) {
    fail(error);
  }
}

element("build").textContent = `This is the ${build} build.`;
element("controls").addEventListener("submit", (event) => {
  event.preventDefault();
  train();
});
addEventListener("resize", () => draw(canvas, runs, steps));
train();
