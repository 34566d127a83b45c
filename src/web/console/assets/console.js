// Speed for the hand: keys, focus, live updates. Every page works without this file.

const typing = (element) => element?.closest("input, select, textarea, dialog[open]");
const rows = () => [...document.querySelectorAll("[data-row]")];
const MEMORY = "salesbridge.row";

// The place in the queue outlives a saved tag: the row that follows is where the hand already is.
function remember(row) {
  const index = rows().indexOf(row);
  if (index >= 0) sessionStorage.setItem(MEMORY, JSON.stringify({ id: row.closest(".row").id, index }));
}

function focusRemembered() {
  if (location.hash || typing(document.activeElement)) return;
  const list = rows();
  if (!list.length) return;
  const { id, index } = JSON.parse(sessionStorage.getItem(MEMORY) ?? "{}");
  const same = id && document.getElementById(id)?.querySelector("[data-row]");
  (same ?? list[Math.min(index ?? 0, list.length - 1)]).focus({ preventScroll: !index });
}

function move(step) {
  const list = rows();
  if (!list.length) return false;
  const here = list.indexOf(document.activeElement);
  const next = list[Math.max(0, Math.min(list.length - 1, here < 0 ? 0 : here + step))];
  next.focus();
  remember(next);
  return true;
}

// Opens the n-th tag and stands on what is to be done next: the amount if it is missing, else the button.
function choose(number) {
  const tag = document.getElementById(`tag-${number}`);
  if (!tag) {
    const row = rows().includes(document.activeElement) ? document.activeElement : null;
    if (!row) return false;
    remember(row);
    // No element has this name: the browser moves the focus away from one that has.
    location.href = `${row.href}#choose-${number}`;
    return true;
  }
  tag.open = true;
  const amount = tag.querySelector("input[name=value]");
  const button = tag.querySelector("[data-save], fieldset button:enabled");
  (amount && !amount.value && amount.required ? amount : button).focus();
  tag.scrollIntoView({ block: "nearest" });
  return true;
}

function chooseByHash() {
  const number = /^#choose-([1-9])$/.exec(location.hash)?.[1];
  if (number) choose(number);
}

const keys = {
  j: () => move(1),
  k: () => move(-1),
  u: () => {
    const form = document.querySelector("#flash form[data-key=u]") ?? document.querySelector("form[data-key=u]");
    form?.requestSubmit();
    return Boolean(form);
  },
  s: () => {
    const snooze = document.getElementById("snooze");
    if (!snooze) return false;
    snooze.open = true;
    snooze.querySelector(".buttons button").focus();
    return true;
  },
  "/": () => {
    const search = document.getElementById("q");
    search?.focus();
    search?.select();
    return Boolean(search);
  },
  "?": () => {
    document.getElementById("keys")?.showModal();
    return true;
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.key === "Escape" && typing(document.activeElement)) document.activeElement.blur();
  if (typing(event.target)) return;
  const done = /^[1-9]$/.test(event.key) ? choose(event.key) : keys[event.key]?.();
  if (done) event.preventDefault();
});

document.addEventListener("click", (event) => {
  const row = event.target.closest("[data-row]");
  if (row) remember(row);
  if (event.target.closest("[data-keys]")) document.getElementById("keys").showModal();
});

// The same form goes once: a second press while the first is on its way says nothing new.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "1";
});
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Asks for this page again and takes over the parts that may have changed; forms and focus stay.
let asking = false;
let again = false;
async function refresh() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  try {
    const answer = await fetch(location.href.replace(/#.*/, ""), { headers: { accept: "text/html" } });
    if (answer.redirected && new URL(answer.url).pathname.startsWith("/console/login")) location.reload();
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-part], #count")) {
      const fresh = page.getElementById(part.id);
      if (!fresh || fresh.innerHTML === part.innerHTML) continue;
      const held = part.contains(document.activeElement) ? document.activeElement : null;
      const id = held?.closest("[id]")?.id;
      const index = rows().indexOf(held);
      part.innerHTML = fresh.innerHTML;
      if (!held) continue;
      const same = id && document.getElementById(id);
      const list = rows();
      const back = (same?.matches("[data-row]") ? same : same?.querySelector("[data-row]"))
        ?? list[Math.min(index, list.length - 1)];
      back?.focus({ preventScroll: true });
    }
  } finally {
    asking = false;
    if (again) {
      again = false;
      refresh();
    }
  }
}

const live = document.body.dataset.live;
if (live && document.querySelector("[data-part]")) {
  const stream = new EventSource(live);
  stream.addEventListener("changed", refresh);
  // What changed while nobody listened.
  stream.addEventListener("open", refresh);
  addEventListener("pagehide", () => stream.close());
}

// On a narrow screen the menu goes on beyond its edge.
document.querySelector("nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
for (const button of document.querySelectorAll("[data-keys]")) button.hidden = false;
addEventListener("hashchange", chooseByHash);
chooseByHash();
focusRemembered();
document.documentElement.dataset.ready = "1";
