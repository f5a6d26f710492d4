// Keeps the seat map fresh. The page is whole without this script; here only what differs is touched, so that selection,
// scroll and focus stay where they are. No answer and no question ever comes this way.

const form = document.getElementById("board");
const words = JSON.parse(document.getElementById("board-words").textContent);
const tiles = new Map(Object.entries(JSON.parse(document.getElementById("board-tiles").textContent)));
const seats = new Map([...form.querySelectorAll(".seat")].map((seat) => [seat.dataset.key, seat]));
const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

// -- time: the server's clock, carried on by the browser's own counter ------------------------------------------------

let offset = Number(form.dataset.ms) - performance.now();
const serverNow = () => performance.now() + offset;
const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", timeStyle: "medium", hourCycle: "h23" });

function left(seat) {
  const closes = seat.dataset.closes;
  const ms = closes ? Math.max(0, Number(closes) - serverNow()) : Number(seat.dataset.left ?? NaN);
  if (Number.isNaN(ms)) return "";
  if (ms >= 5 * 60_000) return fill(words.minutes, { n: Math.ceil(ms / 60_000) });
  const seconds = Math.ceil(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function tick() {
  for (const seat of seats.values()) {
    if (seat.dataset.closes) setText(seat.querySelector(".seat-left"), left(seat));
  }
}

// -- tiles ------------------------------------------------------------------------------------------------------------

function setData(seat, name, value) {
  if (value === null || value === undefined) delete seat.dataset[name];
  else if (seat.dataset[name] !== String(value)) seat.dataset[name] = value;
}

function paint(tile) {
  tiles.set(tile.k, tile);
  const seat = seats.get(tile.k) ?? addSeat(tile);
  if (!seat) return;
  const part = (name) => seat.querySelector(`.seat-${name}`);
  if (seat.dataset.state !== tile.s) {
    setData(seat, "state", tile.s);
    seat.querySelector("use").setAttribute("href", `#shape-${tile.s}`);
  }
  setData(seat, "alert", tile.al[0]);
  setData(seat, "closes", tile.z);
  setData(seat, "left", tile.l);
  setText(part("name"), tile.nm);
  setText(part("form"), tile.f);
  setText(part("word"), words.states[tile.s]);
  setText(part("left"), left(seat));
  setText(part("done"), tile.t ? `${tile.a}/${tile.t}` : "");
  setText(part("alert"), tile.al.length ? words.alerts[tile.al[0]] : "");
  const bar = seat.querySelector("progress");
  bar.hidden = !tile.t;
  bar.max = tile.t || 1;
  bar.value = tile.a;
  const pick = seat.querySelector("input");
  if (pick.value !== String(tile.e ?? "")) {
    pick.checked = false;
    pick.value = tile.e ?? "";
    pick.disabled = !tile.e;
    seat.querySelector("label").title = tile.nm;
  }
}

function addSeat(tile) {
  const map = form.querySelector(`.room[data-room="${tile.r}"] .map`);
  const model = form.querySelector(".seat");
  if (!map || !model) return null;
  const seat = model.cloneNode(true);
  seat.id = `seat-${tile.k}`;
  seat.dataset.key = tile.k;
  seat.querySelector("input").id = `pick-${tile.k}`;
  seat.querySelector("input").checked = false;
  seat.querySelector("label").htmlFor = `pick-${tile.k}`;
  setText(seat.querySelector(".seat-no"), String(tile.n ?? "–"));
  map.append(seat);
  seats.set(tile.k, seat);
  return seat;
}

function remove(key) {
  seats.get(key)?.remove();
  seats.delete(key);
  tiles.delete(key);
}

// -- counts and alerts ------------------------------------------------------------------------------------------------

function paintHead(head) {
  for (const box of document.querySelectorAll("[data-count]")) {
    setText(box.querySelector("dd"), String(head.counts[box.dataset.count]));
  }
  for (const box of form.querySelectorAll("[data-room-counts]")) {
    const room = head.rooms[box.dataset.roomCounts];
    if (room) setText(box, `${room.arrived}/${room.expected}`);
  }
  const waiting = document.getElementById("waiting");
  setText(waiting, String(head.requests));
  waiting.hidden = !head.requests;
  document.getElementById("clock-notice").hidden = !head.suspect;
  document.getElementById("outage-notice").hidden = !head.outages;
}

const alertsBox = document.getElementById("board-alerts");
const SHOWN = 12;

function paintAlerts() {
  const groups = new Map(Object.keys(words.alerts).map((kind) => [kind, []]));
  for (const tile of tiles.values()) for (const kind of tile.al) groups.get(kind)?.push(tile);
  const rows = [...groups].filter(([, found]) => found.length).map(([kind, found]) => alertRow(kind, found));
  const wanted = rows.length ? rows : [element("p", "alert-none", words.none)];
  const same = wanted.length === alertsBox.children.length && wanted.every((row, i) => row.isEqualNode(alertsBox.children[i]));
  if (!same && !alertsBox.contains(document.activeElement)) alertsBox.replaceChildren(...wanted);
}

const numbers = new Map([...form.querySelectorAll(".room")].map((room) => [Number(room.dataset.room), room.dataset.number]));
const roomOf = (tile) => ("many" in form.dataset ? `${numbers.get(tile.r)}-` : "");

function alertRow(kind, found) {
  const row = element("div", "alert-row");
  row.dataset.alert = kind;
  const name = element("span", "alert-name", `${words.alerts[kind]} `);
  name.append(element("b", "", String(found.length)));
  const list = element("span", "alert-seats");
  for (const tile of found.slice(0, SHOWN)) {
    const chip = element("a", "chip", `${roomOf(tile)}${tile.n ?? "–"} ${tile.nm}`);
    chip.href = `#seat-${tile.k}`;
    list.append(chip);
  }
  row.append(name, list);
  return row;
}

function element(tag, className, text) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  if (text) node.textContent = text;
  return node;
}

// -- the stream -------------------------------------------------------------------------------------------------------

const live = document.getElementById("live");
const STALE_AFTER_MS = 6000;
let heard = performance.now();

function showFreshness() {
  const age = performance.now() - heard;
  const at = clock.format(new Date(heard + offset));
  const stale = age > STALE_AFTER_MS;
  const tone = stale ? "stale" : "live";
  if (live.dataset.tone !== tone) {
    live.dataset.tone = tone;
    document.getElementById("live-say").textContent = stale ? fill(words.stale, { time: at }) : "";
  }
  setText(document.getElementById("live-text"), stale ? fill(words.stale, { time: at }) : fill(words.live, { time: at }));
}

function listen() {
  const source = new EventSource(form.dataset.stream);
  source.addEventListener("board", (event) => {
    const message = JSON.parse(event.data);
    heard = performance.now();
    offset = message.ms - heard;
    for (const key of message.gone ?? []) remove(key);
    for (const tile of message.tiles ?? []) paint(tile);
    if (message.full) {
      const known = new Set(message.tiles.map((tile) => tile.k));
      for (const key of [...seats.keys()]) if (!known.has(key)) remove(key);
    }
    if (message.head) paintHead(message.head);
    if (message.tiles || message.gone) {
      paintAlerts();
      countSelected();
    }
    showFreshness();
  });
  // A refused stream (signed out, or a proxy's error page) is not tried again by the browser: try now and then.
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000 + Math.random() * 5000);
  });
}

// -- selection and acts -----------------------------------------------------------------------------------------------

const selected = document.getElementById("selected");
const clear = document.getElementById("clear");

function countSelected() {
  if (!selected) return;
  const n = form.querySelectorAll(".seat input:checked").length;
  setText(selected, fill(words.selected, { n }));
  clear.hidden = n === 0;
}

form.addEventListener("change", (event) => {
  if (event.target.name === "entry" && event.target.checked) form.querySelector("[name=width][value=selected]").checked = true;
  countSelected();
});
clear?.addEventListener("click", () => {
  for (const pick of form.querySelectorAll(".seat input:checked")) pick.checked = false;
  countSelected();
});

const dialog = document.getElementById("act-dialog");
const body = document.getElementById("act-body");

async function show(url, options) {
  try {
    const answer = await fetch(url, { ...options, headers: { "HX-Request": "true" } });
    const elsewhere = answer.headers.get("HX-Redirect");
    if (elsewhere) return location.assign(elsewhere);
    body.innerHTML = await answer.text();
  } catch {
    body.replaceChildren(element("p", "alert bad", words.failed));
  }
  if (!dialog.open) dialog.showModal();
  body.querySelector("input:not([type=hidden]), textarea, select, .btn")?.focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const data = new FormData(form);
  if (data.get("width") === "all") data.delete("entry");
  const address = event.submitter?.formAction || form.action;
  show(`${address}?${new URLSearchParams(data)}`);
});
dialog.addEventListener("submit", (event) => {
  event.preventDefault();
  const data = new FormData(event.target, event.submitter);
  for (const button of event.target.querySelectorAll("button")) button.disabled = true;
  show(event.target.action, { method: "POST", body: new URLSearchParams(data) });
});
dialog.addEventListener("click", (event) => {
  if (event.target === dialog || event.target.closest("[data-close]")) {
    event.preventDefault();
    dialog.close();
  }
});

setInterval(tick, 1000);
setInterval(showFreshness, 1000);
document.addEventListener("visibilitychange", tick);
paintAlerts();
countSelected();
tick();
listen();
