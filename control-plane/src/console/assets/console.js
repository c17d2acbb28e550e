// What goes on by itself (data-live), and copying (data-copy). All else works without it.
"use strict";

// An element with data-live="PATH" takes pieces of the page from there, made by the server's
// templates. data-live-most="N": so many children stay. The browser asks again after a while, and
// says by itself which piece was the last (last-event-id). What has data-until-end goes with the end.
function follow(element) {
  const source = new EventSource(element.dataset.live);
  const most = Number(element.dataset.liveMost) || 200;
  source.addEventListener("prepend", (event) => {
    element.insertAdjacentHTML("afterbegin", event.data);
    while (element.children.length > most) element.lastElementChild.remove();
  });
  source.addEventListener("replace", (event) => { element.innerHTML = event.data; });
  source.addEventListener("end", (event) => {
    element.innerHTML = event.data;
    document.querySelectorAll("[data-until-end]").forEach((part) => part.remove());
    source.close();
  });
  addEventListener("pagehide", () => source.close());
}

function offerCopy(button) {
  const field = document.getElementById(button.dataset.copy);
  if (!field || !navigator.clipboard) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(field.value);
    button.textContent = "Copied";
  });
}

document.querySelectorAll("[data-live]").forEach(follow);
document.querySelectorAll("[data-copy]").forEach(offerCopy);
