"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const SVG = "http://www.w3.org/2000/svg";
  const MOST_BYTES = Number($("limits").querySelector("[data-bytes]").dataset.bytes);
  let last = 0; // number of the latest image
  let queue = Promise.resolve(); // images are answered one after another

  function take(files) {
    for (const file of files) {
      const number = ++last;
      queue = queue.then(() => ask(number, file)).catch(() => fault(file.name, "the page broke on this answer; reload it"));
    }
  }

  async function ask(number, file) {
    $("status").textContent = `Image ${number} of ${last}: looking …`;
    if (file.size > MOST_BYTES) {
      fault(file.name, `image: has more than ${Math.floor(MOST_BYTES / 2 ** 20)} MB; export a smaller one`);
    } else {
      try {
        const reply = await fetch("/answer", { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } });
        const content = await reply.json();
        if (reply.ok) show(file.name, content);
        else fault(file.name, content.error);
      } catch {
        fault(file.name, "the program does not answer; is it still running?");
      }
    }
    $("status").textContent = number < last ? "" : `${last} image${last === 1 ? "" : "s"} done`;
  }

  // The name is the browser's alone: it is never sent, and in no download.
  function add(name) {
    const made = $("result").content.cloneNode(true).firstElementChild;
    made.querySelector("h2").textContent = name;
    $("results").prepend(made);
    return made;
  }

  function fault(name, message) {
    const made = add(name);
    made.classList.add("fault");
    made.querySelector(".body").replaceChildren(element("p", { className: "warning", textContent: message }));
    made.querySelector(".downloads").remove();
  }

  function show(name, reply) {
    const made = add(name);
    const found = JSON.parse(reply.json);
    views(made, found, reply);
    fill(made.querySelector(".field"), [...reply.words.field, ...reply.words.notes]);
    for (const task of Object.keys(found.classes)) made.querySelector(".answers").append(answer(task, found, reply));
    made.querySelector(".downloads").append(
      download(`nonmass-${found.sha256}.json`, "Download JSON", new Blob([reply.json], { type: "application/json" })),
      download(`nonmass-${found.sha256}.pdf`, "Download PDF", new Blob([bytes(reply.pdf)], { type: "application/pdf" })),
    );
  }

  function answer(task, found, reply) {
    const made = $("answer").content.cloneNode(true).firstElementChild;
    const one = found[task];
    made.querySelector("h3").textContent = reply.words.questions[task];
    const words = reply.words;
    made.querySelector(".call").textContent = words.calls[task];
    made.querySelector(".call").classList.toggle("none", !one?.call || found.fov.doubtful);
    made.querySelector(".why").textContent = words.whys[task];
    made.querySelector(".chance").textContent = words.chances[task];
    made.querySelector(".chance").hidden = !words.chances[task];
    made.querySelector(".besides").append(...words.besides[task].map(beside));
    fill(made.querySelector(".lines"), reply.words.answers[task]);
    fill(made.querySelector(".unknown ul"), reply.words.unknown[task]);
    made.querySelector(".unknown").hidden = !one;
    if (one?.unlike_training) {
      made.querySelector(".chance").after(element("p", { className: "warning", textContent: "This picture is unlike the training images." }));
    }
    return made;
  }

  function beside({ text, cautions }) {
    const made = element("p", { textContent: `${text} ` });
    made.append(element("strong", { className: "warning", textContent: cautions.join(" ") }));
    return made;
  }

  // Pictures take turns in one frame, the box over each. Where there is no picture, the box alone shows where it lies.
  function views(made, found, reply) {
    const names = Object.keys(reply.pictures);
    const image = element("img", { alt: "" });
    const outline = document.createElementNS(SVG, "svg");
    outline.setAttribute("viewBox", `0 0 ${reply.size[0]} ${reply.size[1]}`);
    if (!found.fov.reject) outline.append(rectangle(found.fov));
    outline.setAttribute("role", "img");
    outline.setAttribute("aria-label", reply.words.field[0]);
    const bar = made.querySelector(".scale");
    bar.hidden = true;
    bar.querySelector("img").src = `data:image/png;base64,${reply.bar}`;
    const buttons = names.map((name) => element("button", { type: "button", textContent: reply.words.titles[name] }));
    const turn = (at) => {
      image.src = `data:image/png;base64,${reply.pictures[names[at]]}`;
      image.alt = reply.words.captions[names[at]];
      made.querySelector("figcaption").textContent = reply.words.captions[names[at]];
      const ends = reply.words.scales[names[at]];
      bar.hidden = !ends;
      if (ends) bar.querySelectorAll("span").forEach((one, i) => { one.textContent = ends[i]; });
      buttons.forEach((one, i) => one.setAttribute("aria-pressed", String(i === at)));
    };
    buttons.forEach((one, at) => one.addEventListener("click", () => turn(at)));
    made.querySelector(".views").append(...buttons);
    made.querySelector(".screen").append(...(names.length ? [image, outline] : [outline]));
    if (names.length) turn(0);
    else made.querySelector("figcaption").textContent = "The screen itself is not shown. Research use only";
  }

  function rectangle(fov) {
    const [x0, y0, x1, y1] = fov.box;
    const drawn = document.createElementNS(SVG, "rect");
    const attributes = { x: x0, y: y0, width: x1 - x0, height: y1 - y0, class: fov.doubtful ? "unsure" : "sure" };
    for (const [key, value] of Object.entries(attributes)) drawn.setAttribute(key, value);
    return drawn;
  }

  function fill(list, lines) {
    list.replaceChildren(...lines.map((line) => element("li", { textContent: line })));
  }

  function download(name, text, blob) {
    return element("a", { className: "button", href: URL.createObjectURL(blob), download: name, textContent: text });
  }

  function bytes(text) {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  }

  function element(name, properties) {
    return Object.assign(document.createElement(name), properties);
  }

  $("files").addEventListener("change", (event) => {
    take(event.target.files);
    event.target.value = ""; // so that the same file can be chosen again
  });
  // A file dropped beside the frame would otherwise replace the page.
  for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
  window.addEventListener("dragover", () => $("drop").classList.add("over"));
  window.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  window.addEventListener("drop", (event) => {
    $("drop").classList.remove("over");
    take(event.dataTransfer.files);
  });
})();
