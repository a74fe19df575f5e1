// The drawer of a line picture for `drawenv demo --out page.html`: renderer, network and page.
// What is what: drawenv/renderers/bezier.py, agents/drawer.py, agents/page.py and agents/improve.py.
"use strict";
const CELLS = 8, PATCH = 4, INK = 0.002, APART = 2, FLATNESS = 0.08, MAX_SEGMENTS = 64;
const REACH = 0.05, TRIES = 16; // of small moves

// ---- The renderer: one quadratic Bezier curve [x0, y0, x1, y1, x2, y2, width] in px, by max on bytes.
function drawCurve(canvas, width, height, [x0, y0, x1, y1, x2, y2, thickness]) {
  const radius = thickness / 2, reach = radius + 1;
  const wanted = Math.sqrt(Math.hypot(x0 - 2 * x1 + x2, y0 - 2 * y1 + y2) / (4 * FLATNESS));
  const segments = Math.min(Math.max(Math.ceil(wanted), 1), MAX_SEGMENTS);
  const xs = [], ys = [];
  for (let k = 0; k <= segments; k++) {
    const t = k / segments, s = 1 - t;
    xs.push(s * s * x0 + 2 * s * t * x1 + t * t * x2);
    ys.push(s * s * y0 + 2 * s * t * y1 + t * t * y2);
  }
  const left = Math.max(Math.ceil(Math.min(...xs) - reach), 0), top = Math.max(Math.ceil(Math.min(...ys) - reach), 0);
  const right = Math.min(Math.trunc(Math.max(...xs) + reach), width);
  const bottom = Math.min(Math.trunc(Math.max(...ys) + reach), height);
  if (left >= right || top >= bottom) return canvas;
  const columns = right - left, nearest = new Float32Array(columns * (bottom - top)).fill(1e9); // squared distances
  for (let k = 0; k < segments; k++) {
    const ax = xs[k], ay = ys[k], dx = xs[k + 1] - ax, dy = ys[k + 1] - ay, length2 = dx * dx + dy * dy;
    const inverse = length2 > 1e-12 ? 1 / length2 : 0;
    const from = Math.max(Math.ceil(Math.min(ax, ax + dx) - reach), left);
    const to = Math.min(Math.trunc(Math.max(ax, ax + dx) + reach), right);
    const low = Math.max(Math.ceil(Math.min(ay, ay + dy) - reach), top);
    const high = Math.min(Math.trunc(Math.max(ay, ay + dy) + reach), bottom);
    for (let y = low; y < high; y++) for (let x = from; x < to; x++) {
      const px = x + 0.5 - ax, py = y + 0.5 - ay;
      const u = Math.min(Math.max((px * dx + py * dy) * inverse, 0), 1), ex = px - u * dx, ey = py - u * dy;
      const at = (y - top) * columns + x - left;
      nearest[at] = Math.min(nearest[at], ex * ex + ey * ey);
    }
  }
  for (let y = top; y < bottom; y++) for (let x = left; x < right; x++) {
    const d = Math.sqrt(nearest[(y - top) * columns + x - left]);
    const ink = Math.min(radius, d + 0.5) - Math.max(-radius, d - 0.5);
    const value = Math.trunc(255 * Math.min(Math.max(ink, 0), 1) + 0.5), at = y * width + x;
    if (value > canvas[at]) canvas[at] = value;
  }
  return canvas;
}

// ---- Weights: a safetensors file, float16, or int8 with a float32 scale for each row, and one for each column.
function half(bits) {
  const exponent = (bits >> 10) & 31, fraction = bits & 1023, sign = bits >> 15 ? -1 : 1;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
}
function readWeights(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = 8 + Number(view.getBigUint64(0, true)), tensors = {};
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  for (const [name, { dtype, data_offsets: [from, to] }] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    const [bytes, read] = {
      I8: [1, at => view.getInt8(at)], F16: [2, at => half(view.getUint16(at, true))], F32: [4, at => view.getFloat32(at, true)],
    }[dtype];
    tensors[name] = Float32Array.from({ length: (to - from) / bytes }, (_, k) => read(start + from + k * bytes));
  }
  for (const name of Object.keys(tensors).filter(name => name.endsWith(".scale"))) {
    const matrix = tensors[name.slice(0, -6)], scale = tensors[name], row = matrix.length / scale.length;
    const columns = tensors[`${name.slice(0, -6)}.columns`]; // of weights of before there are none
    for (let k = 0; k < matrix.length; k++) matrix[k] *= scale[Math.floor(k / row)] * (columns ? columns[k % row] : 1);
  }
  return tensors;
}

// Rows [n, inputs] times a matrix [outputs, inputs], plus a bias: [n, outputs]. Two outputs of four rows at a time:
// what is read once is used several times.
function linear(x, n, matrix, bias) {
  const outputs = bias.length, inputs = matrix.length / outputs, rows = Math.ceil(n / 4) * 4;
  const padded = new Float32Array(rows * inputs), out = new Float32Array(rows * outputs);
  padded.set(x);
  for (let o = 0; o < outputs; o += 2) {
    const p = o * inputs, q = Math.min(o + 1, outputs - 1) * inputs;
    for (let b = 0; b < rows; b += 4) {
      const r0 = b * inputs, r1 = r0 + inputs, r2 = r1 + inputs, r3 = r2 + inputs;
      let p0 = 0, p1 = 0, p2 = 0, p3 = 0, q0 = 0, q1 = 0, q2 = 0, q3 = 0;
      for (let i = 0; i < inputs; i++) {
        const v = matrix[p + i], w = matrix[q + i];
        const x0 = padded[r0 + i], x1 = padded[r1 + i], x2 = padded[r2 + i], x3 = padded[r3 + i];
        p0 += v * x0; p1 += v * x1; p2 += v * x2; p3 += v * x3;
        q0 += w * x0; q1 += w * x1; q2 += w * x2; q3 += w * x3;
      }
      const sums = [p0, p1, p2, p3, q0, q1, q2, q3];
      for (let k = 0; k < 8; k++) {
        const at = Math.min(o + (k >> 2), outputs - 1);
        out[(b + (k & 3)) * outputs + at] = sums[k] + bias[at];
      }
    }
  }
  return out.subarray(0, n * outputs);
}
const sigmoid = v => 1 / (1 + Math.exp(-v)), silu = x => x.map(v => v * sigmoid(v));

// Means [cells, cells] over the squares of a picture [size, size].
function means(picture, size, cells) {
  const side = size / cells, out = new Float32Array(cells * cells);
  for (let y = 0; y < size; y++) for (let x = 0; x < size; x++)
    out[Math.floor(y / side) * cells + Math.floor(x / side)] += picture[y * size + x] / (side * side);
  return out;
}

// ---- The network: the next stroke of each of n windows.
class Network {
  // `made`: numbers of the recipe and of the actions, see demo.py.
  constructor(weights, made) { this.w = readWeights(weights); Object.assign(this, made); }

  layer(name, x, n) { return linear(x, n, this.w[`${name}.weight`], this.w[`${name}.bias`]); }

  blank(n) { return { h: new Float32Array(n * this.hidden), c: new Float32Array(n * this.hidden) }; }

  // `pairs`: see `compare`. At the mean of the places, or at one drawn by their weights. Returns physical curves.
  stroke(pairs, left, state, sample = false) {
    const n = pairs.length, { size, look, hidden, side } = this, seen = 2 * look * look + 1;
    const coarse = new Float32Array(n * seen);
    pairs.forEach((pair, b) => {
      pair.forEach((picture, c) => coarse.set(means(picture, size, look), b * seen + c * look * look));
      coarse[(b + 1) * seen - 1] = 1 / left;
    });
    const x = silu(this.layer("look", coarse, n));
    const gates = linear(x, n, this.w["memory.weight_ih"], this.w["memory.bias_ih"]);
    const past = linear(state.h, n, this.w["memory.weight_hh"], this.w["memory.bias_hh"]);
    for (let b = 0; b < n; b++) for (let k = 0; k < hidden; k++) {
      const [i, f, g, o] = [0, 1, 2, 3].map(part => gates[(4 * b + part) * hidden + k] + past[(4 * b + part) * hidden + k]);
      const at = b * hidden + k, c = sigmoid(f) * state.c[at] + sigmoid(i) * Math.tanh(g);
      state.c[at] = c; state.h[at] = sigmoid(o) * Math.tanh(c);
    }
    const where = this.layer("where", state.h, n), row = side / PATCH, half = side / 2, places = [];
    const crops = new Float32Array(n * row * row * 2 * PATCH * PATCH);
    pairs.forEach((pair, b) => {
      const missing = means(pair[0].map(v => Math.max(v, 0)), size, CELLS);
      const each = missing.map((v, k) => 3 * where[b * CELLS * CELLS + k] + this.w.sharpness[0] * Math.log(v + 1e-3));
      const most = Math.max(...each), weights = each.map(v => Math.exp(v - most)), sum = weights.reduce((a, v) => a + v);
      let [cx, cy] = [0, 0];
      if (sample) {
        const race = weights.map(v => v / -Math.log(1 - Math.random())), first = race.indexOf(Math.max(...race));
        weights.fill(0); weights[first] = sum;
      }
      weights.forEach((v, k) => {
        cx += v / sum * (k % CELLS + 0.5) * size / CELLS; cy += v / sum * (Math.floor(k / CELLS) + 0.5) * size / CELLS;
      });
      [cx, cy] = [Math.round(cx), Math.round(cy)];
      places.push([cx, cy]);
      let at = b * row * row * 2 * PATCH * PATCH;
      for (let py = 0; py < row; py++) for (let px = 0; px < row; px++) for (const picture of pair)
        for (let dy = 0; dy < PATCH; dy++) for (let dx = 0; dx < PATCH; dx++) {
          const x = cx - half + px * PATCH + dx, y = cy - half + py * PATCH + dy;
          if (x >= 0 && y >= 0 && x < size && y < size) crops[at] = picture[y * size + x];
          at++;
        }
    });
    const patches = silu(this.layer("embed", crops, n * row * row));
    let y = this.layer("from_crop", patches, n);
    const memory = this.layer("from_memory", state.h, n);
    y = y.map((v, k) => v + memory[k]);
    for (let k = 0; k < 5; k++) y = this.layer(`mix.${k}`, silu(y), n);
    const head = this.layer("head", silu(y), n), m = this.half.length;
    return places.map((place, b) => {
      const raw = this.half.map((_, k) => Math.tanh(head[b * m + k]) * this.scale[k] + this.middle[k]
        + place[0] * this.place[0][k] + place[1] * this.place[1][k]);
      return raw.map((v, k) => {
        const pulled = v + this.shift[k] + raw.reduce((sum, other, j) => sum + other * this.pull[k][j], 0);
        return this.centre[k] + this.half[k] * Math.min(Math.max(pulled, -1), 1);
      });
    });
  }
}

// Which curves of a window are worth their price: one after the other that of least gain is left out.
function worth(curves, target, before, size, least, price) {
  const layers = curves.map(curve => drawCurve(new Uint8Array(size * size), size, size, curve));
  let kept = curves.map((_, k) => k);
  while (kept.length) {
    const saved = new Float64Array(curves.length), change = new Float64Array(curves.length);
    for (let p = 0; p < target.length; p++) { // the largest value, whose it is, and the next
      let most = before[p], next = 0, owner = -1;
      for (const k of kept) {
        const v = layers[k][p];
        if (v > most) { next = most; most = v; owner = k; } else if (v > next) next = v;
      }
      if (owner < 0 || next === most) continue;
      change[owner] += (most - next) ** 2;
      saved[owner] += (next - target[p]) ** 2 - (most - target[p]) ** 2;
    }
    const gain = k => change[k] ? (saved[k] - price * 255 ** 2) / change[k] : -Infinity;
    const worst = kept.reduce((a, k) => gain(k) < gain(a) ? k : a);
    if (gain(worst) > least) break;
    kept = kept.filter(k => k !== worst);
  }
  return kept.map(k => curves[k]);
}

// Squared error of bytes.
function error(picture, target) {
  let sum = 0;
  for (let p = 0; p < picture.length; p++) sum += (picture[p] - target[p]) ** 2;
  return sum;
}

// What the network looks at, in [0, 1]: what is missing of a target, and the canvas.
function compare(target, canvas) {
  const missing = new Float32Array(canvas.length), shown = new Float32Array(canvas.length);
  for (let p = 0; p < canvas.length; p++) { shown[p] = canvas[p] / 255; missing[p] = target[p] / 255 - shown[p]; }
  return [missing, shown];
}

// Each curve of some windows is taken away and drawn anew with the others in place, and so is one that is not there
// yet: what is better stays, and what is worth nothing goes.
function redraw(windows, network) {
  const { size, strokes, price } = network, turns = windows.map(({ curves }) => Math.min(curves.length + 1, strokes));
  const at = windows.map(() => 0), had = windows.map(({ curves }) => curves.length);
  for (let turn = 0; turn < Math.max(...turns); turn++) {
    const rows = windows.map((_, b) => b).filter(b => turn < turns[b]);
    const others = rows.map(b => {
      const canvas = windows[b].before.slice();
      windows[b].curves.forEach((curve, k) => { if (turn >= had[b] || k !== at[b]) drawCurve(canvas, size, size, curve); });
      return canvas;
    });
    const pairs = rows.map((b, r) => compare(windows[b].target, others[r]));
    network.stroke(pairs, 1, network.blank(rows.length), true).forEach((curve, r) => {
      const b = rows[r], { curves, target } = windows[b], old = turn < had[b] ? curves[at[b]] : null;
      const cost = one => error(drawCurve(others[r].slice(), size, size, one), target) + price * 255 ** 2;
      const without = error(others[r], target), before = old ? cost(old) : Infinity, now = cost(curve);
      if (old && before <= Math.min(without, now)) at[b]++;
      else if (old) curves.splice(at[b], 1);
      if (now < Math.min(without, before)) curves.push(curve);
    });
  }
}

// Small random moves of each curve of a window; what brings it nearer to the target stays.
function nudge(curves, target, before, size, network, rounds) {
  const others = before.slice(), shown = before.slice(), reach = curves.map(() => REACH);
  for (const curve of curves) drawCurve(shown, size, size, curve);
  let least = error(shown, target);
  for (let round = 0; round < rounds; round++) curves.forEach((_, k) => {
    others.set(before);
    curves.forEach((curve, j) => { if (j !== k) drawCurve(others, size, size, curve); });
    let best = null;
    for (let t = 0; t < TRIES; t++) {
      const moved = curves[k].map((v, m) => {
        const step = Math.random() < 0.5 ? (Math.random() + Math.random() + Math.random() - 1.5) * 2 : 0; // about normal
        const half = network.half[m], centre = network.centre[m];
        return Math.min(Math.max(v + step * reach[k] * half, centre - half), centre + half);
      });
      shown.set(others); drawCurve(shown, size, size, moved);
      const now = error(shown, target);
      if (now < least) { least = now; best = moved; }
    }
    if (best) curves[k] = best;
    reach[k] *= best ? 1.1 : 0.7;
  });
  return curves;
}

// The curves of windows that do not overlap, each by its bytes `target` and `before`.
function drawWindows(network, windows, redraws, nudges) {
  const { size, strokes, least, price } = network, state = network.blank(windows.length);
  windows = windows.map(window => ({ ...window, curves: [] }));
  const now = windows.map(({ before }) => before.slice());
  for (let left = strokes; left > 0 && windows.length; left--) {
    const pairs = windows.map(({ target }, b) => compare(target, now[b]));
    network.stroke(pairs, left, state).forEach((curve, b) => windows[b].curves.push(curve) && drawCurve(now[b], size, size, curve));
  }
  for (const window of windows) window.curves = worth(window.curves, window.target, window.before, size, least, price);
  for (let round = 0; round < redraws && windows.length; round++) redraw(windows, network);
  return windows.map(({ target, before, curves }) => nudge(curves, target, before, size, network, nudges));
}

// ---- A page, `ink` bytes light on black: windows that do not overlap, which `draw` draws, then those between them.
async function drawPage({ size, stride }, ink, width, height, draw, stopped = () => false) {
  const [columns, rows] = [width, height].map(side => Math.ceil(Math.max(side - size, 0) / stride) + 1), found = [];
  const W = (columns - 1) * stride + size, H = (rows - 1) * stride + size;
  const page = new Uint8Array(W * H), canvas = new Uint8Array(W * H);
  for (let y = 0; y < height; y++) page.set(ink.subarray(y * width, (y + 1) * width), y * W);
  const cut = (from, { x, y }) => {
    const out = new Uint8Array(size * size);
    for (let k = 0; k < size; k++) out.set(from.subarray((y + k) * W + x, (y + k) * W + x + size), k * size);
    return out;
  };
  for (const [i, j] of [[0, 0], [1, 1], [0, 1], [1, 0]]) { // first the whole page, then half a window on
    const windows = [];
    for (let r = i; r < rows; r += APART) for (let c = j; c < columns; c += APART) {
      const at = { x: c * stride, y: r * stride }, window = { ...at, target: cut(page, at), before: cut(canvas, at) };
      if (window.target.reduce((a, v) => a + v, 0) >= INK * 255 * size * size) windows.push(window);
    }
    (await draw(windows)).forEach((curves, b) => {
      const { x, y } = windows[b], moved = curves.map(one => one.map((v, k) => k === 6 ? v : v + (k % 2 ? y : x)));
      for (const curve of moved) drawCurve(canvas, W, H, curve);
      found.push(...moved);
    });
    if (stopped()) return [];
  }
  return found;
}
if (typeof module !== "undefined") module.exports = { drawCurve, drawWindows, Network, drawPage };
