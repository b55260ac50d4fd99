"use strict";

const FACTS = JSON.parse(document.getElementById("facts").textContent);
const MASKED = 50; // percent, from which on a pixel is masked
const NO_PERCENT = 255;
const NO_STEP = -32768;
const NO_NUMBER = 65535;
// Cividis: even to the eye, also where it does not see colours.
const CLOUD_STOPS = ["#00224e", "#35456c", "#666970", "#948e77", "#c8b866", "#fee838"];
const MAP_STOPS = {
  gap: ["#f6efe2", "#e3a582", "#b8525c", "#6b1240"],
  count: ["#f3efd8", "#9cc9a8", "#2f8f93", "#0b3f5c"],
  always: ["#cfcfc8", "#cc0a7a"],
};
const BAND_COLOURS = ["#2f7fd6", "#c8501e", "#8a63c7"];
const WIDE = 620; // pixels of a chart from which on its key takes one line
const LAYERS = ["below", "cover", "lines"]; // of a picture: an image, the mask, its outline
const SMOOTH_FROM = 600; // pixels along a picture from which on they need not look square

const state = { date: 0, place: null, year: null, view: "beside", base: null, veil: "probability" };
const frames = { stage: [], maps: [] };
let series = null; // of all pixels, once it has been asked for
let drawing = 0; // number of the latest drawing: older ones that end later are dropped

// ---- small things

const $ = (id) => document.getElementById(id);

function make(tag, props = {}, ...children) {
  const node = Object.assign(document.createElement(tag), props);
  node.append(...children);
  return node;
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));
const percent = (share) => (share === null ? "no observation" : `${Math.round(100 * share)} % masked`);

function rgb(hex) {
  return [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));
}

/** Colour of a share in 0 to 1 between evenly spaced stops. */
function between(stops, share) {
  const place = clamp(share, 0, 1) * (stops.length - 1);
  const first = Math.min(Math.floor(place), stops.length - 2);
  const [low, high] = [rgb(stops[first]), rgb(stops[first + 1])];
  return low.map((value, channel) => Math.round(value + (high[channel] - value) * (place - first)));
}

const css = ([red, green, blue]) => `rgb(${red} ${green} ${blue})`;
const ink = ([red, green, blue]) => (0.3 * red + 0.59 * green + 0.11 * blue > 130 ? "#111" : "#fff");

// ---- from text to numbers and pictures

function bytesOf(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

async function numbersOf(text, Kind) {
  const stream = new Blob([bytesOf(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Kind(await new Response(stream).arrayBuffer());
}

function pictureOf(look, date) {
  return createImageBitmap(new Blob([bytesOf(look.dates[date])], { type: look.type }));
}

async function loadSeries() {
  if (series) return series;
  const { rows, columns, probability, bands, step } = FACTS.series;
  const read = async ({ name, seen, clear }) => ({
    name,
    seen: await numbersOf(seen, Int16Array),
    clear: await numbersOf(clear, Int16Array),
  });
  series = {
    rows, columns, step,
    probability: await numbersOf(probability, Uint8Array),
    bands: await Promise.all(bands.map(read)),
  };
  return series;
}

/** The year of the chosen pixel: a row per date, null for what is not known. */
async function seriesOf({ row, column }) {
  const all = await loadSeries();
  const count = FACTS.names.length;
  const start = (row * all.columns.length + column) * count;
  const value = (numbers, date) => {
    const found = numbers[start + date];
    return found === NO_STEP ? null : found * all.step;
  };
  return FACTS.names.map((name, date) => {
    const share = all.probability[start + date];
    return {
      name, date, day: FACTS.days[date],
      probability: share === NO_PERCENT ? null : share,
      bands: all.bands.map((band) => ({
        name: band.name, seen: value(band.seen, date), clear: value(band.clear, date),
      })),
    };
  });
}

// ---- pictures

function addFrame(parent, label, { width, height }, layers) {
  const canvases = layers.map((className) => make("canvas", { className, width, height }));
  const mark = make("i", { className: "mark", hidden: true });
  const edge = make("i", { className: "edge", hidden: true });
  const glass = make("div", { className: "glass", tabIndex: 0 }, ...canvases, mark, edge);
  glass.setAttribute("role", "application");
  glass.setAttribute("aria-label", `${label}: arrow keys move the pixel`);
  glass.classList.toggle("coarse", width < SMOOTH_FROM);
  const told = make("span");
  const caption = make("figcaption", {}, make("b", { textContent: label }), told);
  parent.append(make("figure", {}, caption, glass));
  glass.addEventListener("click", (event) => choosePointed(glass, event));
  glass.addEventListener("keydown", movePlace);
  return { glass, canvases, mark, edge, told };
}

/** Paint numbers on a canvas; `colour` gives red, green and blue, or null for see-through. */
function paint(canvas, numbers, colour) {
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  for (let place = 0; place < numbers.length; place += 1) {
    const found = colour(numbers[place]);
    if (found) image.data.set([...found, 255], 4 * place);
  }
  context.putImageData(image, 0, 0);
}

function paintVeil(canvas, numbers, kind) {
  if (kind === "classes") {
    const colours = Object.fromEntries(Object.entries(FACTS.classColours).map(([n, c]) => [n, rgb(c)]));
    paint(canvas, numbers, (number) => colours[number]);
  } else {
    const colours = Array.from({ length: 101 }, (_, share) => between(CLOUD_STOPS, share / 100));
    paint(canvas, numbers, (number) => colours[number]);
  }
}

/** Draw the border between masked pixels and others, if it is asked for. */
function outline(canvas, numbers) {
  const { width, height } = FACTS;
  const scale = Math.max(1, Math.floor(1024 / Math.max(width, height)));
  Object.assign(canvas, { width: width * scale, height: height * scale }); // which clears it, too
  if (!$("outline").checked) return;
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  const border = borderOf(numbers);
  const fine = Math.max(width, height) / 400; // about a pixel of the screen
  for (const [colour, thick] of [["#0009", 3 * fine], ["#ff2fe6", 1.6 * fine]]) {
    Object.assign(context, { strokeStyle: colour, lineWidth: thick, lineCap: "square" });
    context.stroke(border);
  }
}

function borderOf(numbers) {
  const { width, height } = FACTS;
  const border = new Path2D();
  const masked = Uint8Array.from(numbers, (number) => number >= MASKED && number !== NO_PERCENT);
  for (let row = 0; row < height; row += 1) {
    for (let column = 0; column < width; column += 1) {
      const place = row * width + column;
      if (column + 1 < width && masked[place] !== masked[place + 1]) {
        border.moveTo(column + 1, row);
        border.lineTo(column + 1, row + 1);
      }
      if (row + 1 < height && masked[place] !== masked[place + width]) {
        border.moveTo(column, row + 1);
        border.lineTo(column + 1, row + 1);
      }
    }
  }
  return border;
}

/** Build the pictures that the chosen view needs. */
function buildStage() {
  const stage = $("stage");
  stage.replaceChildren();
  stage.className = state.view;
  delete stage.dataset.date; // until they are drawn
  stage.style.setProperty("--ratio", FACTS.width / FACTS.height);
  const veilLabel = state.veil === "classes" ? "Classes" : FACTS.title;
  if (state.view === "over") {
    const look = FACTS.looks.find(({ key }) => key === state.base);
    const label = look ? `${veilLabel} over ${look.label.toLowerCase()}` : veilLabel;
    frames.stage = [{ ...addFrame(stage, label, FACTS, LAYERS), look, veil: true }];
  } else {
    frames.stage = FACTS.looks.map((look) => ({ ...addFrame(stage, look.label, FACTS, LAYERS), look }));
    frames.stage.push({ ...addFrame(stage, veilLabel, FACTS, LAYERS), veil: true });
  }
  for (const frame of frames.stage) {
    if (frame.look) frame.told.textContent = frame.look.bands.join(" ");
  }
  for (const tool of document.querySelectorAll(".tools .over")) {
    tool.hidden = state.view !== "over" || !FACTS.looks.length;
  }
  $("bases").hidden = state.view !== "over" || FACTS.looks.length < 2;
  mark();
  veil();
}

/** Show as much of the mask over the image as the controls ask for. */
function veil() {
  const swipe = Number($("swipe").value);
  for (const frame of frames.stage) {
    const [, cover] = frame.canvases;
    const over = frame.veil && frame.look;
    cover.style.opacity = over ? Number($("opacity").value) / 100 : 1;
    cover.style.clipPath = over ? `inset(0 0 0 ${swipe}%)` : "none";
    frame.edge.hidden = !over;
    frame.edge.style.left = `${swipe}%`;
  }
}

async function drawDate() {
  const mine = (drawing += 1);
  const { date } = state;
  const numbers = await numbersOf(FACTS.probability[date], Uint8Array);
  const shown = state.veil === "classes" ? await numbersOf(FACTS.classes[date], Uint8Array) : numbers;
  const pictures = await Promise.all(frames.stage.map(({ look }) => look && pictureOf(look, date)));
  if (mine !== drawing) return;
  frames.stage.forEach((frame, place) => {
    const [below, cover, lines] = frame.canvases;
    if (pictures[place]) below.getContext("2d").drawImage(pictures[place], 0, 0);
    if (frame.veil) paintVeil(cover, shown, state.veil);
    outline(lines, numbers);
  });
  $("stage").dataset.date = FACTS.names[date];
}

// ---- dates

function chooseDate(date) {
  const before = FACTS.days[state.date];
  state.date = clamp(date, 0, FACTS.names.length - 1);
  const year = yearOf(FACTS.days[state.date]);
  // A year may be looked at while the date is of another, until the date moves to another year.
  if (state.year !== null && year !== yearOf(before)) state.year = year;
  const name = FACTS.names[state.date];
  const share = percent(FACTS.cloud[state.date]);
  $("date").textContent = name;
  $("share").textContent = `${share} · ${state.date + 1} of ${FACTS.names.length}`;
  $("slider").value = state.date;
  $("slider").setAttribute("aria-valuetext", `${name}, ${share}`);
  for (const day of document.querySelectorAll(".day")) {
    const current = Number(day.dataset.date) === state.date;
    day.setAttribute("aria-current", current ? "date" : "false");
    day.tabIndex = current ? 0 : -1;
  }
  drawDate();
  drawPixel();
}

const stepDate = (step) => chooseDate(state.date + step);

function buildCalendar() {
  const years = new Map();
  FACTS.names.forEach((name, date) => {
    const time = new Date(FACTS.days[date] * 864e5);
    const year = yearOf(FACTS.days[date]);
    if (!years.has(year)) years.set(year, Array.from({ length: 12 }, () => []));
    years.get(year)[time.getUTCMonth()].push([time.getUTCDate(), date]);
  });
  for (const [year, months] of years) {
    const row = make("div", { className: "months" }, ...months.map(buildMonth).filter(Boolean));
    $("months").append(make("div", { className: "year" }, make("h3", { textContent: year }), row));
  }
  $("months").addEventListener("keydown", moveDay);
}

function buildMonth(days, month) {
  const label = new Date(Date.UTC(2000, month)).toLocaleString("en", { month: "short", timeZone: "UTC" });
  const chips = make("div", { className: "days" }, ...days.map(buildDay));
  const node = make("div", { className: "month" }, make("h4", { textContent: label }), chips);
  node.hidden = !days.length && matchMedia("(max-width: 48rem)").matches;
  return node;
}

function buildDay([day, date]) {
  const share = FACTS.cloud[date];
  const chip = make("button", { type: "button", className: "day", textContent: day, tabIndex: -1 });
  chip.dataset.date = date;
  chip.title = `${FACTS.names[date]}: ${percent(share)}`;
  chip.setAttribute("aria-label", chip.title);
  chip.classList.toggle("none", share === null);
  if (share !== null) {
    const colour = between(CLOUD_STOPS, share);
    Object.assign(chip.style, { backgroundColor: css(colour), color: ink(colour) });
  }
  chip.addEventListener("click", () => chooseDate(date));
  return chip;
}

function moveDay(event) {
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (!step) return;
  event.preventDefault();
  stepDate(step);
  document.querySelector('.day[aria-current="date"]').focus();
}

// ---- one pixel

/** The pixel of the lattice of series that is nearest to a place, in shares of the picture. */
function nearestPlace(across, down) {
  const nearest = (places, target) => {
    let best = 0;
    places.forEach((place, index) => {
      if (Math.abs(place + 0.5 - target) < Math.abs(places[best] + 0.5 - target)) best = index;
    });
    return best;
  };
  const { rows, columns } = FACTS.series;
  return { row: nearest(rows, down * FACTS.height), column: nearest(columns, across * FACTS.width) };
}

function choosePlace(place) {
  state.place = place;
  $("lost").textContent = "";
  mark();
  return drawPixel();
}

/** Choose what is clicked, and show its chart; arrow keys leave pictures where they are. */
async function choosePointed(glass, event) {
  const box = glass.getBoundingClientRect();
  await choosePlace(nearestPlace((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height));
  $("pixel").scrollIntoView({ block: "nearest" }); // smoothly as page.css says, or at once
}

function movePlace(event) {
  if (event.key === "PageDown" || event.key === "PageUp") {
    event.preventDefault();
    stepDate(event.key === "PageDown" ? 1 : -1);
    return;
  }
  const step = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
  if (!step && event.key !== "Enter") return;
  event.preventDefault();
  const { row, column } = state.place || nearestPlace(0.5, 0.5);
  const [down, across] = (state.place && step) || [0, 0];
  const far = event.shiftKey ? 10 : 1;
  choosePlace({
    row: clamp(row + far * down, 0, FACTS.series.rows.length - 1),
    column: clamp(column + far * across, 0, FACTS.series.columns.length - 1),
  });
}

/** Where a pixel of the lattice lies: its centre, in shares of the picture. */
function shares({ row, column }) {
  const { rows, columns } = FACTS.series;
  return [(columns[column] + 0.5) / FACTS.width, (rows[row] + 0.5) / FACTS.height];
}

/** Its column and row on the mask's own grid, and its coordinates there. */
function located(place) {
  const { width, height, transform } = FACTS.grid;
  const [across, down] = shares(place);
  const [x, y] = [across * width, down * height];
  const [a, b, c, d, e, f] = transform;
  return { column: Math.floor(x), row: Math.floor(y), x: a * x + b * y + c, y: d * x + e * y + f };
}

/** How much of the mask's grid a pixel of a picture stands for, where that is more than one. */
function around() {
  const { width, height } = FACTS.grid;
  const sides = [width / FACTS.width, height / FACTS.height].map((side) => Number(side.toFixed(1)));
  return width === FACTS.width && height === FACTS.height ? "" : `About ${sides.join(" × ")} pixels around: `;
}

function mark() {
  for (const frame of [...frames.stage, ...frames.maps]) {
    frame.mark.hidden = !state.place;
    if (!state.place) continue;
    const [across, down] = shares(state.place);
    Object.assign(frame.mark.style, { left: `${100 * across}%`, top: `${100 * down}%` });
  }
}

function goTo(event) {
  event.preventDefault();
  const [x, y, ...more] = $("coordinates").value.trim().split(/[\s,;]+/).map(Number);
  const { width, height, transform: [a, b, c, d, e, f] } = FACTS.grid;
  const size = a * e - b * d;
  const across = (e * (x - c) - b * (y - f)) / size / width;
  const down = (a * (y - f) - d * (x - c)) / size / height;
  const inside = across >= 0 && across < 1 && down >= 0 && down < 1 && !more.length;
  if (inside) choosePlace(nearestPlace(across, down));
  else $("lost").textContent = "Two numbers within the mask's grid are expected.";
}

async function drawPixel() {
  if (!state.place) return;
  const { place, date } = state;
  const rows = await seriesOf(place);
  if (place !== state.place || date !== state.date) return;
  const { column, row, x, y } = located(place);
  const near = [x, y].map((value) => Number(value.toFixed(Math.abs(value) > 1000 ? 1 : 6))).join(" ");
  for (const part of ["numbers", "readout", "told"]) $(part).hidden = false;
  $("place").textContent = `${around()}Column ${column}, row ${row} · ${near} (${FACTS.grid.crs})`;
  $("coordinates").value = near;
  markYear();
  drawChart(rows);
  $("readout").textContent = readout(rows[date]);
  $("told").textContent = `Column ${column}, row ${row} · ${readout(rows[date])}`;
  if ($("numbers").open) listNumbers(rows);
  $("pixel").dataset.shown = `${column} ${row} ${FACTS.names[date]}`;
}

const reflectance = (value) => (value === null ? "–" : value.toFixed(3));

function readout({ name, probability, bands }) {
  const told = bands.map((band) => `${band.name} ${reflectance(band.seen)} (clear sky ${reflectance(band.clear)})`);
  const share = probability === null ? "no answer" : `probability ${probability} %`;
  return [name, share, ...told].join(" · ");
}

function listNumbers(rows) {
  const heads = ["Date", "Probability %"];
  for (const { name } of rows[0].bands) heads.push(name, `${name} clear sky`);
  const head = make("tr", {}, ...heads.map((text) => make("th", { textContent: text, scope: "col" })));
  const body = rows.map(({ name, probability, bands }) => {
    const cells = [name, probability ?? "–"];
    for (const { seen, clear } of bands) cells.push(reflectance(seen), reflectance(clear));
    return make("tr", {}, ...cells.map((text) => make("td", { textContent: text })));
  });
  const table = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
  $("numbers").querySelector("table").replaceWith(table);
}

const yearOf = (day) => new Date(day * 864e5).getUTCFullYear();

function buildYears() {
  const years = [...new Set(FACTS.days.map(yearOf))];
  if (years.length < 2) return;
  for (const [label, year] of [["All", ""], ...years.map((one) => [one, one])]) {
    const button = make("button", { type: "button", textContent: label });
    button.dataset.year = year;
    button.addEventListener("click", () => {
      state.year = year || null;
      drawPixel();
    });
    $("years").append(button);
  }
}

/** Show which year is drawn; the buttons stay, so that the one in use keeps the focus. */
function markYear() {
  const chosen = String(state.year ?? "");
  for (const button of $("years").children) {
    button.setAttribute("aria-pressed", button.dataset.year === chosen);
  }
  $("years").hidden = !$("years").children.length;
}

// ---- the chart

const SVG = "http://www.w3.org/2000/svg";

function draw(parent, tag, attributes, text) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  parent.append(node);
  return node;
}

/** Where things lie: days across, reflectance above percent. */
function layOut(rows) {
  const width = Math.max(280, $("chart").clientWidth);
  const hasBands = rows[0].bands.length > 0;
  const days = state.year === null
    ? [rows[0].day, rows[rows.length - 1].day]
    : [Date.UTC(state.year, 0) / 864e5, Date.UTC(state.year + 1, 0) / 864e5];
  const [first, last] = days[0] === days[1] ? [days[0] - 1, days[1] + 1] : days;
  const head = !hasBands ? 24 : width > WIDE ? 34 : 54;
  const bands = { top: head, bottom: hasBands ? head + 220 : head };
  const shares = { top: bands.bottom + (hasBands ? 34 : 0), bottom: bands.bottom + (hasBands ? 104 : 110) };
  const left = 44;
  return {
    width, height: shares.bottom + 26, left, right: width - 14, bands, shares, first, last,
    brightest: brightest(rows),
    x: (day) => left + ((day - first) / (last - first)) * (width - 14 - left),
  };
}

/** The top of the axis: what is clear fits, clouds may lie beyond. */
function brightest(rows) {
  const known = rows.flatMap(({ probability, bands }) =>
    bands.flatMap(({ seen, clear }) => [probability !== null && probability < MASKED ? seen : null, clear]));
  const most = Math.max(0.3, ...known.filter((value) => value !== null));
  return Math.ceil(most * 1.1 * 10) / 10;
}

function drawChart(rows) {
  const shown = rows.filter(({ day }) =>
    state.year === null || yearOf(day) === state.year);
  const at = layOut(rows);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${at.width} ${at.height}`);
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", "Reflectance and probability over time; the table below has the numbers");
  drawAxes(svg, at, rows[0].bands);
  rows[0].bands.forEach((band, place) => drawBand(svg, at, shown, place));
  drawShares(svg, at, shown);
  const now = at.x(FACTS.days[state.date]);
  if (now >= at.left && now <= at.right) {
    draw(svg, "line", { class: "now", x1: now, x2: now, y1: at.bands.top, y2: at.shares.bottom });
  }
  svg.addEventListener("click", (event) => chooseDay(svg, at, shown, event));
  $("chart").replaceChildren(svg);
}

function drawAxes(svg, at, bands) {
  if (bands.length) {
    const step = at.brightest > 0.6 ? 0.2 : 0.1;
    for (let value = 0; value <= at.brightest + 1e-9; value += step) {
      const y = height(at, value);
      draw(svg, "line", { class: "grid", x1: at.left, x2: at.right, y1: y, y2: y });
      draw(svg, "text", { x: at.left - 8, y: y + 4, "text-anchor": "end" }, value.toFixed(1));
    }
    drawKey(svg, at, bands);
  }
  for (const share of [0, 50, 100]) {
    const y = level(at, share);
    draw(svg, "line", { class: "grid", x1: at.left, x2: at.right, y1: y, y2: y });
    draw(svg, "text", { x: at.left - 8, y: y + 4, "text-anchor": "end" }, share);
  }
  draw(svg, "text", { x: at.left, y: at.shares.top - 8 }, `${FACTS.title}, %`);
  drawMonths(svg, at);
}

function drawMonths(svg, at) {
  const months = (at.last - at.first) / 30;
  const step = [1, 2, 3, 6, 12, 24].find((one) => (months / one) * 62 < at.right - at.left) || 24;
  const start = new Date(at.first * 864e5);
  for (let month = start.getUTCFullYear() * 12; month < 12 * 9999; month += step) {
    const day = Date.UTC(Math.floor(month / 12), month % 12) / 864e5;
    if (day > at.last) break;
    if (day < at.first) continue;
    const x = at.x(day);
    draw(svg, "line", { class: "grid", x1: x, x2: x, y1: at.shares.bottom, y2: at.shares.bottom + 5 });
    const label = month % 12 === 0 ? Math.floor(month / 12) : monthName(month % 12);
    draw(svg, "text", { x: clamp(x, at.left, at.right - 12), y: at.shares.bottom + 20, "text-anchor": "middle" }, label);
  }
}

function monthName(month) {
  return new Date(Date.UTC(2000, month)).toLocaleString("en", { month: "short", timeZone: "UTC" });
}

function drawKey(svg, at, bands) {
  let x = at.width > WIDE ? at.left : at.left - 30;
  bands.forEach(({ name }, place) => {
    draw(svg, "circle", { cx: x + 5, cy: 12, r: 4.5, fill: BAND_COLOURS[place] });
    draw(svg, "text", { x: x + 14, y: 16 }, name);
    x += 54;
  });
  const more = `● clear  ○ masked  ▵ beyond the axis  — clear sky${at.width > WIDE ? " (estimate)" : ""}`;
  const place = at.width > WIDE ? { x: at.right, y: 16, "text-anchor": "end" } : { x: at.left - 30, y: 36 };
  draw(svg, "text", place, more);
}

const height = (at, value) =>
  at.bands.bottom - (value / at.brightest) * (at.bands.bottom - at.bands.top);
const level = (at, share) => at.shares.bottom - (share / 100) * (at.shares.bottom - at.shares.top);

function drawBand(svg, at, rows, place) {
  const colour = BAND_COLOURS[place];
  let path = "";
  let broken = true;
  for (const { day, bands } of rows) {
    const { clear } = bands[place];
    if (clear !== null) path += `${broken ? "M" : "L"}${at.x(day).toFixed(1)} ${height(at, clear).toFixed(1)}`;
    broken = clear === null;
  }
  draw(svg, "path", { d: path, fill: "none", stroke: colour, "stroke-width": 1.5, opacity: 0.75 });
  for (const { day, probability, bands } of rows) {
    const { seen } = bands[place];
    if (seen !== null) drawPoint(svg, at, at.x(day), seen, colour, probability !== null && probability < MASKED);
  }
}

function drawPoint(svg, at, x, value, colour, clear) {
  if (value > at.brightest) {
    const y = at.bands.top;
    draw(svg, "path", { d: `M${x - 3.5} ${y + 3}L${x + 3.5} ${y + 3}L${x} ${y - 3}Z`, fill: "none", stroke: colour, opacity: 0.6 });
    return;
  }
  const fill = clear ? colour : "none";
  draw(svg, "circle", { cx: x, cy: height(at, Math.max(0, value)), r: 3, fill, stroke: colour, opacity: clear ? 1 : 0.6 });
}

function drawShares(svg, at, rows) {
  const wide = clamp(((at.right - at.left) / FACTS.names.length) * 0.7, 1.5, 8);
  for (const { day, probability } of rows) {
    if (probability === null) continue;
    const y = Math.min(level(at, probability), at.shares.bottom - 2);
    draw(svg, "rect", {
      x: at.x(day) - wide / 2, y, width: wide, height: at.shares.bottom - y,
      fill: probability >= MASKED ? "#d3a615" : "#5f7fa8",
    });
  }
}

function chooseDay(svg, at, rows, event) {
  const box = svg.getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * at.width;
  const off = (row) => Math.abs(at.x(row.day) - x);
  if (rows.length) chooseDate(rows.reduce((best, row) => (off(row) < off(best) ? row : best)).date);
}

// ---- maps, legends, controls

async function buildMaps() {
  for (const map of FACTS.maps) {
    const frame = addFrame($("map-frames"), map.label, map, ["below"]);
    const [low, high] = map.key === "always" ? [0, 1] : [map.low, Math.max(map.high, map.low + 1)];
    const colour = (number) => between(MAP_STOPS[map.key], (number - low) / (high - low));
    const numbers = await numbersOf(map.numbers, Uint16Array);
    paint(frame.canvases[0], numbers, (number) => (number === NO_NUMBER ? null : colour(number)));
    explainMap(frame, map);
    frames.maps.push(frame);
  }
  mark();
}

function explainMap(frame, { key, low, high, unit }) {
  const stops = MAP_STOPS[key];
  const range = low === high ? low : `${low} to ${high}`;
  frame.told.textContent = key !== "always" ? `${range} ${unit}` : high ? "" : "nowhere";
  const legend = key === "always"
    ? [swatch("clear on some date", stops[0]), swatch("on every date observed", stops[1])]
    : [ramp(stops, low, `${high} ${unit}`)];
  frame.glass.after(make("div", { className: "legend" }, ...legend));
}

function ramp(stops, low, high) {
  const canvas = make("canvas", { width: 128, height: 1 });
  paint(canvas, Array.from({ length: 128 }, (_, place) => place / 127), (share) => between(stops, share));
  return make("span", { className: "ramp" }, String(low), canvas, String(high));
}

function swatch(label, colour) {
  const node = make("span", { className: "swatch", textContent: label });
  if (colour) node.style.setProperty("--colour", colour);
  return node;
}

function buildLegend() {
  const items = state.veil === "classes"
    ? Object.entries(FACTS.classNames).map(([number, name]) => swatch(name, FACTS.classColours[number]))
    : [ramp(CLOUD_STOPS, "0", "100 %")];
  $("legend").replaceChildren(...items, swatch("no observation or answer"));
}

function addChoices(id, name, options, chosen, choose) {
  const choice = ([value, label]) => {
    const input = make("input", { type: "radio", name, value, checked: value === chosen });
    input.addEventListener("change", () => choose(value));
    return make("label", { className: "choice" }, input, make("span", { textContent: label }));
  };
  $(id).append(...options.map(choice));
  $(id).hidden = options.length < 2;
}

function rebuild(changes) {
  Object.assign(state, changes);
  buildStage();
  buildLegend();
  drawDate();
}

function buildTools() {
  const { looks, classes } = FACTS;
  state.base = looks.length ? looks[0].key : null;
  state.view = !looks.length || matchMedia("(max-width: 48rem)").matches ? "over" : "beside";
  const views = looks.length ? [["beside", "Beside"], ["over", "Over"]] : [];
  addChoices("views", "view", views, state.view, (view) => rebuild({ view }));
  addChoices("bases", "base", looks.map(({ key, label }) => [key, label]), state.base, (base) => rebuild({ base }));
  const veils = [["probability", "Probability"], ...(classes ? [["classes", "Classes"]] : [])];
  addChoices("veils", "veil", veils, state.veil, (kind) => rebuild({ veil: kind }));
  $("opacity").addEventListener("input", veil);
  $("swipe").addEventListener("input", veil);
  $("outline").addEventListener("change", drawDate);
}

/** Let dates in the table of scores lead to their pictures. */
function linkWorst() {
  for (const cell of document.querySelectorAll("#worst td:first-child")) {
    const date = FACTS.names.indexOf(cell.textContent);
    if (date < 0) continue;
    const button = make("button", { type: "button", textContent: cell.textContent });
    button.addEventListener("click", () => {
      chooseDate(date);
      $("viewer").scrollIntoView();
    });
    cell.replaceChildren(button);
  }
}

function keys(event) {
  const writing = event.target.matches("input[type=text]") || event.ctrlKey || event.metaKey || event.altKey;
  const step = { n: 1, ".": 1, p: -1, ",": -1 }[event.key.toLowerCase()];
  if (step && !writing) stepDate(step);
}

/** The first date to show: the one that is nearest to half masked, where a mask is judged best. */
function firstDate() {
  const off = (share) => (share === null ? 2 : Math.abs(share - 0.5));
  return FACTS.cloud.reduce((best, share, date) => (off(share) < off(FACTS.cloud[best]) ? date : best), 0);
}

function begin() {
  $("slider").max = FACTS.names.length - 1;
  $("slider").addEventListener("input", () => chooseDate(Number($("slider").value)));
  $("previous").addEventListener("click", () => stepDate(-1));
  $("next").addEventListener("click", () => stepDate(1));
  $("goto").addEventListener("submit", goTo);
  $("numbers").addEventListener("toggle", drawPixel);
  document.addEventListener("keydown", keys);
  addEventListener("resize", drawPixel);
  buildYears();
  buildTools();
  buildStage();
  buildLegend();
  buildCalendar();
  linkWorst();
  buildMaps();
  chooseDate(firstDate());
}

begin();
