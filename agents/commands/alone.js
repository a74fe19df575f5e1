// What a page needs to draw without a server, beside drawer.js: pictures read, drawings shown, workers.
const SEEN = 1024, SMALL = 48, USUAL = 3, WIDE = 4.5; // px: of the longer side, most and least; of lines

// A usual width of the lines: twice the ink over the length of its border, which is jagged.
function lineWidth(ink, width, height) {
  let area = 0, border = 1;
  const at = (x, y) => +(x >= 0 && y >= 0 && x < width && y < height && ink[y * width + x] > 127);
  for (let y = 0; y < height; y++) for (let x = 0; x < width; x++) if (at(x, y)) {
    area++; border += 4 - at(x - 1, y) - at(x + 1, y) - at(x, y - 1) - at(x, y + 1);
  }
  return 2 * 1.27 * area / border;
}

// A picture file or a canvas in px: ink as bytes, light on black, with its sides, `scale` times smaller.
async function read(picture, scale) {
  const image = picture instanceof Blob ? await createImageBitmap(picture) : picture;
  scale = Math.max(scale, Math.max(image.width, image.height) / SEEN);
  const [width, height] = [image.width, image.height].map(side => Math.max(Math.round(side / scale), 1));
  const sheet = new OffscreenCanvas(width, height).getContext("2d");
  sheet.imageSmoothingQuality = "high";
  sheet.fillStyle = "#fff"; sheet.fillRect(0, 0, width, height); sheet.drawImage(image, 0, 0, width, height);
  const { data } = sheet.getImageData(0, 0, width, height), gray = new Uint8Array(width * height);
  for (let p = 0; p < gray.length; p++) gray[p] = 0.299 * data[4 * p] + 0.587 * data[4 * p + 1] + 0.114 * data[4 * p + 2];
  const sorted = gray.slice().sort(), paper = sorted[sorted.length >> 1], ends = [paper - sorted[0], sorted.at(-1) - paper];
  const dark = ends[0] >= ends[1], most = Math.max(ends[+!dark], 32); // ink is what differs most from the paper
  const ink = gray.map(v => 255 * Math.min(Math.max(dark ? paper - v : v - paper, 0) / most, 1));
  return { ink, width, height, scale };
}

function svg(curves, width, height, scale, seconds) {
  const length = ([x0, y0, x1, y1, x2, y2]) => Math.hypot(x1 - x0, y1 - y0) + Math.hypot(x2 - x1, y2 - y1) + 1;
  const all = curves.reduce((sum, curve) => sum + length(curve), 0);
  const start = "stroke-dasharray:1 2;stroke-dashoffset:1.001", end = "stroke-dasharray:1 2;stroke-dashoffset:0";
  let done = 0;
  const paths = curves.map(curve => {
    const [x0, y0, x1, y1, x2, y2, w] = curve.map(v => (v * scale).toFixed(2)), time = seconds * length(curve) / all;
    const style = seconds ? `pathLength="1" style="animation:draw ${time.toFixed(3)}s linear ${done.toFixed(3)}s backwards" ` : "";
    done += time;
    return `<path ${style}d="M${x0} ${y0}Q${x1} ${y1} ${x2} ${y2}" stroke-width="${w}"/>`;
  });
  const [W, H] = [width, height].map(side => Math.round(side * scale));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${W} ${H}"><rect width="${W}" height="${H}" fill="#fff"/>`
    + (seconds ? `<style>@keyframes draw{from{${start}}to{${end}}}</style>` : "")
    + `<g fill="none" stroke="#000" stroke-linecap="round">\n${paths.join("\n")}\n</g></svg>`;
}

// Workers that draw windows, one for each core: each runs the script of the page.
function makeWorkers(script) {
  const url = URL.createObjectURL(new Blob([script], { type: "text/javascript" }));
  return Array.from({ length: Math.min(navigator.hardwareConcurrency || 1, 8) }, () => new Worker(url));
}
function answerAsWorker(network) {
  onmessage = ({ data: [job, windows, rounds] }) => postMessage([job, drawWindows(network, windows, ...rounds)]);
}

// What demo.html asks for instead of a server: a drawing, or none where it should stop.
async function drawHere({ network, workers }, picture, stopped) {
  const began = performance.now();
  let page;
  try { page = await read(picture, 1); } catch { return { error: "this is no picture that can be read" }; }
  const width = lineWidth(page.ink, page.width, page.height);
  const most = Math.max(page.width, page.height) / SMALL; // how many times smaller yet
  if (width > WIDE && most > 1) page = await read(picture, page.scale * Math.min(width / USUAL, most));
  const rounds = page.width * page.height > 128 * 128 ? [1, 6] : [8, 60]; // of a small one there is time for more
  const draw = async windows => (await Promise.all(workers.map((worker, k) => new Promise((done, failed) => {
    const from = Math.floor(k * windows.length / workers.length), to = Math.floor((k + 1) * windows.length / workers.length);
    const job = Math.random(), listen = new AbortController(); // it may still be at work for a drawing before
    worker.addEventListener("message", ({ data: [own, curves] }) => {
      if (own === job) { listen.abort(); done(curves); }
    }, listen);
    worker.addEventListener("error", failed, listen);
    worker.postMessage([job, windows.slice(from, to), rounds]);
  })))).flat();
  const curves = await drawPage(network, page.ink, page.width, page.height, draw, stopped);
  const sides = [page.width, page.height, page.scale], seconds = ((performance.now() - began) / 1000).toFixed(1);
  const note = curves.length ? `${curves.length} strokes in ${seconds} s` : "nothing to draw";
  return { svg: svg(curves, ...sides, 3), still: svg(curves, ...sides, 0), note };
}
