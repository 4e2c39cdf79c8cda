// New pictures appear at the top by themselves. The server makes the rows; this only asks whether there are any.
const every = 2000;
const list = document.getElementById("captures");
const notice = document.getElementById("notice");

const number = (id) => Number(document.getElementById(id).textContent);
let opened = number("count") - number("sealed-count") - number("shut-count");
let shut = number("shut-count");

const newest = () => Number(list.firstElementChild?.dataset.filed ?? 0);

function say(sentence) {
  notice.textContent = sentence;
  notice.hidden = sentence === "";
}

function show(facts) {
  document.getElementById("filed").hidden = facts.captures === 0;
  document.getElementById("count").textContent = facts.captures;
  document.getElementById("devices").textContent = facts.devices === 1 ? "1 device" : `${facts.devices} devices`;
  document.getElementById("sealed").hidden = facts.sealed === 0;
  document.getElementById("sealed-count").textContent = facts.sealed;
  document.getElementById("shut").hidden = facts.not_openable === 0;
  document.getElementById("shut-count").textContent = facts.not_openable;
  document.getElementById("quarantined").textContent = facts.quarantined;
  document.getElementById("alarm").hidden = facts.quarantined === 0;
  document.getElementById("raised-count").textContent = facts.alarms;
  document.getElementById("raised").hidden = facts.alarms === 0;
  document.getElementById("status").dataset.listening = facts.listening ? "yes" : "no";
  document.getElementById("status-words").textContent = facts.listening ? "Receiving" : "No receiver is at work";
}

async function fetched(path) {
  const answer = await fetch(path, { headers: { Accept: "*/*" } });
  if (answer.status === 401) throw new Error("Your session has ended. Open a new link to see what arrives.");
  if (!answer.ok) throw new Error("The archive does not answer. New pictures appear once it does.");
  return answer;
}

async function rowsAfter(filed) {
  const text = await (await fetched(`/rows?after=${filed}`)).text();
  return [...new DOMParser().parseFromString(text, "text/html").querySelectorAll("article.capture")];
}

// Rows that say they are sealed are made again once somebody has opened some, or could not.
async function openRows(facts) {
  const waiting = [...list.querySelectorAll("article[data-sealed]")];
  const now = facts.captures - facts.sealed - facts.not_openable;
  if (waiting.length && (now !== opened || facts.not_openable !== shut)) {
    for (const row of await rowsAfter(Number(waiting.at(-1).dataset.filed) - 1)) {
      waiting.find((old) => old.dataset.filed === row.dataset.filed)?.replaceWith(document.adoptNode(row));
    }
  }
  [opened, shut] = [now, facts.not_openable];
}

async function look() {
  const facts = await (await fetched("/captures.json")).json();
  await openRows(facts);
  if (facts.newest > newest()) {
    for (const row of (await rowsAfter(newest())).reverse()) {
      row.classList.add("new");
      list.prepend(document.adoptNode(row));
      setTimeout(() => row.classList.remove("new"), 15000);
    }
    document.getElementById("empty").hidden = true;
  }
  show(facts);
  say("");
}

async function keepLooking() {
  try {
    if (!document.hidden) await look();
  } catch (error) {
    say(error instanceof TypeError ? "The hospital's server does not answer. Trying again." : error.message);
  }
  setTimeout(keepLooking, every);
}

document.addEventListener("visibilitychange", () => document.hidden || look().catch(() => {}));
setTimeout(keepLooking, every);
