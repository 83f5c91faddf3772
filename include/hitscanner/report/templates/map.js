"use strict";
// Draws dots and lines on a canvas: pan, zoom, pick. It knows places and colours, not what they mean.
function makeMap(frame, canvas, scene) {
  const paper = canvas.getContext("2d");
  const view = { x: 0, y: 0, scale: 1 };
  const painted = { x: 0, y: 0, scale: 1 };
  const PICK_DOT = 9, PICK_LINE = 6, CHUNK = 256, PROMPT_MS = 28;
  let width = 0, height = 0, lastPaintMs = 0, waiting = 0, settling = 0, marked = null;

  const px = (x) => width / 2 + (x - view.x) * view.scale;
  const py = (y) => height / 2 - (y - view.y) * view.scale;

  function fit() {
    const box = frame.getBoundingClientRect(), dense = window.devicePixelRatio || 1;
    width = box.width; height = box.height;
    canvas.width = Math.round(width * dense); canvas.height = Math.round(height * dense);
    paper.setTransform(dense, 0, 0, dense, 0, 0);
  }

  function home() {
    view.x = view.y = 0;
    view.scale = Math.min(width, height) / (2 * scene.radius() * 1.06);
  }

  // Lines of one colour go in chunks: within a chunk crossings do not darken, and one stroke is cheap.
  function strokeLines(group) {
    const { near, far } = scene.lines, { xs, ys } = scene.places();
    paper.strokeStyle = group.colour; paper.globalAlpha = group.alpha; paper.lineWidth = group.width;
    for (let from = 0; from < group.which.length; from += CHUNK) {
      paper.beginPath();
      for (let k = from; k < Math.min(from + CHUNK, group.which.length); k++) {
        const i = group.which[k], a = near[i], b = far[i];
        paper.moveTo(px(xs[a]), py(ys[a])); paper.lineTo(px(xs[b]), py(ys[b]));
      }
      paper.stroke();
    }
  }

  function fillDots(group) {
    const { xs, ys } = scene.places();
    paper.fillStyle = group.colour; paper.globalAlpha = group.alpha;
    paper.beginPath();
    for (const i of group.which) {
      const x = px(xs[i]), y = py(ys[i]), r = scene.size(i) / 2;
      if (x < -9 || y < -9 || x > width + 9 || y > height + 9) continue;
      if (r < 2) { paper.rect(x - r, y - r, 2 * r, 2 * r); continue; }
      paper.moveTo(x + r, y); paper.arc(x, y, r, 0, 2 * Math.PI);
    }
    paper.fill();
  }

  function paint() {
    const began = performance.now();
    waiting = 0;
    canvas.style.transform = "";
    Object.assign(painted, view);
    paper.globalAlpha = 1;
    paper.clearRect(0, 0, width, height);
    scene.below(paper, px, py, view.scale);
    for (const group of scene.groups().lines) strokeLines(group);
    for (const group of scene.groups().dots) fillDots(group);
    paper.globalAlpha = 1;
    if (marked) scene.mark(paper, px, py, marked);
    scene.above(paper, px, py);
    lastPaintMs = performance.now() - began;
  }

  function soon() { if (!waiting) waiting = requestAnimationFrame(paint); }

  // What takes long to paint is moved as a picture while the pointer moves, and painted anew after.
  function move() {
    if (lastPaintMs < PROMPT_MS) { soon(); return; }
    const by = view.scale / painted.scale;
    const x = (painted.x - view.x) * view.scale + (1 - by) * width / 2, y = (view.y - painted.y) * view.scale + (1 - by) * height / 2;
    canvas.style.transform = `translate(${x}px, ${y}px) scale(${by})`;
    clearTimeout(settling);
    settling = setTimeout(soon, 120);
  }

  function nearestDot(x, y) {
    const { xs, ys } = scene.places();
    let best = null, least = PICK_DOT * PICK_DOT;
    for (const { which } of scene.groups().dots) for (const i of which) {
      const dx = px(xs[i]) - x, dy = py(ys[i]) - y, far = dx * dx + dy * dy;
      if (far < least) { least = far; best = i; }
    }
    return best;
  }

  function nearestLine(x, y) {
    const { near, far } = scene.lines, { xs, ys } = scene.places();
    let best = null, least = PICK_LINE * PICK_LINE;
    for (const { which } of scene.groups().lines) for (const i of which) {
      const ax = px(xs[near[i]]), ay = py(ys[near[i]]), dx = px(xs[far[i]]) - ax, dy = py(ys[far[i]]) - ay;
      const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy || 1)));
      const ex = ax + along * dx - x, ey = ay + along * dy - y, away = ex * ex + ey * ey;
      if (away < least) { least = away; best = i; }
    }
    return best;
  }

  function pick(event) {
    const box = frame.getBoundingClientRect(), x = event.clientX - box.left, y = event.clientY - box.top;
    const dot = nearestDot(x, y);
    if (dot !== null) return { dot };
    const line = nearestLine(x, y);
    return line === null ? null : { line };
  }

  function zoom(by, x = width / 2, y = height / 2) {
    const stays = [view.x + (x - width / 2) / view.scale, view.y - (y - height / 2) / view.scale];
    view.scale = Math.min(4000, Math.max(0.2, view.scale * by));
    view.x = stays[0] - (x - width / 2) / view.scale;
    view.y = stays[1] + (y - height / 2) / view.scale;
    move();
  }

  function pan(dx, dy) { view.x -= dx / view.scale; view.y += dy / view.scale; move(); }

  let held = null, travelled = 0, looking = 0;
  canvas.addEventListener("pointerdown", (event) => { held = event; travelled = 0; canvas.setPointerCapture(event.pointerId); });
  canvas.addEventListener("pointerup", (event) => {
    held = null;
    if (travelled < 5) { marked = pick(event); scene.picked(marked); soon(); }
  });
  canvas.addEventListener("pointercancel", () => { held = null; });
  canvas.addEventListener("pointermove", (event) => {
    if (held) {
      const dx = event.clientX - held.clientX, dy = event.clientY - held.clientY;
      travelled += Math.abs(dx) + Math.abs(dy);
      held = event;
      scene.pointed(null);
      pan(dx, dy);
    } else if (!looking) {
      looking = requestAnimationFrame(() => { looking = 0; scene.pointed(pick(event), event); });
    }
  });
  canvas.addEventListener("pointerleave", () => scene.pointed(null));
  canvas.addEventListener("wheel", (event) => {
    const box = frame.getBoundingClientRect();
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  canvas.addEventListener("dblclick", () => { home(); soon(); });
  canvas.addEventListener("keydown", (event) => {
    const keys = { ArrowLeft: () => pan(60, 0), ArrowRight: () => pan(-60, 0), ArrowUp: () => pan(0, 60), ArrowDown: () => pan(0, -60),
      "+": () => zoom(1.3), "-": () => zoom(1 / 1.3), 0: () => { home(); soon(); } };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
  new ResizeObserver(() => { fit(); soon(); }).observe(frame);

  fit(); home(); paint();
  return {
    paint: soon,
    home: () => { home(); soon(); },
    // Go to a dot and mark it.
    show: (dot, scale) => { const { xs, ys } = scene.places(); Object.assign(view, { x: xs[dot], y: ys[dot], scale: Math.max(view.scale, scale) }); marked = { dot }; soon(); },
    forget: () => { marked = null; },
  };
}
