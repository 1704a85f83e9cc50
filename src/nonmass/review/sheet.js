// The review sheet: which screens are shown, a large view in which a box is drawn, and the lines that come of it.
// A line is {target, action, box, note}; boxes are [x0, y0, x1, y1] in pixels of the screen, half-open.
"use strict";

(() => {
  const data = window.REVIEW;
  if (!data) return;

  const PAGE = 200; // screens
  const GRIP_PX = 9; // how near a side of the box a drag moves it, pixels of the page
  const FILES = document.currentScript.src.replace(/sheet\.js$/, "");
  const SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  const screens = data.screens;
  screens.forEach((screen, i) => { screen.file = `${String(i + 1).padStart(6, "0")}.jpg`; });

  // --- Lines -----------------------------------------------------------------------------------------------------

  const existing = new Map(data.overrides.map((line) => [line.target, line]));
  const changes = new Map(); // target -> line, or null for an existing one that is taken back
  const onSheet = new Set(screens.flatMap((screen) => [screen.id, screen.layout]));
  const STORE = `review ${location.pathname}`;
  restore();

  function lineOf(target) {
    return changes.has(target) ? changes.get(target) : existing.get(target) ?? null;
  }

  // A layout's refusal concerns all its screens, its box only plain rectangular fields; see fov/overrides.py.
  function decision(screen) {
    const line = lineOf(screen.layout);
    return lineOf(screen.id) ?? (line?.action === "refuse" || isPlain(screen) ? line : null);
  }

  function isPlain(screen) {
    return (!screen.reject || screen.reject === "override") && !screen.polygon.length && !screen.panels.length;
  }

  function change(target, line) {
    const before = existing.get(target) ?? null;
    if (line && before) line.note = before.note;
    const same = JSON.stringify(line) === JSON.stringify(before);
    if (same) changes.delete(target);
    else changes.set(target, line);
    store();
    showLines();
  }

  function store() {
    try {
      localStorage.setItem(STORE, JSON.stringify([...changes]));
    } catch { /* a browser that keeps nothing for files */ }
  }

  // Lines for screens that are not on this sheet stay: another sheet at this place, such as one of all screens, had them.
  function restore() {
    try {
      for (const [target, line] of JSON.parse(localStorage.getItem(STORE) ?? "[]")) {
        const before = existing.get(target) ?? null;
        if (JSON.stringify(line) !== JSON.stringify(before)) changes.set(target, line);
      }
    } catch { /* likewise */ }
  }

  function csvLine(line) {
    const cells = { target: line.target, action: line.action, note: line.note };
    ["x0_px", "y0_px", "x1_px", "y1_px"].forEach((name, i) => { cells[name] = line.box[i]; });
    return data.columns.map((name) => quoted(String(cells[name]))).join(",");
  }

  function quoted(text) {
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  }

  function newLines() {
    return [...changes.values()].filter(Boolean).map(csvLine);
  }

  function wholeFile() {
    const all = new Map([...existing, ...changes]);
    const lines = [...all.values()].filter(Boolean).sort((a, b) => (a.target < b.target ? -1 : 1));
    return [data.columns.join(","), ...lines.map(csvLine), ""].join("\n");
  }

  function showLines() {
    const lines = newLines();
    $("lines").value = lines.join("\n");
    const removed = [...changes.values()].filter((line) => !line).length;
    const away = [...changes].filter(([target, line]) => line && !onSheet.has(target)).length;
    $("amount").textContent = `${lines.length} new` + (away ? ` (${away} for screens that are not on this sheet)` : "")
      + `, ${existing.size} there already` + (removed ? `, ${removed} of them taken back` : "");
    $("jump").textContent = `${lines.length} new decision${lines.length === 1 ? "" : "s"}`;
    $("copy").disabled = !lines.length;
    const targets = [...[...changes.keys()].reverse(), ...[...existing.keys()].filter((target) => !changes.has(target))];
    $("decided").replaceChildren(...targets.map(lineRow));
  }

  function lineRow(target) {
    const line = lineOf(target);
    const what = !line ? "taken back" : line.action === "refuse" ? "refuse" : `box ${line.box.join(", ")}`;
    const since = (changes.has(target) ? "new" : "in the file") + (onSheet.has(target) ? "" : ", not on this sheet");
    const button = element("button", { type: "button", textContent: line ? "Take back" : "Put back" });
    button.setAttribute("aria-label", `${button.textContent} ${target}`);
    button.addEventListener("click", () => {
      const isNew = changes.has(target);
      if (isNew) changes.delete(target);
      else changes.set(target, null);
      store();
      showLines();
      showGrid();
    });
    return element("tr", {}, ...[target, what, since].map((text) => element("td", { textContent: text })), element("td", {}, button));
  }

  $("copy").addEventListener("click", async () => {
    const text = `${newLines().join("\n")}\n`;
    try {
      await navigator.clipboard.writeText(text);
      $("told").textContent = "copied";
    } catch {
      $("lines").select();
      $("told").textContent = document.execCommand("copy") ? "copied" : "marked below: copy it with the keyboard";
    }
  });
  $("download").hidden = $("kept").hidden = !data.is_project;
  $("download").addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([wholeFile()], { type: "text/csv" }));
    element("a", { href: address, download: "fov_overrides.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    $("told").textContent = "downloaded";
  });

  // --- Filters and pages -----------------------------------------------------------------------------------------

  const filters = ["state", "flag", "layout", "search"].map($);
  let shown = [];
  let page = 0;

  const STATES = {
    "": () => true,
    refused: (screen) => screen.state === "refused",
    doubtful: (screen) => screen.state === "doubtful",
    accepted: (screen) => screen.state === "accepted",
    "decided by a person": (screen) => Boolean(decision(screen)),
    "doubtful, not decided": (screen) => screen.state === "doubtful" && !decision(screen),
  };

  function fillFilters() {
    for (const [name, holds] of Object.entries(STATES)) {
      const count = name.includes("decided") ? "" : ` (${screens.filter(holds).length})`;
      $("state").append(new Option((name || "all") + count, name));
    }
    fill($("flag"), countBy(screens.flatMap((screen) => [...screen.flags, ...(screen.reject ? [`refused: ${screen.reject}`] : [])])));
    fill($("layout"), countBy(screens.map((screen) => screen.layout)));
  }

  function fill(select, counts) {
    select.append(new Option("all", ""));
    for (const [name, count] of [...counts].sort()) select.append(new Option(`${name} (${count})`, name));
  }

  function applyFilters() {
    const [state, flag, layout, search] = filters.map((input) => input.value);
    const wanted = search.trim().toLowerCase();
    shown = screens.filter((screen) =>
      STATES[state](screen)
      && (!flag || screen.flags.includes(flag) || `refused: ${screen.reject}` === flag)
      && (!layout || screen.layout === layout)
      && screen.id.toLowerCase().includes(wanted));
    page = 0;
    showGrid();
  }

  function turn(step) {
    page += step;
    showGrid();
    window.scrollTo(0, $("sheet").offsetTop);
  }

  function showGrid() {
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(page, pages - 1);
    const first = page * PAGE;
    const part = shown.slice(first, first + PAGE);
    $("place").textContent = part.length ? `${first + 1} to ${first + part.length} of ${shown.length}` : "none";
    $("earlier").disabled = page === 0;
    $("later").disabled = page === pages - 1;
    $("grid").replaceChildren(...part.map((screen, i) => tile(screen, first + i)));
  }

  function tile(screen, number) {
    const box = element("button", { type: "button", className: "tile", title: screen.id });
    fillTile(box, screen);
    box.addEventListener("click", () => view(number));
    return box;
  }

  function fillTile(box, screen) {
    const picture = screenPicture(screen, "thumbnails");
    const flat = screen.width * 9.5 > screen.height * 13;
    picture.style.cssText = `aspect-ratio: ${screen.width} / ${screen.height}; ${flat ? "width" : "height"}: 100%`;
    drawFound(picture.lastChild, screen);
    box.replaceChildren(
      element("span", { className: "frame" }, picture),
      element("span", { className: "name", textContent: screen.id }),
      element("span", { textContent: summary(screen) }),
      element("span", { className: "codes", textContent: screen.flags.join(", ") || "\u00a0" }),
    );
  }

  function summary(screen) {
    const line = decision(screen);
    if (line) return line.action === "refuse" ? "✓ refused by a person" : "✓ box by a person";
    if (screen.reject) return `refused: ${screen.reject}`;
    return `${screen.state} ${screen.confidence.toFixed(2)}, ${screen.method}`;
  }

  filters.forEach((input) => input.addEventListener("input", applyFilters));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("earlier").addEventListener("click", () => turn(-1));
  $("later").addEventListener("click", () => turn(1));
  $("grid").addEventListener("keydown", (event) => {
    const tiles = [...$("grid").children];
    const columns = tiles.filter((one) => one.offsetTop === tiles[0].offsetTop).length;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
    const aim = step && tiles[tiles.indexOf(document.activeElement) + step];
    if (!aim) return;
    event.preventDefault();
    aim.focus();
  });

  // --- Drawing on a screen ---------------------------------------------------------------------------------------

  function screenPicture(screen, folder) {
    const image = element("img", { src: `${FILES}${folder}/${screen.file}`, alt: "", draggable: false });
    if (folder === "thumbnails") image.loading = "lazy";
    const drawing = document.createElementNS(SVG, "svg");
    drawing.setAttribute("viewBox", `0 0 ${screen.width} ${screen.height}`);
    drawing.setAttribute("preserveAspectRatio", "none");
    return element("span", { className: "screen" }, image, drawing);
  }

  function drawFound(drawing, screen, draft = null) {
    const line = decision(screen);
    const parts = [];
    if (!screen.reject) {
      screen.panels.forEach((panel) => parts.push(rectangle(panel, "found")));
      parts.push(rectangle(screen.box, `box ${screen.state}${line || draft ? " earlier" : ""}`));
      if (screen.polygon.length) parts.push(shape("polygon", { points: screen.polygon.join(" ") }, "found"));
    } else if (!line && !draft) parts.push(...cross(screen, "cross refused"));
    if (line?.action === "refuse" && !draft) parts.push(...cross(screen, "decided"));
    if (line?.action === "box" && !draft) parts.push(rectangle(line.box, "decided"));
    if (draft) parts.push(rectangle(draft, "box draft"));
    drawing.replaceChildren(...parts);
  }

  function rectangle([x0, y0, x1, y1], kind) {
    return shape("rect", { x: x0, y: y0, width: x1 - x0, height: y1 - y0 }, kind);
  }

  function cross({ width, height }, kind) {
    return [[0, 0, width, height], [0, height, width, 0]].map(([x1, y1, x2, y2]) => shape("line", { x1, y1, x2, y2 }, kind));
  }

  function shape(name, attributes, kind) {
    const drawn = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries({ ...attributes, class: kind })) drawn.setAttribute(key, value);
    return drawn;
  }

  // --- The large view --------------------------------------------------------------------------------------------

  const viewer = $("viewer");
  const corners = [...$("corners").querySelectorAll("input")];
  let at = 0; // of `shown`
  let draft = null;

  function view(number) {
    at = number;
    draft = null;
    const screen = shown[at];
    const picture = screenPicture(screen, "views");
    picture.addEventListener("pointerdown", startDrag);
    $("stage").replaceChildren(picture);
    $("name").textContent = screen.id;
    $("about").textContent = [screen.device, `${screen.width} × ${screen.height} pixels`, `${at + 1} of ${shown.length}`].filter(Boolean).join(" · ");
    $("codes").textContent = screen.flags.join(", ");
    $("whole").checked = false;
    const size = data.layouts[screen.layout];
    $("scope").hidden = size.all === 1;
    $("scope").querySelector("span").textContent = `for all ${size.all} screens of ${screen.layout}`
      + (size.plain < size.all ? `; a box for ${size.plain} of them, as the others are refused or no plain rectangle` : "");
    if (!viewer.open) viewer.showModal();
    showDraft();
    fit(); // last, since it takes the room that the words leave
    $("stage").focus();
    if (shown[at + 1]) new Image().src = `${FILES}views/${shown[at + 1].file}`;
  }

  function fit() {
    const screen = shown[at];
    const room = $("stage").getBoundingClientRect();
    const scale = Math.min(room.width / screen.width, room.height / screen.height);
    const picture = $("stage").firstElementChild;
    picture.style.width = `${screen.width * scale}px`;
    picture.style.height = `${screen.height * scale}px`;
  }

  function boxShown(screen) {
    const line = decision(screen);
    return draft ?? (line?.action === "box" ? line.box : screen.box);
  }

  function showDraft() {
    const screen = shown[at];
    drawFound($("stage").firstElementChild.lastChild, screen, draft);
    boxShown(screen).forEach((value, i) => {
      corners[i].value = value;
      corners[i].min = i < 2 ? 0 : Number(boxShown(screen)[i - 2]) + 1;
      corners[i].max = [screen.width, screen.height][i % 2] - (i < 2 ? 1 : 0);
    });
    $("verdict").textContent = draft ? "New box, not kept yet" : summary(screen);
    $("agree").replaceChildren(draft ? "Keep this box " : screen.state === "doubtful" ? "The box is right " : "Right as it is ", element("kbd", { textContent: "Enter" }));
    $("undo").disabled = !draft && !decision(screen);
    $("previous").disabled = at === 0;
    $("next").disabled = at === shown.length - 1;
  }

  function setDraft(box) {
    draft = box;
    showDraft();
  }

  function decide(action, box) {
    const screen = shown[at];
    const target = $("whole").checked ? screen.layout : screen.id;
    // A line of its own would keep the layout's from this screen, but without one a layout's box may not concern it.
    if ($("whole").checked && action === "box" && !isPlain(screen)) change(screen.id, { target: screen.id, action, box, note: "" });
    else if ($("whole").checked && lineOf(screen.id)) change(screen.id, null);
    change(target, { target, action, box, note: "" });
    draft = null;
  }

  function agree() {
    const screen = shown[at];
    // What is accepted, refused or decided already needs no line to stay so, unless it shall hold for its layout.
    const needed = draft || $("whole").checked || (screen.state === "doubtful" && !decision(screen));
    const refused = !draft && (decision(screen)?.action === "refuse" || (screen.reject && !decision(screen)));
    if (needed) decide(refused ? "refuse" : "box", refused ? [0, 0, 0, 0] : boxShown(screen));
    goOn();
  }

  function refuse() {
    decide("refuse", [0, 0, 0, 0]);
    goOn();
  }

  function undo() {
    const screen = shown[at];
    if (draft) return setDraft(null);
    if (!decision(screen)) return;
    const target = lineOf(screen.id) ? screen.id : screen.layout;
    if (changes.get(target)) changes.delete(target);
    else changes.set(target, null);
    store();
    showLines();
    showDraft();
  }

  function goOn() {
    if (at < shown.length - 1) view(at + 1);
    else showDraft();
  }

  function go(step) {
    if (!shown[at + step]) return;
    if (draft) decide("box", draft); // who draws a box and goes on means it
    view(at + step);
  }

  function leave() {
    viewer.close();
  }

  viewer.addEventListener("close", () => {
    page = Math.floor(at / PAGE);
    showGrid();
    $("grid").children[at % PAGE]?.focus();
  });
  window.addEventListener("resize", () => viewer.open && fit());

  const BUTTONS = { agree, refuse, undo, close: leave, previous: () => go(-1), next: () => go(1) };
  for (const [id, act] of Object.entries(BUTTONS)) $(id).addEventListener("click", act);
  const KEYS = {
    Enter: agree,
    r: refuse,
    u: undo,
    l: () => { $("whole").checked = !$("scope").hidden && !$("whole").checked; },
    ArrowLeft: () => go(-1),
    ArrowRight: () => go(1),
  };
  viewer.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const inNumber = corners.includes(event.target);
    if (!KEYS[key] || (inNumber && key !== "Enter") || (event.target.tagName === "BUTTON" && key === "Enter")) return;
    event.preventDefault();
    if (inNumber && !takeNumbers()) return;
    KEYS[key]();
  });
  corners.forEach((input) => input.addEventListener("change", takeNumbers));

  function takeNumbers() {
    const box = corners.map((input) => input.valueAsNumber);
    const { width, height } = shown[at];
    const [x0, y0, x1, y1] = box;
    const sound = box.every(Number.isInteger) && x0 >= 0 && y0 >= 0 && x0 < x1 && y0 < y1 && x1 <= width && y1 <= height;
    if (!sound) $("verdict").textContent = "That is no box on this screen";
    else if (box.join() !== boxShown(shown[at]).join()) setDraft(box);
    return sound;
  }

  // A drag that starts on a side or a corner of the box moves it; any other one draws a new box.
  function startDrag(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    $("stage").focus();
    const picture = event.currentTarget;
    const screen = shown[at];
    const before = draft;
    const start = pointOn(picture, screen, event);
    const held = screen.reject && !draft && !decision(screen) ? [] : gripped(picture, screen, event);
    const base = held.length ? [...boxShown(screen)] : [...start, ...start];
    const moving = held.length ? held : [2, 3];
    const move = (at) => {
      const point = pointOn(picture, screen, at);
      const box = [...base];
      moving.forEach((side) => { box[side] = point[side % 2]; });
      const [x0, y0, x1, y1] = [Math.min(box[0], box[2]), Math.min(box[1], box[3]), Math.max(box[0], box[2]), Math.max(box[1], box[3])];
      if (x0 < x1 && y0 < y1) setDraft([x0, y0, x1, y1]);
    };
    const end = (last) => {
      picture.removeEventListener("pointermove", move);
      picture.removeEventListener("pointerup", end);
      picture.removeEventListener("pointercancel", end);
      // A click that hardly moved is no box.
      const moved = Math.hypot(last.clientX - event.clientX, last.clientY - event.clientY) > 3;
      if (!moved || last.type === "pointercancel") setDraft(before);
    };
    picture.setPointerCapture(event.pointerId);
    picture.addEventListener("pointermove", move);
    picture.addEventListener("pointerup", end);
    picture.addEventListener("pointercancel", end);
  }

  function pointOn(picture, screen, event) {
    const place = picture.getBoundingClientRect();
    const x = Math.round(((event.clientX - place.left) * screen.width) / place.width);
    const y = Math.round(((event.clientY - place.top) * screen.height) / place.height);
    return [Math.min(Math.max(x, 0), screen.width), Math.min(Math.max(y, 0), screen.height)];
  }

  // Sides of the box, as indices into it, that are under the pointer.
  function gripped(picture, screen, event) {
    const box = boxShown(screen);
    const place = picture.getBoundingClientRect();
    const pixel = place.width / screen.width;
    const [x, y] = [(event.clientX - place.left) / pixel, (event.clientY - place.top) / pixel];
    const near = (value, side) => Math.abs(value - side) * pixel <= GRIP_PX;
    const within = (value, first, last) => value >= first - GRIP_PX / pixel && value <= last + GRIP_PX / pixel;
    if (!within(x, box[0], box[2]) || !within(y, box[1], box[3])) return [];
    const across = near(x, box[0]) ? [0] : near(x, box[2]) ? [2] : [];
    const down = near(y, box[1]) ? [1] : near(y, box[3]) ? [3] : [];
    return [...across, ...down];
  }

  // --- Small things ----------------------------------------------------------------------------------------------

  function element(name, properties, ...children) {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  }

  function countBy(names) {
    const counts = new Map();
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }

  $("note").textContent = data.note;
  $("missing").hidden = true;
  $("sheet").hidden = $("decisions").hidden = false;
  fillFilters();
  applyFilters();
  showLines();
})();
