"use strict";
// Draws the figures in the colours of the page, and makes its tables sortable.
(() => {
  const root = document.documentElement;
  const prefersDark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => root.dataset.scheme ? root.dataset.scheme === "dark" : prefersDark.matches;
  const PRINTED_WIDTH = 690; // pixels: an upright A4 or letter page without its margins

  // Figures
  const figures = [...document.querySelectorAll("script[data-plot]")].map((script) => ({
    place: document.getElementById(script.dataset.plot),
    content: script.textContent,
  }));

  // The blue of the series has too little contrast on a dark page.
  const shaded = (text, dark) => dark
    ? text.replaceAll("#0072B2", "#3D9AD9").replaceAll("rgba(0,114,178,", "rgba(61,154,217,") : text;

  function dress({ data, layout }, dark) {
    const { ink, rule, page, paper } = dark
      ? { ink: "#c9cecb", rule: "rgba(160,170,175,0.22)", page: "#23292e", paper: "rgba(21,24,27,0.8)" }
      : { ink: "#3a4248", rule: "rgba(90,100,106,0.18)", page: "#ffffff", paper: "rgba(253,253,251,0.8)" };
    layout.font = { ...layout.font, color: ink };
    layout.hoverlabel = { ...layout.hoverlabel, bgcolor: page, bordercolor: rule,
      font: { ...(layout.hoverlabel || {}).font, color: ink } };
    layout.modebar = { bgcolor: "rgba(0,0,0,0)", color: ink, activecolor: ink };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) {
        Object.assign(layout[key], { gridcolor: rule, linecolor: rule, zerolinecolor: rule, tickcolor: rule });
      }
    }
    for (const annotation of layout.annotations || []) {
      annotation.font = { ...annotation.font, color: ink };
      if (annotation.bgcolor) annotation.bgcolor = paper;
    }
    return { data, layout };
  }

  function draw({ place, content }, dark, width) {
    const { data, layout } = dress(JSON.parse(shaded(content, dark)), dark);
    // A finger that moves the page must not move a plot.
    if (window.matchMedia("(pointer: coarse)").matches) layout.dragmode = false;
    Plotly.react(place, data, { ...layout, width, autosize: !width }, CONFIGURATION);
    if ((layout.meta || {}).keeps_selected_lines) filterLines(place);
    describe(place);
    makeToolbar(place);
  }

  // For a screen reader a figure is its description: not the numbers of its ticks, one by one.
  function describe(place) {
    place.dataset.description ||= place.getAttribute("aria-label");
    place.setAttribute("aria-label", "Figure with tools");
    place.querySelectorAll(".main-svg").forEach((layer, index) => {
      if (index) {
        layer.setAttribute("aria-hidden", "true");
      } else {
        layer.setAttribute("role", "img");
        layer.setAttribute("aria-label", place.dataset.description);
      }
    });
  }

  // The tools of a figure are one stop of the Tab key; arrows go from one to the next.
  function makeToolbar(place) {
    const bar = place.querySelector(".modebar");
    const tools = bar ? [...bar.querySelectorAll("button")] : [];
    if (!tools.length) return;
    const choose = (index) => tools.forEach((tool, i) => { tool.tabIndex = i === index ? 0 : -1; });
    choose(0);
    bar.setAttribute("role", "toolbar");
    bar.setAttribute("aria-label", "Tools of the figure");
    bar.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const index = (tools.indexOf(document.activeElement) + step + tools.length) % tools.length;
      choose(index);
      tools[index].focus();
      event.preventDefault();
    };
  }

  const drawAll = (dark, width) => figures.forEach((figure) => draw(figure, dark, width));

  // Of lines that are separated by nulls, a selection keeps those that pass through it at every
  // axis it covers; a double click shows all again.
  function filterLines(place) {
    place.removeAllListeners("plotly_selected");
    place.removeAllListeners("plotly_doubleclick");
    const all = place.data.map((trace) => [...trace.y]);
    let shown = all;
    const show = (lines) => {
      shown = lines;
      Plotly.update(place, { y: lines }, { selections: [] });
    };
    place.on("plotly_selected", (event) => {
      if (!event || !event.range) return;
      const [left, right] = [...event.range.x].sort((a, b) => a - b);
      const [low, high] = [...event.range.y].sort((a, b) => a - b);
      const step = place.data[0].x.indexOf(null) + 1;
      show(shown.map((values) => {
        const kept = [...values];
        for (let start = 0; start < values.length; start += step) {
          const line = values.slice(start, start + step - 1);
          const passes = line.every((y, axis) => axis < left || axis > right || (y >= low && y <= high));
          if (!passes) kept.fill(null, start, start + step - 1);
        }
        return kept;
      }));
    });
    place.on("plotly_doubleclick", () => show(all));
  }

  // Tables
  const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

  /** The number that a cell begins with, NaN where it is a text. */
  function numberOf(text) {
    const plain = text.replace(/−/g, "-").replace(/[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+/g,
      (power) => "^" + [...power].map((sign) => sign === "⁻" ? "-" : SUPERSCRIPTS.indexOf(sign)).join(""));
    const match = plain.match(/^(?:≥ |\|λ\| ≤ )?(-?)(∞|[\d.]+)(?: × 10\^(-?\d+)|\^(-?\d+))?/);
    if (!match) return NaN;
    const [, sign, digits, exponent, power] = match;
    const size = digits === "∞" ? Infinity : power ? Number(digits) ** Number(power)
      : Number(digits) * 10 ** Number(exponent || 0);
    return sign ? -size : size;
  }

  function compareCells(a, b) {
    const [x, y] = [numberOf(a), numberOf(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x < y ? -1 : Number(x > y);
  }

  function sortRows(table, heading, rows) {
    const former = heading.getAttribute("aria-sort");
    const order = former === "ascending" ? "descending" : former === "descending" ? "none" : "ascending";
    table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
    if (order !== "none") heading.setAttribute("aria-sort", order);
    const column = heading.cellIndex;
    const text = (row) => row.cells[column].textContent.trim();
    const isMissing = (row) => text(row).startsWith("–"); // last in either order
    const sign = order === "descending" ? -1 : 1;
    const sorted = order === "none" ? rows : [...rows].sort((a, b) =>
      isMissing(a) - isMissing(b) || sign * compareCells(text(a), text(b)));
    table.tBodies[0].append(...sorted);
  }

  function makeSortable(table) {
    const rows = [...table.tBodies[0].rows];
    if (rows.length < 3) return;
    for (const heading of table.tHead.rows[0].cells) {
      if (!heading.textContent) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.append(...heading.childNodes);
      heading.append(button);
      button.addEventListener("click", () => sortRows(table, heading, rows));
    }
  }

  // What is wider than the page says so, and is a stop of the Tab key only then.
  function markScrolling(region) {
    const hint = document.createElement("p");
    hint.className = "hint";
    hint.textContent = "Scroll sideways to see all of it →";
    hint.setAttribute("aria-hidden", "true");
    region.before(hint);
    const update = () => {
      const scrolls = region.scrollWidth > region.clientWidth + 1;
      hint.hidden = !scrolls;
      if (scrolls) region.tabIndex = 0; else region.removeAttribute("tabindex");
    };
    new ResizeObserver(update).observe(region);
    if (region.firstElementChild) new ResizeObserver(update).observe(region.firstElementChild);
    update();
  }

  // The scheme of colours
  const button = document.getElementById("scheme");
  const nameButton = () => { if (button) button.textContent = isDark() ? "Light colours" : "Dark colours"; };
  function follow() {
    nameButton();
    drawAll(isDark());
  }
  if (button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      root.dataset.scheme = isDark() ? "light" : "dark";
      follow();
    });
  }
  prefersDark.addEventListener("change", follow);

  // On paper everything is open, and figures are as wide as the sheet.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((details) => { details.open = true; });
    drawAll(false, PRINTED_WIDTH);
  });
  window.addEventListener("afterprint", () => {
    folded.forEach((details) => { details.open = false; });
    drawAll(isDark());
  });

  nameButton();
  document.querySelectorAll("table.sortable").forEach(makeSortable);
  document.querySelectorAll(".scroll").forEach(markScrolling);
  // One after the other, so that the first is seen at once and the page answers.
  (function drawFrom(index) {
    if (index === figures.length) {
      root.dataset.drawn = String(index);
      return;
    }
    draw(figures[index], isDark());
    setTimeout(drawFrom, 0, index + 1);
  })(0);
})();
