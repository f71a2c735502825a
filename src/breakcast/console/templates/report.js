"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);

  // Plotly takes no CSS variables: they are looked up each time it draws.
  const coloured = (value, style) => {
    if (typeof value === "string" && value.startsWith("var(")) {
      return style.getPropertyValue(value.slice(4, -1)).trim();
    }
    if (Array.isArray(value)) return value.map((item) => coloured(item, style));
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, coloured(item, style)]),
    );
  };

  const axis = (given, style) => ({
    gridcolor: style.getPropertyValue("--line").trim(),
    linecolor: style.getPropertyValue("--line").trim(),
    zeroline: false,
    automargin: true,
    fixedrange: true,
    ...given,
  });

  const draw = () => {
    const style = getComputedStyle(document.documentElement);
    for (const [name, given] of Object.entries(figures)) {
      const { data, layout } = coloured(given, style);
      for (const key of Object.keys(layout)) {
        if (/^[xy]axis/.test(key)) layout[key] = axis(layout[key], style);
      }
      const panel = style.getPropertyValue("--panel").trim();
      Plotly.react(`chart-${name}`, data, {
        paper_bgcolor: panel,
        plot_bgcolor: panel,
        font: {
          family: "system-ui, sans-serif",
          size: 12,
          color: style.getPropertyValue("--text").trim(),
        },
        margin: { l: 10, r: 12, t: 12, b: 10 },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
        hovermode: "closest",
        dragmode: false,
        ...layout,
      }, { displayModeBar: false, responsive: true });
    }
  };
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  const valueOf = (row, column) => row.cells[column].dataset.value;
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      head.querySelector("button").addEventListener("click", () => {
        const direction =
          head.getAttribute("aria-sort") === "descending" ? "ascending" : "descending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", direction);
        const sign = direction === "ascending" ? 1 : -1;
        const body = table.tBodies[0];
        const rows = [...body.rows].sort((one, other) => {
          const [a, b] = [valueOf(one, column), valueOf(other, column)];
          // What is undefined stays at the end, whichever way the rest goes.
          if (a === "" || b === "") return (a === "") - (b === "");
          const isText = column === 0;
          return sign * (isText ? a.localeCompare(b) : a - b);
        });
        body.append(...rows);
      });
    });
  }
})();
