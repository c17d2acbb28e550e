// What goes on by itself (data-live), and copying (data-copy). All else works without it.
"use strict";

// Where the browser has given up, so long passes before it is asked again: at first, and at most.
const FIRST_WAIT_MS = 3000, LONGEST_WAIT_MS = 60000;
// Of a tab that was not seen for longer, the page is loaded again: there may be too much to catch
// up with.
const LONGEST_ABSENCE_MS = 60000;
// So many keys are remembered. A tail that goes on may repeat some hundred attempts.
const MAX_KEYS = 1000;

// An element with data-live="PATH" takes pieces of the page from there, made by the server's
// templates. data-live-most="N": so many children stay. A child whose data-key was there before is
// left out. The browser asks again after a while, and says by itself which piece was the last
// (last-event-id); where it was answered by a proxy it gives up, and this asks again (after=ID).
// What has data-until-end goes with the end. What has data-live-lost is shown while nothing comes.
// A tab that is not seen has no connection: over HTTP/1.1 browsers have six to a host, and with
// six tails no other page would come.
function follow(element) {
  const most = Number(element.dataset.liveMost) || 200;
  const keys = new Set(Array.from(element.children, (child) => child.dataset.key));
  const lost = document.querySelector("[data-live-lost]");
  let source = null, last = "", wait = FIRST_WAIT_MS, timer = 0, failures = 0;
  let leftAt = 0, isOver = false;

  function tell(isLost) {
    if (lost) lost.hidden = !isLost;
  }

  function stop() {
    clearTimeout(timer);
    if (source) source.close();
  }

  function prepend(text) {
    const piece = document.createElement("template");
    piece.innerHTML = text;
    for (const child of Array.from(piece.content.children)) {
      const key = child.dataset.key;
      if (key && keys.has(key)) child.remove();
      else if (key) keys.add(key);
    }
    for (const oldest of keys) {
      if (keys.size <= MAX_KEYS) break;
      keys.delete(oldest);
    }
    element.prepend(piece.content);
    while (element.children.length > most) element.lastElementChild.remove();
  }

  function end(text) {
    element.innerHTML = text;
    document.querySelectorAll("[data-until-end]").forEach((part) => part.remove());
    isOver = true;
    stop();
  }

  function listen() {
    stop();
    const address = new URL(element.dataset.live, location);
    if (last) address.searchParams.set("after", last);
    source = new EventSource(address);
    const on = (kind, act) => source.addEventListener(kind, (event) => {
      last = event.lastEventId || last;
      act(event.data);
    });
    on("prepend", prepend);
    on("replace", (text) => { element.innerHTML = text; });
    on("end", end);
    source.addEventListener("open", () => {
      wait = FIRST_WAIT_MS;
      failures = 0;
      tell(false);
    });
    source.addEventListener("error", () => {
      // Each request ends after a minute: one error is none.
      failures += 1;
      const isRefused = source.readyState === EventSource.CLOSED;
      if (isRefused || failures > 1) tell(true);
      if (!isRefused) return;
      timer = setTimeout(listen, wait);
      wait = Math.min(2 * wait, LONGEST_WAIT_MS);
    });
  }

  function leave() {
    leftAt = Date.now();
    stop();
  }

  function comeBack() {
    // What never began has nothing to go on from.
    const isOld = !last || Date.now() - leftAt > LONGEST_ABSENCE_MS;
    if (isOld) location.reload();
    else listen();
  }

  if (document.hidden) leave();
  else listen();
  document.addEventListener("visibilitychange", () => {
    if (isOver) return;
    if (document.hidden) leave();
    else comeBack();
  });
  addEventListener("pagehide", stop);
}

function offerCopy(button) {
  const field = document.getElementById(button.dataset.copy);
  if (!field || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(field.value);
      button.textContent = "Copied";
    } catch {
      // The browser does not allow it: one key copies what is selected.
      field.select();
    }
  });
}

document.querySelectorAll("[data-live]").forEach(follow);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
