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

/** A browser's debugger: messages of JSON, each ended by a 0. */
class Debugger {
  #process;
  #pending = new Map();
  #id = 0;
  #session;

  constructor(browser, profile) {
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", `--user-data-dir=${profile}`];
    this.#process = spawn(browser, flags, { stdio: ["ignore", "ignore", "ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => this.#process.on("exit", resolve));
    this.ended.then((code) => this.#pending.forEach(({ reject }) => reject(new Error(`the browser has ended: ${code}`))));
    let rest = "";
    this.#process.stdio[4].setEncoding("utf8").on("data", (text) => {
      const messages = (rest + text).split("\0");
      rest = messages.pop();
      for (const { id, result, error } of messages.map((message) => JSON.parse(message))) {
        const { resolve, reject } = this.#pending.get(id) ?? {};
        this.#pending.delete(id);
        if (error) reject?.(new Error(error.message));
        else resolve?.(result);
      }
    });
  }

  send(method, params = {}) {
    const id = ++this.#id;
    const message = JSON.stringify({ id, method, params, sessionId: this.#session });
    this.#process.stdio[3].write(`${message}\0`);
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject }));
  }

  async attach() {
    const { targetId } = await this.send("Target.createTarget", { url: "about:blank" });
    this.#session = (await this.send("Target.attachToTarget", { targetId, flatten: true })).sessionId;
  }

  /** The value of an expression in the page. */
  async evaluate(expression) {
    const { result, exceptionDetails } = await this.send("Runtime.evaluate", { expression, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  }

  /** Waits until an expression is true. */
  async until(expression, seconds = 60) {
    for (let i = 0; i < 10 * seconds; i++) {
      if (await this.evaluate(expression).catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`${expression}: not within ${seconds} s`);
  }

  async close() {
    this.#process.kill();
    await this.ended;
  }
}

const DONE = `document.getElementById("status").textContent === "done"`;
const text = (id) => `document.getElementById("${id}").textContent`;
const data = (name) => `Number(document.getElementById("plot").dataset.${name})`;

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
        await chromium.evaluate(`steps.value = ${STEPS}, method.value = "${method}", train.click()`);
        await chromium.until(DONE);
        const names = method === "all" ? METHODS : [method];
        for (const name of names) {
          const [digest, loss] = [await chromium.evaluate(text(`digest-${name}`)), await chromium.evaluate(text(`loss-${name}`))];
          check(`page ${build} ${method}: ${name} ends at ${loss} with ${digest}`,
            digest === host[name].digest && loss === host[name].heldOut.toFixed(4));
        }
        const [points, frames] = [await chromium.evaluate(data("points")), await chromium.evaluate(data("frames"))];
        check(`page ${build} ${method}: ${points} points`, points === names.length * (STEPS + 1));
        check(`page ${build} ${method}: drawn ${frames} times while it trained`, frames >= STEPS / 4);
        const inked = await chromium.evaluate(`(() => { const { width, height } = plot;
          const pixels = plot.getContext("2d").getImageData(0, 0, width, height).data;
          return pixels.filter((value, i) => i % 4 === 3 && value > 0).length / (width * height); })()`);
        check(`page ${build} ${method}: something is drawn`, inked > 0.005 && inked < 0.5);
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
