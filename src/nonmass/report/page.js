// Without this script the page is whole: all pictures stand in it, and Tab stops at every number.
"use strict";

const all = (selector) => [...document.querySelectorAll(selector)];

// Numbers are links to their sources. There are hundreds, so Tab passes them by until somebody asks for them.
const sourced = document.getElementById("sourced");
function reachNumbers(isOn) {
  sourced.setAttribute("aria-pressed", String(isOn));
  document.body.classList.toggle("sourced", isOn);
  for (const link of all("main a.n")) link.tabIndex = isOn ? 0 : -1;
}
sourced.addEventListener("click", () => reachNumbers(sourced.getAttribute("aria-pressed") !== "true"));
reachNumbers(false);
sourced.hidden = false;

// A place may lie in a part of the list that is folded.
function unfold() {
  const place = location.hash && document.getElementById(location.hash.slice(1));
  const folded = place && place.closest("details");
  if (!folded) return;
  folded.open = true;
  place.scrollIntoView({ block: "center" });
}
addEventListener("hashchange", unfold);
unfold();

for (const filters of all(".filters")) {
  const groups = all(`#${filters.dataset.of} .kind`);
  const show = () => {
    const wanted = Object.fromEntries(new FormData(filters));
    let shown = 0;
    for (const group of groups) {
      group.hidden = Object.entries(wanted).some(([name, value]) => value && group.dataset[name] !== value);
      if (!group.hidden) shown += group.querySelectorAll("img").length;
    }
    filters.querySelector("output").textContent = `${shown} shown`;
  };
  filters.addEventListener("change", show);
  filters.hidden = false;
  show();
}

const large = document.getElementById("large");
const shown = new Image();
large.querySelector("p").before(shown);
for (const picture of all(".gallery img")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "enlarge";
  button.title = "Enlarge";
  picture.replaceWith(button);
  button.append(picture);
  button.addEventListener("click", () => {
    shown.src = picture.src;
    shown.alt = picture.alt;
    large.querySelector("p").textContent = picture.alt;
    large.showModal();
  });
}
large.addEventListener("click", (event) => event.target === large && large.close());

// On a narrow screen tables are wider than it; that they go on is said, not left to a scroll bar that may be invisible.
function hint() {
  for (const frame of all(".scroll, .drawing")) {
    frame.classList.toggle("wide", frame.scrollWidth > frame.clientWidth + 1);
  }
}
addEventListener("resize", hint);
hint();
