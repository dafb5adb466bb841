// What pages do beside htmx: the theme, times that stay true, outputs that are followed. Without it nothing is missing.
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

  // An output that grows is followed while its end is in view: whoever reads further up is not disturbed.
  let missed = false;

  function growing() {
    return document.querySelector("pre.follows");
  }

  function away() {
    const output = growing();
    return output !== null && output.getBoundingClientRect().bottom > innerHeight + 60;
  }

  function toTheEnd() {
    const output = growing();
    if (output) output.scrollIntoView({ block: "end" });
  }

  function live() {
    toTheEnd();
    // What somebody has opened or closed stays so.
    Idiomorph.defaults.callbacks.beforeAttributeUpdated = function (name, node) {
      return name !== "open" || node.localName !== "details";
    };
    document.body.addEventListener("htmx:beforeRequest", function (event) {
      if (event.target.id === "live" && away()) {
        missed = true;
        event.preventDefault();
      }
    });
    document.body.addEventListener("htmx:afterSwap", function (event) {
      if (event.target.id === "live") toTheEnd();
    });
    document.addEventListener("scroll", function () {
      if (missed && !away()) {
        missed = false;
        htmx.trigger("#live", "sse:change");
      }
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
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
    live();

    // What somebody fills in is not taken from under their hands; the page is brought up to date when they are done.
    const isOpen = () => document.querySelector("#live details.act[open]") !== null;
    document.body.addEventListener("htmx:beforeSwap", function (event) {
      if (event.detail.target && event.detail.target.id === "live" && isOpen()) event.detail.shouldSwap = false;
    });
    document.body.addEventListener(
      "toggle",
      function (event) {
        const live = document.getElementById("live");
        if (live && event.target.matches("details.act") && !isOpen()) htmx.trigger(live, "sse:change");
      },
      true,
    );
  });
})();
