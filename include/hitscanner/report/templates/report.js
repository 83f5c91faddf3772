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
  const config = { displaylogo: false, responsive: true, displayModeBar: false };
  const state = { vp: null, colour: map.ases.length ? "as" : vps.length > map.own_colour.length ? "far" : "vp", arrange: "rings", ends: true };
  const BETWEEN = "between two", UNKNOWN = "of no known AS";

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
      `${asOf(i) === null ? "" : `<br>AS ${asOf(i)}`}<br>least RTT ${ms(dots.rtt[i])}, ${many(dots.degree[i], "neighbour")}<br>seen by ${whoSaw(dots.set[i])}${folded}`;
  }

  const asOf = (i) => (dots.as[i] < 0 ? null : map.ases[dots.as[i]]);
  const at = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 19).replace("T", " ") + " UTC";

  function whenSeen(i) {
    if (lines.first[i] === null) return "";
    const first = at(lines.first[i]), last = at(lines.last[i]);
    return first === last ? `<br>at ${first}` : `<br>from ${first} to ${last}`;
  }

  function lineText(i) {
    const ends = `<b>${escaped(dots.name[lines.near[i]])} → ${escaped(dots.name[lines.far[i]])}</b>`;
    const silent = lines.hops[i] > 1 ? `, ${many(lines.hops[i] - 1, "silent hop")} between` : "";
    if (lines.freq[i] === null) return `${ends}<br>first reply, at TTL ${lines.hops[i]}${silent}`;
    return `${ends}<br>seen ${many(lines.freq[i], "time")} by ${whoSaw(lines.set[i])}${whenSeen(i)}` +
      `<br>least RTT ${ms(lines.near_rtt[i])} and ${ms(lines.far_rtt[i])}, least delay ${ms(lines.delay[i])}${silent}`;
  }

  const isDrawn = (i) => isSeen(dots.set[i]) && (state.ends || dots.kind[i] !== DESTINATION);

  // Dots shrink as they get many, so that the lines between them stay visible.
  const shrink = Math.min(1, Math.max(0.55, Math.sqrt(2500 / dots.name.length)));
  const size = (i) => (dots.kind[i] === DESTINATION ? 3 : shrink * (3.5 + Math.min(9, 1.1 * Math.log2(1 + dots.degree[i]))));

  // What a dot or a line is coloured by: name → colour, in the order of the legend.
  const palettes = {
    vp: () => new Map(groups().map((group) => [group, groupColour(group)])),
    as: () => new Map([...map.own_as.map((number, slot) => [`AS ${map.ases[number]}`, css(`--vp${slot}`)]),
      ["another AS", css("--other")], [BETWEEN, css("--several")], [UNKNOWN, css("--soft")]]),
    far: () => new Map(shades().map((colour, step) => [farName(step), colour])),
  };
  const STEPS = 6, most = Math.max(1, ...dots.far);
  const step = (hops) => Math.min(STEPS - 1, Math.floor((Math.max(0, hops - 1) * STEPS) / most));
  const farName = (k) => `${1 + Math.ceil((k * most) / STEPS)} hops and more`;
  const mixed = (a, b, share) => `color-mix(in oklab, ${a} ${100 - share}%, ${b})`;
  const shades = () => Array.from({ length: STEPS }, (_, k) => (k < STEPS / 2 ? mixed(css("--near"), css("--middle"), (200 * k) / STEPS) : mixed(css("--middle"), css("--distant"), (200 * k) / STEPS - 100)));
  const asName = (number) => (number < 0 ? UNKNOWN : map.own_as.includes(number) ? `AS ${map.ases[number]}` : "another AS");
  const dotGroup = { vp: (i) => groupOf(dots.set[i]), as: (i) => asName(dots.as[i]), far: (i) => farName(step(dots.far[i])) };
  const lineGroup = {
    vp: (i) => groupOf(lines.set[i]),
    as: (i) => (dots.as[lines.near[i]] === dots.as[lines.far[i]] ? asName(dots.as[lines.near[i]]) : BETWEEN),
    far: (i) => farName(step(dots.far[lines.far[i]])),
  };

  let shown = { lines: [], dots: [], legend: [] };

  // Sort what is drawn by colour: ways from the vantage points first, then links; posts on top.
  function regroup() {
    const palette = palettes[state.colour](), isShown = dots.name.map((_, i) => isDrawn(i));
    const byLine = new Map([...palette.keys()].map((name) => [name, []])), ways = [];
    for (let i = 0; i < lines.near.length; i++) {
      if (!isSeen(lines.set[i]) || !isShown[lines.near[i]] || !isShown[lines.far[i]]) continue;
      if (lines.freq[i] === null) ways.push(i); else byLine.get(lineGroup[state.colour](i)).push(i);
    }
    const links = [...byLine.values()].reduce((sum, some) => sum + some.length, 0);
    const width = links > 4000 ? 0.7 : 1, alpha = Math.max(0.2, Math.min(0.55, 0.55 * Math.sqrt(3000 / links)));
    const byDot = new Map([...palette.keys()].map((name) => [name, [[], []]])), posts = new Map();
    for (let i = 0; i < isShown.length; i++) {
      if (!isShown[i]) continue;
      if (dots.kind[i] === VP) posts.set(i, vpColour(sets[dots.set[i]][0]));
      else byDot.get(dotGroup[state.colour](i))[dots.kind[i] === ROUTER ? 1 : 0].push(i);
    }
    shown = {
      lines: [{ which: ways, colour: css("--soft"), alpha: 0.35, width: 1 }, ...[...byLine].map(([name, which]) => ({ which, colour: palette.get(name), alpha, width }))],
      dots: [...[0, 1].flatMap((kind) => [...byDot].map(([name, two]) => ({ which: two[kind], colour: palette.get(name), alpha: kind ? 1 : 0.75 }))),
        ...[...posts].map(([i, colour]) => ({ which: [i], colour, alpha: 1 }))],
      legend: [...byDot].filter(([name, two]) => two[0].length + two[1].length + byLine.get(name).length).map(([name]) => [name, palette.get(name)]),
    };
  }

  const scene = {
    lines,
    places: () => (state.arrange === "rings" ? { xs: dots.x, ys: dots.y } : { xs: dots.fx, ys: dots.fy }),
    radius: () => map.radius,
    groups: () => shown,
    size: (i) => (dots.kind[i] === VP ? 15 : size(i)),
    below: drawRings,
    above: drawNames,
    mark: drawMark,
    picked: (found) => say(found ? wordsOf(found) : ""),
    pointed: (found, event) => (found ? showTip(wordsOf(found), event) : hideTip()),
  };
  const wordsOf = (found) => ("dot" in found ? dotText(found.dot) : lineText(found.line));

  // Circles every five hops, so that distance can be read off.
  function drawRings(paper, px, py, scale) {
    if (state.arrange !== "rings") return;
    paper.strokeStyle = css("--rule"); paper.fillStyle = css("--soft"); paper.font = `12px ${fontFamily}`; paper.textAlign = "center"; paper.lineWidth = 1;
    for (let hops = 5; hops <= map.radius - map.centre_hops; hops += 5) {
      const r = hops + map.centre_hops;
      paper.beginPath(); paper.arc(px(0), py(0), r * scale, 0, 2 * Math.PI); paper.stroke();
      paper.fillText(`${hops} hops`, px(0), py(r) - 3);
    }
  }

  // The names of the vantage points, beside them, where they do not cover one another.
  function drawNames(paper, px, py) {
    const posts = dots.name.map((_, i) => i).filter((i) => dots.kind[i] === VP && isDrawn(i)), { xs, ys } = scene.places();
    if (posts.length > 24) return;
    paper.font = `bold 13px ${fontFamily}`;
    for (const i of posts) {
      const length = Math.hypot(xs[i], ys[i]) || 1, right = xs[i] / length, up = ys[i] / length;
      paper.textAlign = right > 0.3 ? "left" : right < -0.3 ? "right" : "center";
      paper.lineWidth = 4; paper.strokeStyle = css("--panel"); paper.fillStyle = css("--ink");
      const x = px(xs[i]) + 13 * right, y = py(ys[i]) - 16 * up + 4;
      paper.strokeText(dots.name[i], x, y); paper.fillText(dots.name[i], x, y);
    }
  }

  function drawMark(paper, px, py, found) {
    const { xs, ys } = scene.places();
    paper.strokeStyle = css("--bad"); paper.lineWidth = 2.5;
    paper.beginPath();
    if ("dot" in found) paper.arc(px(xs[found.dot]), py(ys[found.dot]), scene.size(found.dot) / 2 + 5, 0, 2 * Math.PI);
    else { const a = lines.near[found.line], b = lines.far[found.line]; paper.moveTo(px(xs[a]), py(ys[a])); paper.lineTo(px(xs[b]), py(ys[b])); }
    paper.stroke();
  }

  function drawLegend() {
    const titles = { vp: "seen by", as: "AS", far: "distance" };
    $("legend").innerHTML = `<b>${titles[state.colour]}</b>` + shown.legend.map(([name, colour]) =>
      `<span><i style="background:${colour}"></i>${escaped(state.colour === "vp" && vps.includes(name) ? `only ${name}` : name)}</span>`).join("");
  }

  const fontFamily = getComputedStyle(document.body).fontFamily;
  let picture = null;

  function drawMap() {
    regroup();
    drawLegend();
    if (picture) picture.paint(); else picture = makeMap($("map"), $("canvas"), scene);
  }

  const font = () => ({ family: getComputedStyle(document.body).fontFamily, size: 13, color: css("--ink") });
  const hoverlabel = () => ({ bgcolor: css("--paper"), bordercolor: css("--several"), font: { ...font(), size: 13.5 }, align: "left" });

  function drawCharts() {
    for (const [name, { data: traces, layout }] of Object.entries(charts)) {
      for (const trace of traces) {
        const vp = vps.indexOf(trace.meta), colour = vp < 0 ? css("--accent") : vpColour(vp);
        if (trace.mode === "lines") trace.line.color = colour; else trace.marker = { color: colour, size: 6 };
      }
      const axis = (given) => ({ ...given, gridcolor: css("--rule"), linecolor: css("--several"), tickcolor: css("--several"), automargin: true });
      Plotly.react(name, traces, { ...layout, xaxis: axis(layout.xaxis), yaxis: axis(layout.yaxis), font: font(), hoverlabel: hoverlabel(),
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" }, config);
    }
  }

  function paintSwatches() {
    for (const swatch of document.querySelectorAll(".swatch")) swatch.style.background = vpColour(vps.indexOf(swatch.dataset.vp));
  }

  function draw() { paintSwatches(); drawMap(); if (window.Plotly) drawCharts(); }

  // Plotly is 4 MB: it is read only when the map is there.
  function startCharts() {
    const script = document.createElement("script");
    script.textContent = $("plotly").textContent;
    document.body.append(script);
    drawCharts();
    document.documentElement.dataset.drawn = "yes";
  }

  const say = (text) => { $("picked").innerHTML = text.replaceAll("<br>", " · "); };

  function showTip(words, pointer) {
    const tip = $("tip"), frame = $("map").getBoundingClientRect();
    tip.innerHTML = words;
    tip.hidden = false;
    const x = pointer.clientX - frame.left, y = pointer.clientY - frame.top;
    tip.style.left = `${x > frame.width / 2 ? x - tip.offsetWidth - 14 : x + 14}px`;
    tip.style.top = `${y > frame.height / 2 ? y - tip.offsetHeight - 10 : y + 10}px`;
  }

  const hideTip = () => { $("tip").hidden = true; };

  function find(name) {
    const i = dots.name.indexOf(name.trim());
    if (i < 0) { say(name.trim() ? "This address is not drawn." : ""); return; }
    picture.show(i, ($("map").clientHeight * 4) / map.radius);
    say(dotText(i));
  }

  for (const [i, vp] of vps.entries()) $("seen-from").add(new Option(vp, i));
  $("colour").querySelector("[value=as]").hidden = !map.ases.length;
  $("colour").value = state.colour;
  $("seen-from").onchange = (event) => { state.vp = event.target.value === "" ? null : Number(event.target.value); picture.forget(); drawMap(); };
  $("colour").onchange = (event) => { state.colour = event.target.value; drawMap(); };
  $("arrange").onchange = (event) => { state.arrange = event.target.value; drawMap(); };
  $("ends").onchange = (event) => { state.ends = event.target.checked; drawMap(); };
  $("ends").parentElement.hidden = !dots.kind.includes(DESTINATION);
  $("find").onchange = (event) => find(event.target.value);
  document.querySelector(".controls").hidden = false;
  draw();
  document.documentElement.dataset.mapMs = Math.round(performance.now());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  requestAnimationFrame(() => setTimeout(startCharts, 0));
})();
