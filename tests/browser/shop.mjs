// What every scenario needs: a browser, the shop's side of the world, and a failure that says what was seen.

import { chromium } from "playwright-core";
import AxeBuilder from "@axe-core/playwright";
import { mkdir } from "node:fs/promises";

const [, , , service, control, shots] = process.argv;

export const url = service;
export const PASSWORD = "correct horse battery";

/** The world outside: customers write, time passes, Meta counts. */
export const world = {
  async ask(path, method = "POST") {
    const answer = await fetch(`${control}${path}`, { method });
    if (!answer.ok) throw new Error(`${path} was answered ${answer.status}`);
    return answer.json();
  },
  writes: (psid, text) => world.ask(`/writes?psid=${psid}&text=${encodeURIComponent(text)}`),
  answers: (psid, text) => world.ask(`/answers?psid=${psid}&text=${encodeURIComponent(text)}`),
  knows: (psid, name) => world.ask(`/known?psid=${psid}&text=${encodeURIComponent(name)}`),
  later: (seconds) => world.ask(`/later?seconds=${seconds}`),
  told: () => world.ask("/told", "GET"),
};

export function expect(holds, what) {
  if (!holds) throw new Error(`it does not hold that ${what}`);
}

/** Asks until it is so. */
export async function until(what, question) {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (await question()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`it never came that ${what}`);
}

export async function browsing(scenario) {
  const root = process.getuid?.() === 0;
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: root ? ["--no-sandbox"] : [],
  });
  try {
    await scenario(browser);
  } finally {
    await browser.close();
  }
}

export const DESK = { viewport: { width: 1280, height: 800 }, locale: "en-GB", timezoneId: "Asia/Tbilisi" };
export const PHONE = { ...DESK, viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2 };

/** A page whose every error and every request to another host is a failure. */
export async function opened(browser, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(60000);
  const page = await context.newPage();
  page.on("pageerror", (error) => fail(`a script broke: ${error}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) fail(`the browser says: ${message.text()}`);
  });
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) fail(`asked another host: ${request.url()}`);
  });
  return page;
}

function fail(why) {
  console.error(why);
  process.exit(1);
}

export async function logIn(page, name = "nino") {
  await page.goto(`${url}/console`);
  await page.fill("input[name=name]", name);
  await page.fill("input[name=password]", PASSWORD);
  await Promise.all([page.waitForURL(/queue|today/), page.click("button.main")]);
}

export async function shot(page, name) {
  await mkdir(shots, { recursive: true });
  await page.screenshot({ path: `${shots}/${name}.png`, fullPage: true });
}

/** No violation of accessibility, as axe sees it. */
export async function accessible(page, name) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const lines = violations.flatMap((found) => found.nodes.map((node) => `${found.id}: ${node.target} ${node.failureSummary}`));
  expect(lines.length === 0, `axe finds nothing on ${name}, but:\n${lines.join("\n")}`);
}

/** Whatever can be touched is at least 44 px high and wide; links within a sentence may be less. */
export async function touchable(page, name) {
  const small = await page.evaluate(() =>
    [...document.querySelectorAll("button, summary, input, select, nav a, a.open, a.inbox, a.button, .choices a")]
      .filter((one) => one.type !== "hidden" && one.getClientRects().length && !one.closest(".unseen, .skip"))
      .map((one) => (one.type === "checkbox" ? one.closest("label") : one))
      .map((one) => ({ box: one.getBoundingClientRect(), what: one.outerHTML.slice(0, 80) }))
      .filter(({ box }) => box.height < 43.5 || box.width < 43.5)
      .map(({ box, what }) => `${Math.round(box.width)}×${Math.round(box.height)} ${what}`));
  expect(small.length === 0, `everything on ${name} can be touched, but:\n${small.join("\n")}`);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wide <= 0, `${name} fits the screen (it is ${wide} px too wide)`);
}
