// SPDX-License-Identifier: GPL-2.0-or-later
// page.mjs SCENARIO URL: what a browser does with the page of llmspool-httpd and sees of it. What has to
// happen in the spool meanwhile is asked of page.py: a line "DO VERB [WORD]", answered by a line of JSON.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const [name, url] = process.argv.slice(2);
const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const complaints = [];
let forgiven = null; // complaints like this are expected

async function ask(verb, word) {
  console.log(`DO ${verb}${word === undefined ? "" : ` ${word}`}`);
  return JSON.parse((await lines.next()).value);
}

// Layout shifts, breaches of the policy and streams are noted from the beginning.
function note() {
  window.streams = [];
  window.EventSource = class extends EventSource {
    constructor(address) {
      super(address);
      window.streams.push(this);
    }
  };
  window.shifts = 0;
  window.breaches = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  document.addEventListener("securitypolicyviolation", (event) => window.breaches.push(`${event.violatedDirective} ${event.blockedURI}`));
}

const context = await chromium.launchPersistentContext(process.env.PAGE_PROFILE, {
  executablePath: process.env.CHROMIUM, headless: true, viewport: { width: 1440, height: 900 }, colorScheme: "light",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync"],
});
context.setDefaultTimeout(30000);
await context.addInitScript(note);
const page = await context.newPage();
page.on("console", (message) => {
  if (["error", "warning"].includes(message.type())) complaints.push(message.text());
});
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("dialog", (dialog) => { complaints.push(`a dialog: ${dialog.message()}`); dialog.dismiss(); });

// --- what is looked at ---

const text = (selector) => page.locator(selector).innerText();
const until = (selector, words) => page.locator(selector, { hasText: words }).first().waitFor({ state: "visible" });

async function open(hash = "#/") {
  await page.goto(`${url}/${hash}`);
  await page.waitForFunction(() => document.getElementById("state").dataset.kind !== "wait");
}

async function count(list, label) {
  const row = page.locator(`#${list} li`).filter({ has: page.locator(`span:text-is("${label}"), a:text-is("${label}")`) });
  return Number((await row.locator("b").innerText()).replaceAll(",", ""));
}

async function counts(list, label, wanted, patience = 30000) {
  const end = Date.now() + patience;
  let found;
  while ((found = await count(list, label)) !== wanted) {
    assert(Date.now() < end, `${list} ${label}: ${found} in place of ${wanted}`);
    await page.waitForTimeout(50);
  }
}

// As if the browser showed another tab, or this one again.
async function hide(hidden) {
  await page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { value, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
}

// The paths of the streams that are open.
const streams = () => page.evaluate(() => window.streams.filter((each) => each.readyState !== 2)
  .map((each) => new URL(each.url).pathname).sort());

async function followed(...wanted) {
  const end = Date.now() + 10000;
  let found;
  while (JSON.stringify(found = await streams()) !== JSON.stringify(wanted)) {
    assert(Date.now() < end, `open streams are ${found} in place of ${wanted}`);
    await page.waitForTimeout(50);
  }
}

// Holds what is asked of a path until the function that it returns is called; begun resolves when it is asked.
async function hold(path) {
  let go;
  let asked;
  const freed = new Promise((resolve) => { go = resolve; });
  const begun = new Promise((resolve) => { asked = resolve; });
  await page.route(url + path, async (route) => {
    asked();
    await freed;
    await route.continue();
  }, { times: 1 });
  const free = async () => {
    const answered = page.waitForResponse(url + path);
    go();
    await (await answered).finished();
    await page.waitForTimeout(200);
  };
  return { begun, free };
}

// For a second and a half /v1/status tells what was gathered before an event, and each time after a while.
async function overtaken(done, late) {
  const body = await (await page.request.get(`${url}/v1/status`)).text();
  const end = Date.now() + 1500;
  await page.route(`${url}/v1/status`, async (route) => {
    if (Date.now() > end) return route.continue();
    await page.waitForTimeout(late);
    return route.fulfill({ body, contentType: "application/json" });
  });
  await ask("drop", 1);
  await counts("states", "done", done, late + 6000);
  await page.unroute(`${url}/v1/status`);
}

// No markup came of data: nothing ran, and there is no element that the page did not make.
async function harmless() {
  assert.equal(await page.evaluate(() => window.hurt), undefined);
  assert.equal(await page.locator("img, iframe, main script, object, embed").count(), 0);
}

async function inspect(where) {
  // The policy forbids the page any script but its own; this comes by the debugger.
  await page.evaluate(readFileSync(axe, "utf8"));
  const found = await page.evaluate(async () => (await window.axe.run()).violations.map((v) => ({
    id: v.id, impact: v.impact, help: v.help, nodes: v.nodes.slice(0, 3).map((n) => `${n.html} ${n.failureSummary}`) })));
  for (const each of found) console.log(`axe, ${where}: ${each.impact} ${each.id}: ${each.help}\n  ${each.nodes.join("\n  ")}`);
  assert.deepEqual(found.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id), [], `axe, ${where}`);
}

async function fits(where) {
  const wide = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  assert(wide[0] <= wide[1], `${where} is ${wide[0]} wide in a window of ${wide[1]}`);
}

async function still(where) {
  const shifts = await page.evaluate(() => window.shifts);
  console.log(`layout shift, ${where}: ${shifts.toFixed(4)}`);
  assert(shifts < 0.05, `layout shift of ${shifts}, ${where}`);
}

const scenarios = {
  async overview() {
    await open();
    assert(await page.locator("#first").isVisible(), "the first steps are told in an empty spool");
    await until("#state-live", "live");
    await overtaken(1, 0);
    await overtaken(2, 4000);
    const first = await ask("drop", 3);
    await counts("states", "done", 5);
    await page.locator("#nav-jobs").click();
    await page.locator("#nav-overview").click();
    await page.locator("#first").waitFor({ state: "hidden" });
    await counts("states", "failed", 0);
    const id = await ask("fail", 2);
    await counts("states", "failed", 2);
    await until("#failures .item", "bad_thing");
    assert.match(await text("#failures"), /2 jobs/);
    assert.match(await text("#failures"), /<script>window\.hurt=1<\/script>/);
    await harmless();
    await until("#rate-text", "5 completed, 2 not");
    await until("#gates", "p/m");
    assert.match(await text("#money"), /of 50 USD/);
    await still("with failures that came");
    // A failure leads to its job.
    await page.locator("#failures a").first().click();
    await until("#job-state", "failed");
    await until("#attempts", "HTTP 400");
    await harmless();
    assert(id && first);
    await page.goBack();
    await page.locator("#pause").click();
    await until("#state-text", "Paused");
    assert.equal(await ask("paused"), true);
    await page.locator("#pause", { hasText: "Resume" }).click();
    await page.waitForFunction(() => !document.getElementById("state-text").textContent.startsWith("Paused"));
    assert.equal(await ask("paused"), false);
    // A tab that is not seen holds no connection, and knows all when it is seen again.
    await followed("/v1/events");
    await hide(true);
    assert.deepEqual(await streams(), [], "streams of a hidden tab");
    await ask("drop", 1);
    await page.waitForTimeout(500);
    assert.equal(await count("states", "done"), 5, "done, as told in a hidden tab");
    await hide(false);
    await counts("states", "done", 6, 6000);
    await until("#state-live", "live");
    await followed("/v1/events");
    // The theme is remembered.
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    const dark = await background();
    assert.notEqual(light, dark, "dark where the system is dark");
    await page.locator("#theme").click();
    assert.equal(await background(), light, "light by choice");
    await page.reload();
    await until("#theme", "light");
    assert.equal(await background(), light, "light by choice, remembered");
  },

  async submitting() {
    await open();
    // By keyboard alone, from the top of the page.
    const tab = async (id) => {
      for (let i = 0; i < 40; i++) {
        await page.keyboard.press("Tab");
        if ((await page.evaluate(() => document.activeElement.id)) === id) {
          const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
          assert.equal(outline, "solid", `focus is seen on ${id}`);
          return;
        }
      }
      assert.fail(`no way to ${id} by the tabulator`);
    };
    await tab("skip");
    await tab("nav-submit");
    await page.keyboard.press("Enter");
    await until("#submit-title", "Submit");
    await tab("prompt");
    await page.keyboard.type('Say <b>hello</b> <img src=x onerror="window.hurt=1"> to all of these many people, one by one');
    await tab("model");
    await page.keyboard.type("m");
    await tab("name");
    await page.keyboard.type("<script>hurt</script>");
    await tab("params");
    await page.keyboard.type("{oops");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    await until("#submit-error", "no JSON");
    assert.equal(await page.evaluate(() => document.activeElement.id), "params");
    await page.keyboard.press("Control+A");
    await page.keyboard.type('{"temperature": 0}');
    await page.keyboard.press("Tab");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    // What the server does not take is told in its words, and nothing is lost.
    forgiven = /422/;
    await until("#submit-error", '"name" must be');
    await page.fill("#name", "to-all");
    await page.locator("#submit button.main").focus();
    await page.keyboard.press("Enter");
    await page.waitForURL(/#\/job\/[0-9a-f]{64}$/);
    assert.equal(await page.evaluate(() => document.activeElement.id), "job-title");
    // The answer comes piece by piece.
    await page.waitForFunction(() => document.getElementById("answer").textContent.startsWith("Say"));
    await until("#job-state", "completed");
    await until("#answer", "one by one");
    assert.match(await text("#asked"), /<b>hello<\/b>/);
    assert.match(await text("#job-title"), /to-all/);
    await harmless();
    // What waits is cancelled.
    await page.locator("#pause").click();
    await until("#state-text", "Paused");
    await page.locator("#nav-submit").click();
    await page.fill("#prompt", "Never asked");
    await page.locator("#submit button.main").click();
    await page.waitForURL(/#\/job\/[0-9a-f]{64}$/);
    const id = (await page.url()).slice(-64);
    const both = ["/v1/events", `/v1/jobs/${id}/events`];
    await followed(...both);
    await hide(true);
    assert.deepEqual(await streams(), [], "streams of a hidden tab");
    await hide(false);
    await followed(...both);
    await page.locator("[data-order=cancel]").click();
    await until("#job-state", "cancelled");
    assert.equal(await ask("where", id), "failed");
    await page.locator("[data-order=retry]").waitFor({ state: "visible" });
    await harmless();
    await page.locator("#pause").click();
  },

  async story() {
    const id = await ask("twice");
    await open("#/jobs");
    await page.waitForFunction(() => document.getElementById("rows").children.length === 25);
    await page.locator("#page-next").click();
    await page.waitForFunction(() => document.getElementById("rows").children.length === 6);
    await page.selectOption("#in-state", "failed");
    await page.locator("#filter button").click();
    await until("#no-rows", "No job is like that");
    // By name, by the beginning of an ID.
    for (const words of ["colours", id.slice(0, 10)]) {
      await page.locator("#nav-jobs").click();
      await page.fill("#q", words);
      await page.locator("#filter button").click();
      await page.waitForURL(new RegExp(`#/job/${id}$`));
    }
    await until("#job-state", "completed");
    assert.equal(await text("#answer"), "Red\nyellow\nblue");
    assert(await page.locator("#versions").isHidden());
    await page.locator("[data-order=rerun]").click();
    await ask("again");
    await page.waitForFunction(() => document.getElementById("answer").textContent === "Red\ngreen\nblue");
    await page.selectOption("#against", "1");
    await until("#answer del", "yellow");
    await until("#answer ins", "green");
    assert.equal(await page.locator("#answer .same").count(), 2);
    await page.selectOption("#version", "1");
    await page.selectOption("#against", "");
    assert.equal(await text("#answer"), "Red\nyellow\nblue");
    assert.match(await text("#attempts"), /ok/);
    assert.match(await text("#facts"), /Submitted/);
    // An answer that comes when its view was left is not shown, and gets no orders.
    const other = await ask("other");
    const go = (hash) => page.evaluate((to) => { location.hash = to; }, hash);
    const job = await hold(`/v1/jobs/${id}`);
    await go("#/jobs");
    await go(`#/job/${id}`);
    await job.begun;
    await go(`#/job/${other}`);
    await until("#job-state", "completed");
    const right = await text("#answer");
    await job.free();
    assert.equal(await text("#facts .id"), other);
    assert.equal(await text("#answer"), right);
    const [order] = await Promise.all([page.waitForRequest((request) => request.method() === "POST"),
      page.locator("[data-order=rerun]").click()]);
    assert.equal(order.url(), `${url}/v1/jobs/${other}/rerun`);
    await go(`#/job/${id}`);
    await until("#answer", "green");
    const version = await hold(`/v1/jobs/${id}/versions/1`);
    await page.selectOption("#against", "1");
    await version.begun;
    await go(`#/job/${other}`);
    await until("#facts", other);
    await until("#job-state", "completed");
    await version.free();
    assert.equal(await page.locator("#answer del").count(), 0);
    assert.equal(await text("#facts .id"), other);
  },

  async login() {
    forgiven = /401/;
    await page.goto(`${url}/`);
    await until("#login-title", "Log in");
    await inspect("login");
    await page.fill("#token", "llmspool_wrong");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.getElementById("login-error").textContent !== "");
    await page.fill("#token", await ask("secret"));
    await page.keyboard.press("Enter");
    await until("#states", "done");
    await until("#state-live", "live");
    assert.deepEqual(await page.evaluate(() => [document.cookie, JSON.stringify(localStorage).includes("llmspool_")]), ["", false]);
    await page.reload();
    await until("#states", "done");
    await page.locator("#leave").click();
    await until("#login-title", "Log in");
  },

  async away() {
    forgiven = /ERR_|Failed to load resource/;
    await open();
    await until("#state-text", "nothing waits");
    await ask("stop");
    await until("#state-text", "does not answer");
    assert.equal(await page.locator("#state").getAttribute("data-kind"), "bad");
    assert(await page.locator("#states").isVisible(), "what was seen last stays");
    await ask("start");
    await until("#state-text", "nothing waits");
    await ask("stop_daemon");
    await until("#state-text", "No daemon runs");
    await inspect("no daemon");
    await ask("start_daemon");
    await until("#state-text", "nothing waits");
  },

  async looks() {
    const id = await ask("twice");
    const views = { overview: "#/", jobs: "#/jobs", job: `#/job/${id}`, submit: "#/submit" };
    for (const scheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: "reduce" });
      for (const width of [1440, 360]) {
        await page.setViewportSize({ width, height: width === 360 ? 740 : 900 });
        for (const [view, hash] of Object.entries(views)) {
          await page.goto("about:blank");
          await open(hash);
          await page.locator(`#view-${view}`).waitFor({ state: "visible" });
          if (view === "job") {
            await until("#job-state", "completed");
            await page.selectOption("#against", "1");
            await until("#answer del", "yellow");
          } else if (view === "jobs") await page.waitForFunction(() => document.getElementById("rows").children.length > 20);
          await page.waitForTimeout(300);
          const where = `${view}, ${scheme}, ${width}`;
          if (view !== "job") await still(where);
          await fits(where);
          // Colours are the same at both widths.
          if (width === 1440 || scheme === "light") await inspect(where);
          await page.screenshot({ path: `${process.env.PAGE_SCREENS}/${view}-${scheme}-${width}.png`, fullPage: true });
        }
      }
    }
  },
};

let code = 0;
try {
  await scenarios[name]();
  const breaches = await page.evaluate(() => window.breaches);
  assert.deepEqual(breaches, [], "breaches of the policy");
  assert.deepEqual(complaints.filter((words) => !forgiven || !forgiven.test(words)), [], "complaints in the console");
} catch (error) {
  code = 1;
  console.log(error.stack || String(error));
  console.log(`the page says: ${await page.locator("body").innerText().catch(() => "nothing")}`);
  console.log(`complaints: ${JSON.stringify(complaints)}`);
  await page.screenshot({ path: `${process.env.PAGE_SCREENS}/failed-${name}.png`, fullPage: true }).catch(() => {});
}
await context.close();
process.exit(code);
