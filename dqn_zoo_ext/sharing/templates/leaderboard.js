"use strict";
const body = document.querySelector("#board tbody"), rows = [...body.rows];
const search = document.getElementById("search"), algo = document.getElementById("algo");
const mine = document.getElementById("mine"), shown = document.getElementById("shown");
const none = document.getElementById("none"), headers = [...document.querySelectorAll("th[data-key]")];
const theatre = document.getElementById("theatre"), player = theatre.querySelector("video");
const words = rows.map(row => row.dataset.words.toLowerCase());

function filter() {
  const asked = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  rows.forEach((row, index) => {
    const wanted = asked.every(word => words[index].includes(word)) && (!algo.value || row.dataset.algo === algo.value) &&
      !(mine && mine.checked && !row.classList.contains("mine"));
    row.hidden = !wanted;
    count += wanted;
  });
  shown.textContent = count === rows.length ? `${count} agents` : `${count} of ${rows.length} agents`;
  none.hidden = count > 0;
}

function sortBy(header) {
  const key = header.dataset.key, numbers = header.dataset.kind === "number";
  const before = header.getAttribute("aria-sort");
  const down = before ? before === "ascending" : header.dataset.first === "descending";
  headers.forEach(each => each.removeAttribute("aria-sort"));
  header.setAttribute("aria-sort", down ? "descending" : "ascending");
  const value = row => numbers ? Number(row.dataset[key]) : row.dataset[key].toLowerCase();
  const sorted = rows.map(row => [value(row), Number(row.dataset.rank), row]);
  sorted.sort(([a, first], [b, second]) => (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1) || first - second);
  body.append(...sorted.map(([, , row]) => row));
}

function play(button) {
  theatre.querySelector("h2").textContent = button.dataset.name;
  player.src = button.dataset.video;
  theatre.classList.remove("broken");
  theatre.showModal();
  player.play().catch(() => {});  // the error event says so
}

function stop() {
  player.pause();
  player.removeAttribute("src");
  player.load();
}

search.addEventListener("input", filter);
algo.addEventListener("change", filter);
if (mine) mine.addEventListener("change", filter);
headers.forEach(header => header.querySelector("button").addEventListener("click", () => sortBy(header)));
body.addEventListener("click", event => {
  const button = event.target.closest("button[data-video]");
  if (button) play(button);
});
theatre.addEventListener("close", stop);
theatre.addEventListener("click", event => { if (event.target === theatre) theatre.close(); });
theatre.querySelector("button").addEventListener("click", () => theatre.close());
player.addEventListener("error", () => { if (player.hasAttribute("src")) theatre.classList.add("broken"); });
filter();
