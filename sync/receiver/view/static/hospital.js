// New pictures appear at the top by themselves. The server makes the rows; this only asks whether there are any.
const every = 2000;
const list = document.getElementById("captures");
const notice = document.getElementById("notice");

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
  document.getElementById("quarantined").textContent = facts.quarantined;
  document.getElementById("alarm").hidden = facts.quarantined === 0;
  document.getElementById("status").dataset.listening = facts.listening ? "yes" : "no";
  document.getElementById("status-words").textContent = facts.listening ? "Receiving" : "No receiver is at work";
}

async function fetched(path) {
  const answer = await fetch(path, { headers: { Accept: "*/*" } });
  if (answer.status === 401) throw new Error("Your session has ended. Open a new link to see what arrives.");
  if (!answer.ok) throw new Error("The archive does not answer. New pictures appear once it does.");
  return answer;
}

async function look() {
  const facts = await (await fetched("/captures.json")).json();
  if (facts.newest > newest()) {
    const text = await (await fetched(`/rows?after=${newest()}`)).text();
    const rows = new DOMParser().parseFromString(text, "text/html").querySelectorAll("article.capture");
    for (const row of [...rows].reverse()) {
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
