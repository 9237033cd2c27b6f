// The page in a headless Chromium: driven through its own controls, over the debugger's pipe.

import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { METHODS } from "../web/shampoo.js";
import { BUILDS, STEPS } from "./modules.mjs";

const TYPES = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".wasm": "application/wasm" };

async function serve(folder) {
  const server = createServer(async ({ url }, response) => {
    const path = normalize(new URL(url, "http://host").pathname);
    try {
      const content = await readFile(join(folder, path === "/" ? "index.html" : path));
      response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "text/html" }).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

/** Milliseconds for an answer. */
const DEADLINE = 30_000;

/** A browser's debugger: messages of JSON, each ended by a 0. Every answer comes, or the browser has ended, or it is late. */
class Debugger {
  #process;
  #pending = new Map();
  #id = 0;
  #session;

  constructor(browser, profile) {
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--remote-debugging-pipe",
      `--user-data-dir=${profile}`];
    this.#process = spawn(browser, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => {
      this.#process.on("exit", (code, signal) => resolve(new Error(`the browser has ended: ${code ?? signal}`)));
      for (const source of [this.#process, this.#process.stdio[3], this.#process.stdio[4]]) source.on("error", resolve);
    });
    let rest = "";
    this.#process.stdio[4].setEncoding("utf8").on("data", (text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop();
      for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
        this.#pending.get(id)?.(error ? new Error(error.message) : result);
      }
    });
  }

  async send(method, params = {}) {
    const id = ++this.#id;
    const message = JSON.stringify({ id, method, params, sessionId: this.#session });
    this.#process.stdio[3].write(`${message}\0`);
    let timer;
    const late = new Promise((resolve) => (timer = setTimeout(resolve, DEADLINE, new Error(`${method}: no answer`))));
    const answer = new Promise((resolve) => this.#pending.set(id, resolve));
    const found = await Promise.race([answer, this.ended, late]);
    clearTimeout(timer);
    this.#pending.delete(id);
    if (found instanceof Error) throw found;
    return found;
  }

  async attach() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    this.#session = (await this.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  }

  /** The value of an expression in the page, or what its promise comes to. */
  async evaluate(expression) {
    const params = { expression, returnByValue: true, awaitPromise: true };
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", params);
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression, seconds = 60) {
    const end = Date.now() + 1000 * seconds;
    while (Date.now() < end) {
      if (await this.evaluate(expression).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${expression}: not within ${seconds} s`);
  }

  async close() {
    this.#process.kill("SIGKILL");
    await this.ended;
  }
}

const DONE = `document.getElementById("status").textContent === "done"`;
const text = (id) => `document.getElementById("${id}").textContent`;
const data = (name) => `Number(document.getElementById("plot").dataset.${name})`;

/** In the page: how many pixels of the picture have the colour of each curve. */
function inked(names) {
  const canvas = document.getElementById("plot");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return Object.fromEntries(names.map((name) => {
    const probe = canvas.appendChild(document.createElement("i"));
    probe.style.color = `var(--${name})`;
    const color = getComputedStyle(probe).color.match(/\d+/g).map(Number);
    probe.remove();
    let count = 0;
    for (let i = 0; i < pixels.length; i += 4) {
      // Edges are mixed with what is behind them, by their opacity.
      if (pixels[i + 3] > 128 && color.every((value, k) => Math.abs(pixels[i + k] - value) <= 8)) count += 1;
    }
    return [name, count];
  }));
}

/** The same, in the first frame that shows so many points. */
const watch = (names, points) => `new Promise((resolve) => {
  const look = () => ${data("points")} >= ${points} ? resolve((${inked})(${JSON.stringify(names)})) : requestAnimationFrame(look);
  requestAnimationFrame(look);
})`;

/** Checks, by `check(name, passed)`; a picture of the page is left beside the site. */
export async function page(browser, site, host, check) {
  const server = await serve(site);
  const chromium = new Debugger(browser, `${site}/../profile`);
  try {
    await chromium.attach();
    for (const build of BUILDS) {
      await chromium.send("Page.navigate", { url: `http://127.0.0.1:${server.address().port}/?build=${build}` });
      await chromium.until(`document.readyState === "complete" && ${DONE}`);
      // What a visitor does: steps, method, button.
      for (const method of ["all", "shampoo"]) {
        const names = method === "all" ? METHODS : [method];
        await chromium.evaluate(`steps.value = ${STEPS}, method.value = "${method}", train.click()`);
        const half = await chromium.evaluate(watch(names, names.length * (STEPS / 2 + 1)));
        await chromium.until(DONE);
        const all = await chromium.evaluate(`(${inked})(${JSON.stringify(names)})`);
        for (const name of names) {
          const [digest, loss] = [await chromium.evaluate(text(`digest-${name}`)), await chromium.evaluate(text(`loss-${name}`))];
          check(`page ${build} ${method}: ${name} ends at ${loss} with ${digest}`,
            digest === host[name].digest && loss === host[name].heldOut.toFixed(4));
        }
        const [points, frames] = [await chromium.evaluate(data("points")), await chromium.evaluate(data("frames"))];
        check(`page ${build} ${method}: ${points} points`, points === names.length * (STEPS + 1));
        check(`page ${build} ${method}: drawn ${frames} times while it trained`, frames >= STEPS / 4);
        for (const name of names) {
          // The name beside a curve has its colour too, at any time.
          check(`page ${build} ${method}: the curve of ${name} grows, ${half[name]} to ${all[name]} pixels`,
            half[name] > 100 && all[name] > half[name] + 100);
        }
      }
    }
    await chromium.send("Emulation.setDeviceMetricsOverride", { width: 1000, height: 900, deviceScaleFactor: 1, mobile: false });
    await chromium.evaluate(`steps.value = 200, method.value = "all", train.click()`);
    await chromium.until(DONE);
    const { data: picture } = await chromium.send("Page.captureScreenshot");
    await writeFile(`${site}/../page.png`, Buffer.from(picture, "base64"));
  } finally {
    await chromium.close();
    server.close();
  }
}
