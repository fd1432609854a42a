// SPDX-License-Identifier: GPL-2.0-or-later
// The page of llmspool-httpd: shows what /v1/ answers, as text and never as markup.
"use strict";

const $ = (id) => document.getElementById(id);
const all = (selector) => document.querySelectorAll(selector);
const on = (what, event, heard) => (what.addEventListener ? what : $(what)).addEventListener(event, heard);
const POLL_MS = 2000; // without events
const LIVE_MS = 15000; // with them: ages and countdowns move on
const SOON_MS = 700; // events come in bursts
const SETTLED_MS = 2500; // after the last of them; what /v1/status tells may be older than an event
const PAGE = 25;
const FINAL = ["completed", "failed", "cancelled", "expired", "refused"];
const SIGNS = { good: "✓", warn: "!", bad: "✕", wait: "·" };
const KINDS = { completed: "good", running: "good", held: "warn", delayed: "warn", cancelled: "warn",
  failed: "bad", expired: "bad", refused: "bad", open: "good", probing: "warn", closed: "warn", ok: "good",
  throttled: "warn", transient: "bad" };
const EVENTS = ("accepted started retry completed failed cancelled expired refused held " +
  "released rerun retried gate_closed gate_opened budget paused resumed draining drain_ended " +
  "daemon_started daemon_stopping daemon_stopped").split(" ");

let session = { user: null, scopes: [] };
let status = null; // of /v1/status
let seen = 0; // when it came
let away = false;
let view = ""; // of the views, the one that is shown
let turn = 0; // counts the views that were left
let job = null; // that the job view shows
let answers = {}; // its outputs by version
const ended = () => FINAL.includes(job.state);

// --- elements ---

function h(tag, attributes, ...children) {
  const svg = ["svg", "rect", "path", "line"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {}))
    if (value != null) element.setAttribute(name, value);
  element.append(...children.flat(9).filter((child) => child != null));
  return element;
}

const tag = (word, kind = KINDS[word] || "wait") =>
  h("span", { class: "tag", "data-kind": kind, "data-sign": SIGNS[kind] }, word);

const dim = (...children) => h("p", { class: "dim" }, children);

// An item of a list: what it is, how it is, and more of it.
const item = (what, how, ...more) => h("div", { class: "item" },
  h("div", { class: "head" }, h("span", {}, what), h("span", {}, how)), more);

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Has a box hold one element an item; those whose item is the same stay, and so does the focus.
function fill(box, items, build, nothing) {
  const old = new Map([...box.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item, i) => {
    const key = `${i} ${JSON.stringify(item)}`;
    if (old.has(key)) return old.get(key);
    const made = build(item);
    made.dataset.key = key;
    return made;
  });
  if (!items.length && nothing) {
    const key = `none ${nothing}`;
    wanted.push(old.get(key) || h("p", { class: "none", "data-key": key }, nothing));
  }
  const within = box.contains(document.activeElement) && document.activeElement;
  const links = () => [...box.querySelectorAll("a,button")];
  const at = within ? links().indexOf(within) : -1;
  if (wanted.length !== box.children.length || wanted.some((child, i) => child !== box.children[i]))
    box.replaceChildren(...wanted);
  if (at >= 0 && !document.activeElement.closest("main") && links()[at]) links()[at].focus();
}

// --- words ---

const number = (value) => (value == null ? "–" : Number(value).toLocaleString("en"));
const money = (value) => number(value === undefined ? null : Math.round(value * 1e4) / 1e4);
const short = (id) => (id || "").slice(0, 12);
const jobs = (count) => `${number(count)} ${count === 1 ? "job" : "jobs"}`;
const sum = (list) => (list || []).reduce((before, value) => before + (value || 0), 0);
const waits = (of) => sum([of.states.waiting, of.states.delayed, of.states.held, of.states.dropped]);

function span(ms) {
  if (ms == null || Number.isNaN(ms)) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60e3) return `${ms < 10e3 ? (ms / 1e3).toFixed(1) : Math.round(ms / 1e3)} s`;
  const minutes = Math.floor(ms / 60e3);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60e3) / 1e3)} s`;
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

function bytes(count) {
  if (count == null) return "–";
  let i = 0;
  while (count >= 1000 && i < 4) { count /= 1000; i++; }
  return `${count.toFixed(count < 10 ? 1 : 0)} ${["B", "kB", "MB", "GB", "TB"][i]}`;
}

function moment(text) {
  const date = new Date(text || NaN);
  if (Number.isNaN(+date)) return "–";
  const today = date.toDateString() === new Date().toDateString();
  return date.toLocaleString("en-GB", { dateStyle: today ? undefined : "medium", timeStyle: "medium" });
}

const when = (text) => (text ? h("time", { datetime: text, title: text }, moment(text)) : "–");

function countdown(until) {
  return tick(h("span", { "data-until": until }));
}

function tick(element) {
  const left = new Date(element.dataset.until) - Date.now();
  put(element, left > 0 ? `in ${span(left < 60e3 ? Math.ceil(left / 1000) * 1000 : left).replace(".0", "")}` : "now");
  return element;
}

// Said to whoever cannot see: what changed in kind, and not each count.
function say(text) {
  put($("say"), text);
}

// --- the server ---

async function ask(method, path, body, headers) {
  let reply, text;
  try {
    reply = await fetch(path, { method, body, cache: "no-store", signal: AbortSignal.timeout(40e3),
      headers: { ...(body ? { "Content-Type": "application/json" } : {}), ...headers } });
    text = await reply.text();
  } catch {
    throw new Error("llmspool-httpd does not answer.");
  }
  let value = {};
  try { value = JSON.parse(text); } catch { /* an answer without a body */ }
  if (reply.ok) return value;
  const error = new Error(value.detail || `${reply.status} ${reply.statusText}`);
  error.status = reply.status;
  if (reply.status === 401) login();
  throw error;
}

// For the view that is shown: once it is left, whoever waits for the answer is not woken.
async function here(...asked) {
  const mine = turn;
  try {
    return await ask(...asked);
  } finally {
    if (mine !== turn) await new Promise(() => {});
  }
}

const may = (scope) => session.scopes.includes(scope) || session.scopes.includes("admin");

async function meet() {
  try {
    session = await ask("GET", "/v1/session");
  } catch (error) {
    if (error.status === 401) return false;
    if (!error.status) throw error;
  }
  $("leave").hidden = !session.session;
  $("pause").hidden = !may("admin");
  $("nav-submit").hidden = !may("submit");
  return true;
}

function login() {
  turn++;
  mute();
  job = status = null;
  $("pause").hidden = $("leave").hidden = true;
  tell("warn", "Log in to see this spool.");
  show("login");
}

// --- live ---

let stream = null;
let live = false;
let due = 0; // timers
let settled = 0;
let refreshed = 0;

function listen() {
  if (stream || view === "login" || document.hidden) return;
  stream = new EventSource("/v1/events");
  stream.onopen = () => { live = true; tellLive(); };
  stream.onerror = () => {
    live = false;
    if (stream?.readyState === EventSource.CLOSED) stream = null; // tried again later
    tellLive();
    soon();
  };
  for (const kind of EVENTS) on(stream, kind, soon);
}

// Open streams are few for all tabs of a browser: one that is not seen has none.
function mute() {
  stream?.close();
  stream = null;
  live = false;
  unfollow();
}

// A little later, once for all that happens until then, and when all has settled.
function soon() {
  clearTimeout(settled);
  settled = setTimeout(refresh, SETTLED_MS);
  if (!due) due = setTimeout(refresh, Math.max(SOON_MS - (Date.now() - refreshed), 50));
}

let asking = false;
let missed = false; // what came to pass while asking

async function refresh() {
  clearTimeout(due);
  due = 0;
  if (view === "login" || document.hidden) return;
  missed = asking;
  if (asking) return;
  asking = true;
  refreshed = Date.now();
  try {
    status = await ask("GET", "/v1/status");
    seen = Date.now();
    away = false;
    showStatus();
    if (view === "jobs") await loadJobs();
  } catch (error) {
    if (error.status !== 401) {
      away = true;
      tell("bad", error.message + (seen ? ` What you see is of ${moment(seen)}.` : ""));
    }
  }
  asking = false;
  tellLive();
  if (missed) refresh();
}

function tellLive() {
  put($("state-live"), away ? "no connection" : live ? "● live" : `every ${POLL_MS / 1000} s`);
}

setInterval(() => {
  all("[data-until]").forEach(tick);
  if (!asking && Date.now() - refreshed >= (live && !away ? LIVE_MS : POLL_MS)) refresh();
}, 1000);
setInterval(listen, 10e3);

// --- the line that tells how all is ---

function tell(kind, text) {
  if ($("state").dataset.kind !== kind && status) say(text);
  $("state").dataset.kind = kind;
  put($("state-text"), text);
}

function standing(s) {
  const waiting = waits(s);
  const loud = s.gates?.find((gate) => gate.loud);
  const reason = s.reasons?.find((each) => !["paused", "held"].includes(each.reason));
  if (!s.daemon_up) return ["bad", `No daemon runs: ${waiting ? jobs(waiting) : "whatever is asked"} will wait until llmspoold is started.`];
  if (s.trouble) return ["bad", `Nothing is sent: ${s.trouble}.`];
  if (loud) return ["bad", `Somebody must act: gate ${loud.gate} is ${loud.state} (${loud.reason || "no reason told"}).`];
  if (s.paused) return ["warn", "Paused: nothing is sent until it is resumed."];
  if (s.draining) return ["warn", "Draining: what runs is finished, nothing new is sent."];
  if (reason) return ["warn", `${jobs(reason.jobs)} waiting: ${reason.reason}.`];
  if (s.states.running || waiting) return ["good", `Running: ${number(s.states.running)} under way, ${number(waiting)} waiting.`];
  return ["good", "Running: nothing waits."];
}

// --- the overview ---

function showStatus() {
  const s = status;
  tell(...standing(s));
  put($("pause"), s.paused ? "Resume" : "Pause");
  $("pause").dataset.to = s.paused ? "resume" : "pause";
  all(".path").forEach((element) => put(element, s.spool || "DIR"));
  fill($("models"), [...new Set(s.models?.map((model) => model.model))], (model) => h("option", { value: model }));
  if (view !== "overview") return;
  showFigures(s);
  showStates(s);
  showAges(s);
  showTrend(s.trend);
  fill($("gates"), s.gates || [], gate, s.daemon_up ? "No model has been asked yet." : "Gates are known while the daemon runs.");
  fill($("failures"), (s.failures || []).slice(0, 6), failure, "None in failed/.");
  showMoney(s.money);
  showKeeping(s);
}

function showFigures(s) {
  const list = [
    [number(s.rates?.per_minute || 0), "ended in the last minute"],
    [span(s.latency_ms?.p50), "median request of late"],
    [number(waits(s)), "waiting in all"],
    [money(s.money?.today?.cost || 0), `${s.money?.currency || "spent"} today`],
  ];
  fill($("figures"), list, ([value, words]) => h("li", {}, h("b", {}, value), h("span", { class: "dim small" }, words)));
}

// Rows stay, so that bars move and links keep the focus.
function bars(box, rows) {
  const most = Math.max(1, ...rows.map((row) => row.count || 0));
  if (box.children.length !== rows.length)
    box.replaceChildren(...rows.map(() => h("li", {}, h("span"), h("span", { "aria-hidden": "true" }, h("i")), h("b"))));
  rows.forEach((row, i) => {
    const [label, track, count] = box.children[i].children;
    const inner = row.state ? label.firstElementChild || label.appendChild(h("a")) : label;
    if (row.state) inner.setAttribute("href", `#/jobs?state=${row.state}`);
    put(inner, row.label);
    box.children[i].className = row.count ? "" : "zero";
    box.children[i].dataset.kind = row.kind || "";
    track.firstElementChild.style.width = `${row.count ? Math.max(1, (100 * row.count) / most) : 0}%`;
    put(count, row.count === null ? "–" : number(row.count) + (row.more && row.count ? "+" : ""));
  });
}

function showStates(s) {
  const of = s.states;
  const more = of.at_least;
  bars($("states"), [
    { label: "dropped", count: of.dropped, more },
    ...["waiting", "delayed", "held", "running"].map((state) => ({ label: state, state, count: of[state] })),
    { label: "done", state: "completed", count: of.done, more },
    { label: "failed", state: "failed,cancelled,expired", count: of.failed, more, kind: "bad" },
    { label: "refused", count: of.refused, more, kind: "bad" },
  ]);
}

function showAges(s) {
  const limits = s.ages.minutes;
  const words = (minutes) => (minutes < 60 ? `${minutes} min` : minutes < 1440 ? `${Math.round(minutes / 6) / 10} h` : `${Math.round(minutes / 144) / 10} d`);
  const more = s.ages.at_least;
  // The oldest three in one, so that both cards are as high.
  bars($("ages"), [...limits.slice(0, 7).map((limit, i) => ({ label: `under ${words(limit)}`, count: s.ages.jobs[i], more })),
    { label: `over ${words(limits[6])}`, count: sum(s.ages.jobs.slice(7)), more }]);
}

function graph(box, label, ...shapes) {
  const svg = h("svg", { viewBox: "0 0 60 40", preserveAspectRatio: "none", role: "img", "aria-label": label },
    h("line", { class: "axis", x1: 0, x2: 60, y1: 40, y2: 40, "vector-effect": "non-scaling-stroke" }), shapes);
  box.replaceChildren(svg);
}

function steps(values, most, name) {
  let path = "";
  values.forEach((value, i) => {
    if (value === null) return;
    const y = (40 - (38 * value) / most).toFixed(2);
    path += `${i > 0 && values[i - 1] !== null ? "L" : "M"}${i} ${y}H${i + 1}`;
  });
  return path ? [h("path", { class: name, d: path })] : [];
}

let drawn = "";

function showTrend(trend) {
  if (drawn === (drawn = JSON.stringify(trend))) return;
  const most = Math.max(1, ...trend.completed.map((count, i) => (count || 0) + (trend.failed[i] || 0)));
  const done = sum(trend.completed);
  const failed = sum(trend.failed);
  const words = `${number(done)} completed, ${number(failed)} not; at most ${number(most)} a minute.`;
  const bar = (name, i, top, height) => (height ? h("rect", { class: name, x: i + 0.1, width: 0.8, y: top - height, height }) : null);
  graph($("rate"), words, trend.completed.map((count, i) => {
    const height = (38 * (count || 0)) / most;
    return [bar("done", i, 40, height), bar("failed", i, 40 - height, (38 * (trend.failed[i] || 0)) / most)];
  }));
  put($("rate-text"), done + failed ? words : "No job has ended in the last hour.");
  const slowest = Math.max(1, ...trend.p95_ms.filter((value) => value !== null));
  const last = trend.p50_ms.findLastIndex((value) => value !== null);
  const slow = last < 0 ? "No request has ended in the last hour."
    : `Median ${span(trend.p50_ms[last])} (solid), 95 % within ${span(trend.p95_ms[last])} (dashed); at most ${span(slowest)}.`;
  graph($("latency"), slow, steps(trend.p95_ms, slowest, "p95"), steps(trend.p50_ms, slowest, "p50"));
  put($("latency-text"), slow);
}

function gate(of) {
  const limits = (of.limits || []).map((limit) => `${number(limit.left)} of ${number(limit.limit)} ${limit.of.replace("_", " ")} left`).join(", ");
  return item(h("strong", {}, of.gate),
    [tag(of.state, of.loud ? "bad" : undefined), of.reason ? ` ${of.reason}` : "",
      of.until ? [", tried again ", countdown(of.until)] : of.loud ? ", until somebody acts" : ""],
    dim(`${number(of.in_flight)} of ${number(of.window)} under way, ${number(of.waiting)} waiting, ` +
      `${number(of.succeeded)} good, ${number(of.failed)} bad, ${number(of.throttled)} throttled${limits ? `; ${limits}` : ""}`));
}

function failure(of) {
  return item([tag(of.status), ` ${of.reason}`], h("strong", {}, jobs(of.jobs)), of.message && h("p", {}, of.message),
    dim(of.id ? ["such as ", h("a", { href: `#/job/${of.id}`, class: "id" }, short(of.id)),
      of.finished ? [", ", when(of.finished)] : "", ". "] : "", of.advice));
}

function meter(label, used, limit, words, full) {
  const part = limit > 0 ? Math.min(1, used / limit) : 1;
  const inner = h("i");
  inner.style.width = `${100 * part}%`;
  return h("div", { class: "meter", role: "meter", "aria-label": label, "aria-valuenow": Math.round(100 * part),
    "aria-valuetext": words, "data-kind": full || part >= 1 ? "bad" : part >= 0.8 ? "warn" : "" }, inner);
}

function showMoney(of) {
  const list = [];
  if (of) {
    for (const [label, sums] of [["Today", of.today], ["This month", of.month]]) if (sums) list.push({ label, sums, currency: of.currency });
    for (const budget of of.budgets || []) list.push({ budget, currency: of.currency });
  }
  fill($("money"), list, ({ label, sums, budget, currency }) => {
    if (sums) {
      const more = [sums.in_doubt && `${money(sums.in_doubt)} in doubt`, sums.reserved && `${money(sums.reserved)} reserved`,
        sums.unpriced && `${number(sums.unpriced)} without a price`].filter(Boolean).join(", ");
      return item(label, h("strong", {}, `${money(sums.cost)} ${currency}`), dim(`${number(sums.requests)} requests${more ? `; ${more}` : ""}`));
    }
    const used = budget.used + budget.reserved;
    const words = `${money(used)} of ${money(budget.limit)} ${currency}`;
    const name = `Budget a ${budget.period}${budget.run ? ` ${budget.run}` : ""}, ${budget.scope}`;
    return item(name, h("strong", {}, words), meter(name, used, budget.limit, words, budget.used_up),
      budget.used_up ? h("p", {}, tag("used up", "bad"), budget.until ? [" begins anew ", when(budget.until)] : "") : null);
  }, "Nothing was spent yet.");
}

function facts(box, rows) {
  box.replaceChildren(...rows.filter(([, value]) => value != null && value !== "")
    .flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

function showKeeping(s) {
  const hooks = s.webhooks || {};
  facts($("keeping"), [
    ["Daemon", s.daemon_up ? `${s.version}, up ${span(Date.now() - new Date(s.started))}${s.mock ? ", answers of the mock" : ""}` : "does not run"],
    ["Its status", s.status_age_ms === null ? "none yet" : `of ${moment(s.time)}`],
    ["Disk", s.disk ? `${bytes(s.disk.free_bytes)} free` : null],
    ["Webhooks", `${number(hooks.owed)} owed, ${number(hooks.failed)} given up`],
    ["Orders", s.folders.orders ? `${number(s.folders.orders)} not obeyed yet` : null],
    ["Pruning", s.upkeep ? `not since ${moment(s.upkeep.since)}: see llmspool-prune(1)` : null],
    ["Spool", h("code", {}, s.spool)],
  ]);
}

// --- the list of jobs ---

let wanted = new URLSearchParams();
let next = null;

async function loadJobs() {
  const query = new URLSearchParams({ limit: PAGE });
  for (const name of ["state", "name", "cursor"]) if (wanted.get(name)) query.set(name, wanted.get(name));
  const key = wanted.toString();
  const page = await ask("GET", `/v1/jobs?${query}`);
  if (view !== "jobs" || key !== wanted.toString()) return;
  next = page.next;
  $("pages").hidden = false;
  fill($("rows"), page.jobs, (of) => h("tr", {},
    h("td", {}, h("a", { href: `#/job/${of.id}`, class: "id" }, short(of.id)), of.name && h("span", { class: "dim small" }, of.name),
      h("span", { class: "dim small narrower" }, when(of.submitted))),
    h("td", {}, tag(of.state), of.reason && h("span", { class: "dim small few" }, of.reason)),
    [of.model || "–", of.user || "–", when(of.submitted)].map((value) => h("td", { class: "wider" }, value))));
  $("no-rows").hidden = page.jobs.length > 0;
  put($("no-rows"), wanted.get("name") || wanted.get("state") ? "No job is like that." : next ? "None here; the next page goes on." : "No job yet.");
  $("page-next").disabled = !next;
  $("page-first").disabled = !wanted.get("cursor");
}

async function find(text) {
  if (text) {
    try {
      const found = await ask("GET", `/v1/jobs/${encodeURIComponent(text)}`);
      location.hash = `#/job/${found.id}`;
      return;
    } catch (error) {
      if (error.status === 401 || !error.status) throw error;
    }
  }
  const query = new URLSearchParams();
  if ($("in-state").value) query.set("state", $("in-state").value);
  if (text) query.set("name", text);
  location.hash = `#/jobs?${query}`;
}

// --- a job ---

let follow = null; // its stream
let text = ""; // of the answer, as it comes
let again = 0; // timer

function token(data) {
  text = new TextDecoder().decode(new TextEncoder().encode(text).slice(0, data.offset)) + data.text;
  if (job && !ended()) put($("answer"), text);
}

function unfollow() {
  follow?.close();
  follow = null;
  clearTimeout(again);
  again = 0;
}

function watch(id) {
  if (follow && !follow.url.includes(id)) unfollow();
  if (follow || document.hidden) return;
  follow = new EventSource(`/v1/jobs/${id}/events?tokens=1`);
  on(follow, "token", (event) => token(JSON.parse(event.data)));
  for (const kind of [...EVENTS, "state"]) on(follow, kind, () => later(id, 150));
  on(follow, "end", () => { unfollow(); later(id, 50); });
  follow.onerror = () => { if (follow?.readyState === EventSource.CLOSED) unfollow(); later(id, POLL_MS); };
}

function later(id, ms) {
  clearTimeout(again);
  if (!document.hidden) again = setTimeout(() => loadJob(id), ms);
}

async function loadJob(id) {
  again = 0;
  try {
    const found = await here("GET", `/v1/jobs/${encodeURIComponent(id)}`);
    const before = job.state;
    job = found;
    put($("job-error"), "");
    await showJob();
    if (before && before !== job.state) say(`The job is ${job.state}.`);
    if (ended()) unfollow();
    else {
      watch(job.id);
      if (follow?.readyState !== EventSource.OPEN) later(id, POLL_MS);
    }
  } catch (error) {
    put($("job-error"), error.message);
    if (!error.status) later(id, POLL_MS);
  }
}

const shown = (output) => (output == null ? "" : typeof output === "string" ? output : JSON.stringify(output, null, 2));

function question(of) {
  return [of.system && `System: ${of.system}`, shown(of.prompt), shown(of.input), of.template && `Template ${of.template}: ${shown(of.vars)}`,
    ...(of.messages || []).map((each) => `${each.role}: ${shown(each.content)}`)].filter(Boolean).join("\n\n");
}

async function showJob() {
  const of = job.job || {};
  put($("job-title"), job.name ? `Job ${job.name}` : `Job ${short(job.id)}`);
  $("job-state").replaceChildren(tag(job.state), job.reason ? ` ${job.reason}` : "");
  const own = may("admin") || (may("submit") && session.user === job.user);
  const orders = { cancel: !ended(), retry: ["failed", "cancelled", "expired"].includes(job.state), rerun: job.state === "completed" };
  for (const button of all("[data-order]")) button.hidden = !own || !orders[button.dataset.order];
  put($("asked"), question(of));
  await showVersions();
  showStory(of);
}

async function version(n) {
  if (job.result && job.result.version === n) answers[n] = job.result;
  if (!answers[n]) answers[n] = await here("GET", `/v1/jobs/${job.id}/versions/${n}`);
  return answers[n];
}

async function showVersions() {
  const list = job.versions || [];
  const select = $("version");
  const key = `${job.id} ${list}`;
  if (select.dataset.list !== key) {
    const options = () => list.map((n) => h("option", { value: n }, `v${n}`));
    select.dataset.list = key;
    select.replaceChildren(...options());
    $("against").replaceChildren(h("option", { value: "" }, "none"), ...options());
    if (list.length) select.value = job.result ? job.result.version : list[list.length - 1];
  }
  $("versions").hidden = list.length < 2;
  await showAnswer();
}

async function showAnswer() {
  const box = $("answer");
  const chosen = Number($("version").value);
  if (chosen && ended()) {
    const newer = await version(chosen);
    const than = Number($("against").value);
    if (than && than !== chosen) {
      const older = await version(than);
      box.replaceChildren(...diff(shown(older.output), shown(newer.output)));
    } else if (job.error && newer.output === null) put(box, job.error.message || "");
    else put(box, shown(newer.output) || newer.message || "");
  } else if (ended()) put(box, [job.error?.message, job.error?.advice].filter(Boolean).join("\n") || job.reason || "");
  else put(box, text || "Not there yet.");
}

function showStory(of) {
  const record = (ended() && (answers[$("version").value] || job.result || job.error)) || job.state_file || {};
  const times = record.times || {};
  const usage = record.usage || {};
  const model = record.model && typeof record.model === "object" ? record.model.answered : record.model;
  facts($("facts"), [
    ["ID", h("span", { class: "id" }, job.id)],
    ["Name", job.name], ["User", job.user], ["Run", of.run],
    ["Model", [model || job.model || of.model, record.provider && typeof record.provider === "string" ? ` (${record.provider})` : ""].join("")],
    ["Submitted", when(times.submitted || job.submitted)],
    ["Started", times.started && when(times.started)],
    ["First token", times.first_token && when(times.first_token)],
    ["Finished", times.finished && when(times.finished)],
    ["Next try", record.next_try ? [when(record.next_try), ", ", countdown(record.next_try)] : null],
    ["Took", record.latency_ms ? span(record.latency_ms) : null],
    ["Tokens", usage.input_tokens !== undefined ? `${number(usage.input_tokens)} in, ${number(usage.output_tokens)} out` : null],
    ["Cost", record.cost ? `${money(record.cost.amount)} ${record.cost.currency}` : null],
    ["Answered by", record.mock ? "the mock" : null],
  ]);
  const attempts = record.attempts || [];
  fill($("attempts"), attempts, (each) => h("tr", {}, [
    number(each.n), when(each.started), each.ended ? span(new Date(each.ended) - new Date(each.started)) : "–",
    [tag(each.outcome || "under way"), each.http_status ? ` HTTP ${each.http_status}` : ""],
    [each.code, each.message].filter(Boolean).join(": ") || "–"].map((value) => h("td", {}, value))));
  if (!attempts.length) $("attempts").replaceChildren(h("tr", {}, h("td", { colspan: 5, class: "dim" }, "None recorded yet.")));
}

// Which lines were taken out and put in: the longest common subsequence of what is not the same at both ends.
function diff(before, after) {
  const a = before.split("\n");
  const b = after.split("\n");
  const out = [];
  let start = 0;
  let end = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const x = a.slice(start, a.length - end);
  const y = b.slice(start, b.length - end);
  const width = y.length + 1;
  const table = x.length * y.length <= 1e6 ? new Uint16Array((x.length + 1) * width) : null;
  for (let i = x.length - 1; table && i >= 0; i--)
    for (let k = y.length - 1; k >= 0; k--)
      table[i * width + k] = x[i] === y[k] ? table[(i + 1) * width + k + 1] + 1 : Math.max(table[(i + 1) * width + k], table[i * width + k + 1]);
  const line = (name, sign, words) => out.push(h(name, name === "span" ? { class: "same" } : {}, `${sign} ${words}`));
  a.slice(0, start).forEach((words) => line("span", " ", words));
  let i = 0;
  let k = 0;
  while (i < x.length || k < y.length) {
    if (table && i < x.length && k < y.length && x[i] === y[k]) { line("span", " ", x[i++]); k++; }
    else if (i < x.length && (!table || k >= y.length || table[(i + 1) * width + k] >= table[i * width + k + 1])) line("del", "−", x[i++]);
    else line("ins", "+", y[k++]);
  }
  a.slice(a.length - end).forEach((words) => line("span", " ", words));
  return out;
}

// --- the form ---

async function submit() {
  const of = { prompt: $("prompt").value };
  for (const name of ["system", "model", "name"]) if ($(name).value.trim()) of[name] = $(name).value.trim();
  if ($("params").value.trim()) {
    try {
      of.params = JSON.parse($("params").value);
    } catch (error) {
      $("params").focus();
      throw new Error(`The parameters are no JSON: ${error.message}`);
    }
  }
  if ($("stream").checked) of.stream = true;
  const made = await ask("POST", "/v1/jobs", JSON.stringify(of));
  location.hash = `#/job/${made.id}`;
}

// --- views ---

const TITLES = { overview: "Overview", jobs: "Jobs", job: "Job", submit: "Submit", login: "Log in" };

function show(name) {
  const moved = view !== "" && view !== name;
  view = name;
  for (const each in TITLES) {
    $(`view-${each}`).hidden = each !== name;
    const link = $(`nav-${each}`);
    if (link) link.ariaCurrent = each === name ? "page" : null;
  }
  document.title = `${TITLES[name]} – llmspool`;
  if (name === "login") $("token").focus();
  else if (moved) { $(`${name}-title`).focus(); scrollTo(0, 0); }
}

async function route() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, id] = path.split("/");
  const mine = ++turn;
  unfollow();
  job = null;
  if (name === "job" && id) {
    job = { id: decodeURIComponent(id) };
    answers = {};
    text = "";
    $("version").dataset.list = "";
    for (const box of ["asked", "answer", "job-error", "facts", "attempts", "job-state"]) $(box).replaceChildren();
    all("[data-order]").forEach((button) => { button.hidden = true; });
    put($("job-title"), `Job ${short(job.id)}`);
    show("job");
    await loadJob(job.id);
  } else if (name === "jobs") {
    wanted = new URLSearchParams(query || "");
    $("q").value = wanted.get("name") || "";
    $("in-state").value = wanted.get("state") || "";
    if ($("in-state").selectedIndex < 0) $("in-state").value = "";
    show("jobs");
    try { await loadJobs(); } catch (error) { $("rows").replaceChildren(); $("no-rows").hidden = false; put($("no-rows"), error.message); }
  } else if (name === "submit" && may("submit")) {
    show("submit");
    if (status) showStatus();
  } else {
    if (!status) await refresh();
    if (mine !== turn) return;
    show("overview");
    if (!status) return;
    // Stays while the view does: what is below it does not jump.
    $("first").hidden = sum(Object.values(status.states)) + sum(Object.values(status.finished || {})) > 0;
    showStatus();
  }
}

function guard(form, error, work) {
  on(form, "submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    if (error) put(error, "");
    try { await work(); } catch (reason) { error ? put(error, reason.message) : tell("bad", reason.message); }
    button.disabled = false;
  });
}

// --- theme ---

const THEMES = ["auto", "light", "dark"];

function theme(name) {
  document.documentElement.dataset.theme = name;
  put($("theme"), `Theme: ${name}`);
}

function stored(value) {
  try {
    if (value) localStorage.setItem("llmspool-theme", value);
    return localStorage.getItem("llmspool-theme");
  } catch {
    return value; // a browser that keeps nothing
  }
}

// --- the beginning ---

theme(THEMES.includes(stored()) ? stored() : "auto");
on("theme", "click", () => {
  const name = THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % THEMES.length];
  stored(name);
  theme(name);
});
on("skip", "click", (event) => { event.preventDefault(); $("main").focus(); });
on("pause", "click", async () => {
  try { await ask("POST", `/v1/${$("pause").dataset.to || "pause"}`); await refresh(); } catch (error) { tell("bad", error.message); }
});
on("leave", "click", async () => {
  try { await ask("DELETE", "/v1/session"); } finally { location.reload(); }
});
on("page-first", "click", () => { wanted.delete("cursor"); location.hash = `#/jobs?${wanted}`; });
on("page-next", "click", () => { wanted.set("cursor", next); location.hash = `#/jobs?${wanted}`; });
for (const button of all("[data-order]")) {
  on(button, "click", async () => {
    const { id } = job;
    try {
      await here("POST", `/v1/jobs/${id}/${button.dataset.order}`);
      answers = {};
      text = "";
      say("The order was given.");
      $("job-title").focus();
      await loadJob(id);
      later(id, POLL_MS);
    } catch (error) {
      put($("job-error"), error.message);
    }
  });
}
for (const select of ["version", "against"]) on(select, "change", async () => { await showAnswer(); showStory(job.job || {}); });
guard($("filter"), null, () => find($("q").value.trim()));
guard($("submit"), $("submit-error"), submit);
guard($("login"), $("login-error"), async () => {
  session = await ask("POST", "/v1/session", null, { Authorization: `Bearer ${$("token").value.trim()}` });
  $("token").value = view = "";
  await begin();
});
on(window, "hashchange", () => { if (view !== "login") route(); });
on(document, "visibilitychange", () => {
  if (document.hidden) return mute();
  listen();
  refresh();
  if (job) loadJob(job.id);
});

async function begin() {
  try {
    if (!(await meet())) return;
  } catch (error) {
    away = true;
    tell("bad", error.message);
    setTimeout(begin, POLL_MS);
    return;
  }
  listen();
  route();
  if (!asking) refresh();
}

begin();
