// What pages do beside htmx: the theme, times that stay true. Without it nothing is missing.
"use strict";

(function () {
  const THEMES = ["system", "light", "dark"];
  const root = document.documentElement;

  function stored() {
    try {
      return localStorage.getItem("theme") || "system";
    } catch (error) {
      return "system";
    }
  }

  function show(theme) {
    if (theme === "system") {
      root.removeAttribute("data-theme");
    } else {
      root.dataset.theme = theme;
    }
  }

  show(stored());

  // "3 min 20 s ago": the words of the server, as far as they change while a page is open.
  function words(seconds) {
    if (seconds < 60) return `${Math.round(seconds)} s`;
    if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
    if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
    return `${Math.floor(seconds / 86400)} d`;
  }

  function tell() {
    for (const time of document.querySelectorAll("time[data-ago]")) {
      const seconds = (Date.now() - Date.parse(time.dateTime)) / 1000;
      if (seconds >= 0) time.textContent = `${words(seconds)} ago`;
    }
  }

  // The lines of an output as they are written; the oldest go when there are too many to be shown.
  const MOST_LINES = 5000;

  function follow(output) {
    const lines = output.querySelector(".lines:last-of-type");
    const place = new URL(output.dataset.follow, location.href);
    const source = new EventSource(place);
    source.addEventListener("lines", function (event) {
      const [offset, number] = event.lastEventId.split(".");
      place.searchParams.set("offset", offset);
      place.searchParams.set("number", number);
      output.dataset.follow = place;
      const left = root.scrollHeight - root.scrollTop - root.clientHeight;
      lines.insertAdjacentHTML("beforeend", event.data);
      while (lines.childElementCount > MOST_LINES) lines.firstElementChild.remove();
      if (left < 40) root.scrollTop = root.scrollHeight;
    });
    source.addEventListener("end", () => source.close());
    source.addEventListener("error", function () {
      if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(output), 2000);
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("pre[data-follow]").forEach(follow);
    const button = document.querySelector("button.theme");
    function name(theme) {
      button.textContent = { system: "Auto", light: "Light", dark: "Dark" }[theme];
    }
    if (button) {
      button.hidden = false;
      name(stored());
      button.addEventListener("click", function () {
        const next = THEMES[(THEMES.indexOf(stored()) + 1) % THEMES.length];
        try {
          localStorage.setItem("theme", next);
        } catch (error) {
          // The choice holds for this page.
        }
        show(next);
        name(next);
      });
    }
    tell();
    setInterval(tell, 10000);
    document.body.addEventListener("htmx:afterSwap", tell);
  });
})();
