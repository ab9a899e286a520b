// Draws what /api/status/ says, and asks it again every second.
"use strict";

const EVERY_MS = 1000, PATIENCE_MS = 4000, SIGNED_OUT_MS = 5000;
const PLOT = { left: 57, right: 316, top: 8, bottom: 104, strip: 121, stripHeight: 13, seconds: 60, leastMs: 1 };

const page = document.getElementById("status");
const byId = (id) => document.getElementById(id);
const texts = JSON.parse(byId("texts").textContent), language = document.documentElement.lang;
const WORDS = { "closed": say("healthy"), "open": say("out of order"), "half-open": say("trying") };
const SHARED = {
  "redis": say("Throttles and cached answers are shared through Redis."),
  "memory": say("Throttles and cached answers are in this process's memory."),
  "memory (Redis fails)":
    say("Redis does not answer: throttles and cached answers are in each process's own memory for now."),
};
const copyOf = (id) => byId(id).content.firstElementChild.cloneNode(true);
const cards = new Map(); // by process and service
let answeredAt = Date.now(), clockAhead = 0; // milliseconds; the server's clock against this one

// --- what is shown -----------------------------------------------------------------------------------------------
function show(report) {
  page.classList.toggle("several", report.processes.length > 1);
  showProcesses(report.processes);
  showSummary(report.processes);
  byId("transitions").replaceChildren(...report.transitions.map(rowOf));
  page.querySelector("table").hidden = !report.transitions.length;
  byId("unchanged").hidden = report.transitions.length > 0;
  setText(byId("shared"), SHARED[report.shared]);
}

function showProcesses(processes) {
  const top = topOf(processes), names = new Set(processes.map(({ process }) => process));
  for (const section of [...byId("processes").children]) if (!names.has(section.dataset.process)) section.remove();
  for (const { process, upstreams } of processes) {
    const section = sectionOf(process);
    section.querySelector("h2").hidden = processes.length < 2;
    for (const upstream of upstreams) showUpstream(cardOf(section, process, upstream.name), upstream, top);
  }
}

function sectionOf(process) {
  const found = [...byId("processes").children].find((section) => section.dataset.process === process);
  if (found) return found;
  const section = copyOf("process");
  section.dataset.process = process;
  section.querySelector("h2").textContent = say("Gateway process {process}", { process });
  const after = [...byId("processes").children].find((other) => other.dataset.process > process);
  byId("processes").insertBefore(section, after ?? null);
  return section;
}

function cardOf(section, process, name) {
  const key = `${process} ${name}`;
  if (!cards.get(key)?.isConnected) {
    const card = copyOf("upstream");
    card.querySelector("h3").textContent = name;
    card.setAttribute("aria-label", name);
    section.querySelector(".upstreams").append(card);
    cards.set(key, card);
  }
  return cards.get(key);
}

function showUpstream(card, upstream, top) {
  const put = (what, text) => setText(card.querySelector(`[data-of=${what}]`), text);
  for (const state of Object.keys(WORDS)) card.classList.toggle(state, state === upstream.circuit);
  setText(card.querySelector(".state"), stateText(upstream));
  put("p50", milliseconds(upstream.p50_ms));
  put("p99", milliseconds(upstream.p99_ms));
  put("rate", upstream.calls ? percent(upstream.failure_rate) : "–");
  put("calls", upstream.calls ? say("of {count}", { count: upstream.calls.toLocaleString(language) }) : "");
  card.querySelector("[data-of=rate]").classList.toggle("bad", upstream.failures > 0);
  put("load", loadText(upstream));
  put("rejected", upstream.rejected.toLocaleString(language));
  put("retries", upstream.retries.toLocaleString(language));
  showLoad(card.querySelector(".bar"), upstream);
  plot(card.querySelector("svg"), upstream, top);
}

function stateText({ circuit, retry_after_s }) {
  if (circuit !== "open") return WORDS[circuit];
  if (retry_after_s <= 0.1) return say("out of order, next call tries");
  return say("out of order, next try in {seconds} s", { seconds: Math.ceil(retry_after_s) });
}

function loadText({ in_flight, max_in_flight }) {
  return say("{count} of {most}", { count: in_flight, most: max_in_flight });
}

function showLoad(bar, { in_flight, max_in_flight }) {
  bar.setAttribute("aria-valuenow", in_flight);
  bar.setAttribute("aria-valuemax", max_in_flight);
  bar.setAttribute("aria-valuetext", loadText({ in_flight, max_in_flight }));
  bar.classList.toggle("full", in_flight >= max_in_flight);
  bar.firstElementChild.style.width = `${(100 * in_flight) / max_in_flight}%`;
}

function showSummary(processes) {
  const states = new Map();
  for (const { upstreams } of processes)
    for (const { name, circuit } of upstreams) states.set(name, [...(states.get(name) ?? []), circuit]);
  const troubles = [...states].filter(([, circuits]) => circuits.some((circuit) => circuit !== "closed"));
  const worst = troubles.some(([, circuits]) => circuits.includes("open")) ? "open" : troubles.length ? "half-open" : "closed";
  const text = troubles.map(troubleText).join(", ");
  byId("summary").className = worst;
  setText(byId("summary"), text || say("All are healthy"));
  document.title = `${text || say("Status")} – Plaza`;
}

function troubleText([name, circuits]) {
  const state = circuits.includes("open") ? "open" : "half-open";
  const count = circuits.filter((circuit) => circuit === state).length;
  const values = { name, state: WORDS[state], count, most: circuits.length };
  return circuits.length > 1 ? say("{name}: {state} in {count} of {most} processes", values) : say("{name}: {state}", values);
}

function rowOf(transition) {
  const row = copyOf("transition"), at = new Date(transition.at);
  const time = row.querySelector("time");
  time.dateTime = time.title = transition.at;
  time.textContent = timeText(at);
  row.querySelector(".age").textContent = ageText(Date.now() + clockAhead - at);
  row.querySelector(".service").textContent = transition.upstream;
  row.querySelector(".change").textContent = WORDS[transition.new];
  row.querySelector(".change").classList.add(transition.new);
  row.querySelector(".why").textContent = whyText(transition);
  row.querySelector("td.whose").textContent = transition.process;
  return row;
}

function whyText({ old, new: now, failed, total }) {
  if (now === "closed") return say("the try was answered");
  if (now === "half-open") return say("after a pause");
  return old === "half-open" ? say("the try failed") : say("{failed} of {total} calls failed or were slow", { failed, total });
}

// --- the plot ----------------------------------------------------------------------------------------------------
// One scale for all plots, so that they can be compared.
function topOf(processes) {
  const points = processes.flatMap(({ upstreams }) => upstreams.flatMap((upstream) => upstream.points));
  return roundUp(Math.max(100, ...points.map((point) => point.max_ms)));
}

function plot(svg, { points, p50_ms, failures }, top) {
  const x = (ago) => PLOT.right - ((PLOT.right - PLOT.left) * ago) / PLOT.seconds;
  const y = (ms) => PLOT.bottom - (PLOT.bottom - PLOT.top) * (Math.log(Math.max(ms, PLOT.leastMs)) / Math.log(top));
  const runs = runsOf(points);
  drawGrid(svg.querySelector(".grid"), top, y);
  svg.querySelector(".slowest").setAttribute("d", runs.map((run) => stepsOf(run, x, y)).join(""));
  svg.querySelector(".p50").setAttribute("d", runs.map((run) => lineOf(run, x, y)).join(""));
  svg.querySelector(".failed").setAttribute("d", points.map((point) => markOf(point, x)).join(""));
  svg.querySelector(".none").style.display = points.length ? "none" : "";
  const slowest = Math.max(0, ...points.map((point) => point.max_ms));
  const values = { p50: milliseconds(p50_ms), slowest: milliseconds(slowest), failures };
  const said = points.length ? say("p50 {p50}, slowest {slowest}, {failures} failed", values) : say("no calls");
  svg.setAttribute("aria-label", say("Latency of the last minute: {said}", { said }));
}

// The scale is logarithmic, so that usual calls and those that timed out can both be seen.
function drawGrid(grid, top, y) {
  if (grid.dataset.top === String(top)) return;
  grid.dataset.top = top;
  const decades = [1, 10, 100, 1000, 10000].filter((ms) => ms <= top);
  const parts = decades.flatMap((ms) => [
    svgElement("line", { x1: PLOT.left, x2: PLOT.right, y1: y(ms), y2: y(ms) }),
    svgElement("text", { x: PLOT.left - 6, y: y(ms) + 4, "text-anchor": "end" }, ms === decades.at(-1) ? `${ms} ms` : ms),
  ]);
  grid.replaceChildren(...parts);
}

// Runs of consecutive seconds. Between two runs there were no calls.
function runsOf(points) {
  const runs = [];
  for (const point of points) {
    const run = runs.at(-1);
    if (run && run.at(-1).ago_s === point.ago_s + 1) run.push(point);
    else runs.push([point]);
  }
  return runs;
}

function stepsOf(run, x, y) {
  const steps = run.map((point) => `V${y(point.max_ms)}H${x(point.ago_s)}`);
  return `M${x(run[0].ago_s + 1)} ${PLOT.bottom}${steps.join("")}V${PLOT.bottom}Z`;
}

function lineOf(run, x, y) {
  if (run.length === 1) return `M${x(run[0].ago_s + 0.8)} ${y(run[0].p50_ms)}H${x(run[0].ago_s + 0.2)}`;
  return run.map((point, index) => `${index ? "L" : "M"}${x(point.ago_s + 0.5)} ${y(point.p50_ms)}`).join("");
}

// The height is the share of the second's calls that failed.
function markOf({ ago_s, count, failed }, x) {
  return failed ? `M${x(ago_s + 0.5)} ${PLOT.strip}v${-PLOT.stripHeight * Math.max(0.3, failed / count)}` : "";
}

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((step) => step * power >= value) * power;
}

function svgElement(name, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.textContent = text;
  return element;
}

// --- words -------------------------------------------------------------------------------------------------------
// Only what changed is written, so that screen readers announce nothing else.
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// In the language of the page. `{name}` stands for a value.
function say(text, values = {}) {
  return texts[text].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function milliseconds(value) {
  if (value === null) return "–";
  return `${value < 10 ? decimal(value) : Math.round(value).toLocaleString(language)} ms`;
}

function percent(share) {
  const value = 100 * share;
  return `${value > 0 && value < 10 ? decimal(value) : Math.round(value)} %`;
}

function decimal(value) {
  return value.toLocaleString(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

function timeText(date) {
  const time = date.toLocaleTimeString("en-GB");
  return date.toDateString() === new Date().toDateString() ? time : `${date.toLocaleDateString("en-CA")} ${time}`;
}

function ageText(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return say("{number} s ago", { number: s });
  if (s < 3600) return say("{number} min ago", { number: Math.floor(s / 60) });
  if (s < 86400) return say("{number} h ago", { number: Math.floor(s / 3600) });
  return say("{number} d ago", { number: Math.floor(s / 86400) });
}

// --- asking ------------------------------------------------------------------------------------------------------
async function ask() {
  const response = await fetch(page.dataset.url, {
    headers: { Accept: "application/json" },
    cache: "no-store",
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  if (response.status === 401 || response.status === 403) return signedOut(response.status);
  if (response.status === 429) {
    alarm(say("Too many requests are made in your name. {as_of}", { as_of: asOf() }));
    return 1000 * Number(response.headers.get("Retry-After") ?? 5);
  }
  if (!response.ok) throw new Error(`status ${response.status}`);
  const report = await response.json();
  clockAhead = Date.parse(response.headers.get("Date")) - Date.now() || 0;
  answeredAt = Date.now();
  show(report);
  calm();
  return EVERY_MS;
}

async function keepAsking() {
  const startedAt = Date.now();
  let pauseMs = EVERY_MS;
  try {
    if (!document.hidden) pauseMs = await ask();
  } catch {
    alarm(say("The gateway does not answer. {as_of}", { as_of: asOf() }));
  }
  setTimeout(keepAsking, Math.max(200, pauseMs - (Date.now() - startedAt)));
}

function signedOut(status) {
  const link = document.createElement("a");
  link.href = page.dataset.login;
  link.textContent = say("Sign in again");
  if (status === 403) alarm(say("Only staff may see this page."), " ", link);
  else alarm(say("Your sign-in has ended, or cannot be renewed now."), " ", link);
  return SIGNED_OUT_MS;
}

function asOf() {
  return say("This is how it was at {time}.", { time: timeText(new Date(answeredAt)) });
}

function alarm(text, ...more) {
  page.classList.add("silent");
  if (byId("alarm").dataset.text === text) return;
  byId("alarm").dataset.text = text;
  byId("alarm").replaceChildren(text, ...more);
  byId("alarm").hidden = false;
}

function calm() {
  page.classList.remove("silent");
  byId("alarm").dataset.text = "";
  byId("alarm").hidden = true;
}

function beat() {
  const isSilent = page.classList.contains("silent");
  byId("pulse").className = isSilent ? "" : "live";
  setText(byId("pulse"), isSilent ? say("no news for {seconds} s", { seconds: Math.round((Date.now() - answeredAt) / 1000) }) : say("live"));
}

show(JSON.parse(byId("report").textContent));
beat();
setInterval(beat, EVERY_MS);
setTimeout(keepAsking, EVERY_MS);
document.addEventListener("visibilitychange", () => document.hidden || ask().catch(() => {}));
