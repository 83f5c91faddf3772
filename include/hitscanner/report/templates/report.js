"use strict";
// Draws the map and the plots with Plotly from the JSON above; the colours are the style sheet's.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const { map, charts } = data;
  const { dots, lines, sets, vps } = map;
  const $ = (id) => document.getElementById(id);
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const VP = 0, ROUTER = 1, DESTINATION = 2;
  const SEVERAL = "several", OTHER = "another one";
  const config = { displaylogo: false, responsive: true, scrollZoom: true, modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"] };
  const state = { vp: null, colour: vps.length > map.own_colour.length ? "far" : "vp", arrange: "rings", ends: true };

  // WebGL without a graphics card is slower than SVG (measured: four times, when dragging).
  const hasGraphicsCard = (() => {
    try {
      const gl = document.createElement("canvas").getContext("webgl");
      const names = gl.getExtension("WEBGL_debug_renderer_info");
      return !/swiftshader|llvmpipe|software|basic render/i.test(gl.getParameter(names ? names.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
    } catch (error) { return false; }
  })();
  const scatter = hasGraphicsCard ? "scattergl" : "scatter";

  function vpColour(vp) {
    const slot = map.own_colour.indexOf(vp);
    return slot < 0 ? css("--other") : css(`--vp${slot}`);
  }

  // Who alone saw it, or that several did.
  function groupOf(set) {
    const seen = sets[set];
    if (seen.length !== 1) return SEVERAL;
    return map.own_colour.includes(seen[0]) ? vps[seen[0]] : OTHER;
  }

  function groups() {
    const found = [SEVERAL, ...map.own_colour.map((vp) => vps[vp])];
    if (vps.length > map.own_colour.length) found.push(OTHER);
    return found;
  }

  function groupColour(group) {
    if (group === SEVERAL) return css("--several");
    if (group === OTHER) return css("--other");
    return vpColour(vps.indexOf(group));
  }

  const isSeen = (set) => state.vp === null || sets[set].includes(state.vp);
  const ms = (value) => (value === null ? "none" : value < 1 ? value.toFixed(2) + " ms" : value < 100 ? value.toFixed(1) + " ms" : value.toFixed(0) + " ms");
  const english = new Intl.NumberFormat("en");
  const many = (number, one) => `${english.format(number)} ${one}${number === 1 ? "" : "s"}`;

  function whoSaw(set) {
    const names = sets[set].map((vp) => vps[vp]);
    return escaped(names.length > 6 ? `${names.slice(0, 6).join(", ")} and ${names.length - 6} more` : names.join(", "));
  }

  const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

  function dotText(i) {
    if (dots.kind[i] === VP) return `<b>${escaped(dots.name[i])}</b><br>vantage point`;
    const kind = dots.kind[i] === ROUTER ? "router address" : "destination";
    const folded = dots.folded[i] ? `<br>${many(dots.folded[i], "link")} of it not drawn` : "";
    return `<b>${escaped(dots.name[i])}</b><br>${kind}, ${many(dots.far[i], "hop")} from the nearest vantage point` +
      `<br>least RTT ${ms(dots.rtt[i])}, ${many(dots.degree[i], "neighbour")}<br>seen by ${whoSaw(dots.set[i])}${folded}`;
  }

  function lineText(i) {
    const ends = `<b>${escaped(dots.name[lines.near[i]])} → ${escaped(dots.name[lines.far[i]])}</b>`;
    const silent = lines.hops[i] > 1 ? `, ${many(lines.hops[i] - 1, "silent hop")} between` : "";
    if (lines.freq[i] === null) return `${ends}<br>first reply, at TTL ${lines.hops[i]}${silent}`;
    return `${ends}<br>seen ${many(lines.freq[i], "time")} by ${whoSaw(lines.set[i])}<br>least delay ${ms(lines.delay[i])}${silent}`;
  }

  const isDrawn = (i) => isSeen(dots.set[i]) && (state.ends || dots.kind[i] !== DESTINATION);

  function dotTrace(which, options) {
    const [xs, ys] = state.arrange === "rings" ? [dots.x, dots.y] : [dots.fx, dots.fy];
    return { type: scatter, mode: "markers", x: which.map((i) => xs[i]), y: which.map((i) => ys[i]),
      meta: { which, words: dotText }, hoverinfo: "none", ...options };
  }

  function lineTrace(which, options) {
    const [xs, ys] = state.arrange === "rings" ? [dots.x, dots.y] : [dots.fx, dots.fy];
    const x = [], y = [];
    for (const i of which) {
      x.push(xs[lines.near[i]], xs[lines.far[i]], null);
      y.push(ys[lines.near[i]], ys[lines.far[i]], null);
    }
    return { type: scatter, mode: "lines", x, y, hoverinfo: "skip", showlegend: false, ...options };
  }

  // SVG paints a trace as one layer, where crossing lines do not darken each other: so several layers.
  function layers(which, options) {
    const size = hasGraphicsCard ? which.length : Math.max(300, Math.ceil(which.length / 16));
    const cuts = Array.from({ length: Math.ceil(which.length / Math.max(1, size)) }, (_, k) => k * size);
    return cuts.map((from) => lineTrace(which.slice(from, from + size), options));
  }

  // Invisible points amid the links: what the pointer finds.
  function handles(which) {
    const [xs, ys] = state.arrange === "rings" ? [dots.x, dots.y] : [dots.fx, dots.fy];
    const amid = (values) => (i) => (values[lines.near[i]] + values[lines.far[i]]) / 2;
    const unseen = hasGraphicsCard ? { mode: "markers", marker: { size: 7, opacity: 0 } } : { mode: "none", hoveron: "points" };
    return { type: scatter, ...unseen, x: which.map(amid(xs)), y: which.map(amid(ys)),
      meta: { which, words: lineText }, hoverinfo: "none", showlegend: false };
  }

  // Dots shrink as they get many, so that the lines between them stay visible.
  const shrink = Math.min(1, Math.max(0.55, Math.sqrt(2500 / dots.name.length)));
  const size = (i) => shrink * (3.5 + Math.min(9, 1.1 * Math.log2(1 + dots.degree[i])));

  function mapTraces() {
    const shownDots = dots.name.map((_, i) => i).filter(isDrawn);
    const isShown = new Set(shownDots);
    const shownLines = lines.near.map((_, i) => i).filter((i) => isSeen(lines.set[i]) && isShown.has(lines.near[i]) && isShown.has(lines.far[i]));
    const links = shownLines.filter((i) => lines.freq[i] !== null);
    const ways = shownLines.filter((i) => lines.freq[i] === null);
    const kind = (number) => shownDots.filter((i) => dots.kind[i] === number);
    const width = links.length > 4000 ? 0.7 : 1;
    const opacity = Math.max(0.16, Math.min(0.5, 0.5 * Math.sqrt(3000 / links.length)));
    const under = [lineTrace(ways, { line: { width: 1, color: css("--soft") }, opacity: 0.35 })];
    const over = [];
    if (state.colour === "vp") {
      for (const group of groups()) {
        const colour = groupColour(group), mine = (i) => groupOf(dots.set[i]) === group;
        const look = { legendgroup: group, name: vps.includes(group) ? `only ${group}` : group };
        const ends = kind(DESTINATION).filter(mine), routers = kind(ROUTER).filter(mine);
        under.push(...layers(links.filter((i) => groupOf(lines.set[i]) === group), { ...look, line: { width, color: colour }, opacity }));
        over.push(dotTrace(ends, { ...look, showlegend: false, marker: { size: 3, color: colour, opacity: 0.75 } }));
        over.push(dotTrace(routers, { ...look, showlegend: routers.length > 0, marker: { size: routers.map(size), color: colour, line: { width: 0.6, color: css("--panel") } } }));
      }
    } else {
      const scale = [[0, css("--near")], [0.5, css("--middle")], [1, css("--distant")]];
      const most = Math.max(1, ...dots.far);
      const marker = (which) => ({ color: which.map((i) => dots.far[i]), colorscale: scale, cmin: 1, cmax: most });
      const bar = { title: { text: "hops from the nearest<br>vantage point", font: { size: 13 } }, thickness: 10, len: 0.35, x: 0.012, xanchor: "left", y: 0.985, yanchor: "top", outlinewidth: 0 };
      const ends = kind(DESTINATION), routers = kind(ROUTER);
      under.push(...layers(links, { line: { width, color: css("--several") }, opacity }));
      over.push(dotTrace(ends, { showlegend: false, marker: { ...marker(ends), size: 3, opacity: 0.8 } }));
      over.push(dotTrace(routers, { showlegend: false, marker: { ...marker(routers), size: routers.map(size), line: { width: 0.6, color: css("--panel") }, colorbar: bar } }));
    }
    const posts = kind(VP);
    const top = dotTrace(posts, { showlegend: false,
      marker: { symbol: "diamond", size: 15, color: posts.map((i) => vpColour(sets[dots.set[i]][0])), line: { width: 2, color: css("--paper") } } });
    return [...under, handles(links), ...over, top];
  }

  // The names of the vantage points, beside them, where they do not cover one another.
  function labels() {
    const isRound = state.arrange === "rings", posts = dots.name.map((_, i) => i).filter((i) => dots.kind[i] === VP && isDrawn(i));
    if (posts.length > 24) return [];
    return posts.map((i) => {
      const x = isRound ? dots.x[i] : dots.fx[i], y = isRound ? dots.y[i] : dots.fy[i];
      const length = Math.hypot(dots.x[i], dots.y[i]);
      const [right, up] = isRound && length ? [dots.x[i] / length, dots.y[i] / length] : [1, 0];
      return { x, y, text: `<b>${dots.name[i]}</b>`, showarrow: false, xshift: 12 * right, yshift: 16 * up,
        xanchor: right > 0.3 ? "left" : right < -0.3 ? "right" : "center", borderpad: 1, font: { size: 13, color: css("--ink") }, bgcolor: css("--panel"), opacity: 0.88 };
    });
  }

  // Circles every five hops, so that distance can be read off.
  function rings() {
    const shapes = [], annotations = [];
    annotations.push(...labels());
    if (state.arrange !== "rings") return { shapes, annotations };
    for (let hops = 5; hops <= map.radius - map.centre_hops; hops += 5) {
      const r = hops + map.centre_hops;
      shapes.push({ type: "circle", layer: "below", x0: -r, x1: r, y0: -r, y1: r, line: { width: 1, color: css("--rule") } });
      annotations.push({ x: 0, y: r, text: `${hops} hops`, showarrow: false, font: { size: 12, color: css("--soft") }, bgcolor: css("--panel") });
    }
    return { shapes, annotations };
  }

  const font = () => ({ family: getComputedStyle(document.body).fontFamily, size: 13, color: css("--ink") });
  const hoverlabel = () => ({ bgcolor: css("--paper"), bordercolor: css("--several"), font: { ...font(), size: 13.5 }, align: "left" });

  function drawMap() {
    const axis = { visible: false, range: [-map.radius * 1.06, map.radius * 1.06] };
    Plotly.react("map", mapTraces(), {
      uirevision: state.arrange, dragmode: "pan", hovermode: "closest", hoverdistance: 8, font: font(),
      margin: { l: 0, r: 0, t: 0, b: 0 }, paper_bgcolor: css("--panel"), plot_bgcolor: css("--panel"),
      xaxis: axis, yaxis: { ...axis, scaleanchor: "x" }, ...rings(),
      legend: { x: 0.012, y: 0.985, bgcolor: "rgba(0,0,0,0)", itemsizing: "constant", font: { size: 14 }, title: { text: "seen by", font: { size: 13, color: css("--soft") } } },
    }, config);
  }

  function drawCharts() {
    for (const [name, { data: traces, layout }] of Object.entries(charts)) {
      for (const trace of traces) {
        const vp = vps.indexOf(trace.meta), colour = vp < 0 ? css("--accent") : vpColour(vp);
        if (trace.mode === "lines") trace.line.color = colour; else trace.marker = { color: colour, size: 6 };
      }
      const axis = (given) => ({ ...given, gridcolor: css("--rule"), linecolor: css("--several"), tickcolor: css("--several"), automargin: true });
      Plotly.react(name, traces, { ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis), font: font(), hoverlabel: hoverlabel(),
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" }, { ...config, scrollZoom: false, displayModeBar: false });
    }
  }

  function paintSwatches() {
    for (const swatch of document.querySelectorAll(".swatch")) swatch.style.background = vpColour(vps.indexOf(swatch.dataset.vp));
  }

  function draw() { paintSwatches(); drawMap(); setTimeout(drawCharts, 0); }

  const say = (text) => { $("picked").innerHTML = text.replaceAll("<br>", " · "); };

  function showTip(words, pointer) {
    const tip = $("tip"), frame = $("map").getBoundingClientRect();
    tip.innerHTML = words;
    tip.hidden = false;
    const x = pointer.clientX - frame.left, y = pointer.clientY - frame.top;
    tip.style.left = `${x > frame.width / 2 ? x - tip.offsetWidth - 14 : x + 14}px`;
    tip.style.top = `${y > frame.height / 2 ? y - tip.offsetHeight - 10 : y + 10}px`;
  }

  function find(name) {
    const i = dots.name.indexOf(name.trim());
    if (i < 0) { say(name.trim() ? "This address is not drawn." : ""); return; }
    const [xs, ys] = state.arrange === "rings" ? [dots.x, dots.y] : [dots.fx, dots.fy];
    const mark = { x: xs[i], y: ys[i], text: dots.name[i], arrowcolor: css("--bad"), font: font(), bgcolor: css("--paper"), ax: 30, ay: -36 };
    const r = map.radius / 8;
    Plotly.relayout("map", { annotations: [...rings().annotations, mark], "xaxis.range": [xs[i] - r, xs[i] + r], "yaxis.range": [ys[i] - r, ys[i] + r] });
    say(dotText(i));
  }

  for (const [i, vp] of vps.entries()) $("seen-from").add(new Option(vp, i));
  $("colour").value = state.colour;
  $("seen-from").onchange = (event) => { state.vp = event.target.value === "" ? null : Number(event.target.value); drawMap(); };
  $("colour").onchange = (event) => { state.colour = event.target.value; drawMap(); };
  $("arrange").onchange = (event) => { state.arrange = event.target.value; drawMap(); };
  $("ends").onchange = (event) => { state.ends = event.target.checked; drawMap(); };
  $("ends").parentElement.hidden = !dots.kind.includes(DESTINATION);
  $("find").onchange = (event) => find(event.target.value);
  document.querySelector(".controls").hidden = false;
  draw();
  // The words are made when they are asked for: there may be tens of thousands of them.
  const wordsAt = ({ data: { meta }, pointNumber }) => meta.words(meta.which[pointNumber]);
  $("map").on("plotly_click", (event) => say(wordsAt(event.points[0])));
  $("map").on("plotly_hover", (event) => showTip(wordsAt(event.points[0]), event.event));
  // Thousands of SVG lines cannot follow the pointer in time; the dots can, and the lines come back.
  if (!hasGraphicsCard && lines.near.length > 3000) {
    $("map").on("plotly_relayouting", () => $("map").classList.add("moving"));
    $("map").on("plotly_relayout", () => $("map").classList.remove("moving"));
  }
  $("map").on("plotly_unhover", () => { $("tip").hidden = true; });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  setTimeout(() => { document.documentElement.dataset.drawn = "yes"; }, 0);
})();
