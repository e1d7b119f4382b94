"use strict";
// Draws every figure of the page and keeps it in the colours of the page's scheme.
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const colours = (isDark) => isDark
    ? { ink: "#c9cecb", rule: "rgba(160,170,175,0.22)", page: "#23292e" }
    : { ink: "#3a4248", rule: "rgba(90,100,106,0.18)", page: "#ffffff" };

  function dress(figure, isDark) {
    const { ink, rule, page } = colours(isDark);
    const layout = figure.layout;
    layout.font = { ...layout.font, color: ink };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: page, bordercolor: rule,
      font: { ...(layout.hoverlabel || {}).font, color: ink } };
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: rule, activecolor: ink };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) {
        Object.assign(layout[key], { gridcolor: rule, linecolor: rule, zerolinecolor: rule, tickcolor: rule });
      }
    }
    for (const annotation of layout.annotations || []) {
      annotation.font = { ...annotation.font, color: ink };
    }
    for (const trace of figure.data) {
      if (trace.type === "parcoords") {
        trace.labelfont = { ...trace.labelfont, color: ink };
        trace.tickfont = { ...trace.tickfont, color: ink };
      }
    }
    return figure;
  }

  const figures = [...document.querySelectorAll("script[data-plot]")].map((script) => ({
    place: document.getElementById(script.dataset.plot),
    content: JSON.parse(script.textContent),
  }));

  function draw(isDark) {
    for (const { place, content } of figures) {
      const { data, layout } = dress(content, isDark);
      // A phone has no room for five ticks and a wide legend beside each other.
      layout.dragmode = window.matchMedia("(pointer: coarse)").matches ? false : layout.dragmode;
      Plotly.react(place, data, { ...layout }, CONFIGURATION);
    }
  }

  draw(dark.matches);
  dark.addEventListener("change", () => draw(dark.matches));
  window.addEventListener("beforeprint", () => draw(false));
  window.addEventListener("afterprint", () => draw(dark.matches));
})();
