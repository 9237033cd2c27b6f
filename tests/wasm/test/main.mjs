// node test/main.mjs SITE BROWSER, with the host's lines (size, method, steps, digest, loss) on standard input.

import { readFileSync } from "node:fs";
import { modules } from "./modules.mjs";
import { page } from "./browser.mjs";

const [site, browser] = process.argv.slice(2);
const lines = readFileSync(0, "utf8").trim().split("\n").map((line) => line.split(" "));
const host = Object.fromEntries(
  lines
    .filter(([size]) => size === "standard")
    .map(([, method, , digest, loss]) => [method.toLowerCase(), { digest, thousandths: Number(loss) }]),
);

let [passed, failed] = [0, 0];
const check = (name, good) => {
  if (good) passed += 1;
  else failed += 1;
  console.log(`${good ? "pass" : "FAIL"} ${name}`);
};

try {
  const losses = await modules(site, host, check);
  await page(browser, site, losses, check);
} catch (error) {
  check(`${error.stack}`, false);
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
