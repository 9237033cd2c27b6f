// Curves of losses by step, on a logarithmic axis.

const MARGIN = { left: 58, right: 84, top: 14, bottom: 46 };
const [TOP, BOTTOM] = [2, 0.002];
const TICKS = [1, 0.3, 0.1, 0.03, 0.01, 0.003];

/** Draws the curves, each { name, label, losses }; returns how many points lie on them. */
export function draw(canvas, curves, steps) {
  const [width, height, ratio] = [canvas.clientWidth, canvas.clientHeight, devicePixelRatio];
  [canvas.width, canvas.height] = [width * ratio, height * ratio];
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  const style = getComputedStyle(canvas);
  const [ink, line] = ["--soft", "--line"].map((name) => resolved(canvas, name));
  const [right, bottom] = [width - MARGIN.right, height - MARGIN.bottom];
  const x = (step) => MARGIN.left + ((right - MARGIN.left) * step) / steps;
  const clamp = (loss) => Math.min(TOP, Math.max(BOTTOM, loss));
  const y = (loss) => MARGIN.top + ((bottom - MARGIN.top) * Math.log(TOP / clamp(loss))) / Math.log(TOP / BOTTOM);

  context.font = `13px ${style.fontFamily}`;
  context.fillStyle = ink;
  context.strokeStyle = line;
  context.lineWidth = 1;
  context.textBaseline = "middle";
  context.textAlign = "right";
  for (const loss of TICKS) {
    segment(context, [MARGIN.left, y(loss)], [right, y(loss)]);
    context.fillText(loss, MARGIN.left - 8, y(loss));
  }
  context.textAlign = "center";
  for (let part = 0; part <= 4; part++) {
    const step = Math.round((steps * part) / 4);
    segment(context, [x(step), bottom], [x(step), bottom + 5]);
    context.fillText(step, x(step), bottom + 16);
  }
  segment(context, [MARGIN.left, bottom], [right, bottom]);
  context.fillText("step", (MARGIN.left + right) / 2, height - 10);
  context.save();
  context.translate(12, (MARGIN.top + bottom) / 2);
  context.rotate(-Math.PI / 2);
  context.fillText("held-out loss", 0, 0);
  context.restore();

  context.lineWidth = 2;
  context.lineJoin = "round";
  for (const { name, losses } of curves) {
    context.strokeStyle = resolved(canvas, `--${name}`);
    context.beginPath();
    losses.forEach((loss, step) => context.lineTo(x(step), y(loss)));
    context.stroke();
  }
  // Names behind the ends of the curves, none over another.
  context.textAlign = "left";
  let above = 0;
  const ends = curves.map(({ name, label, losses }) => ({ name, label, step: losses.length - 1, height: y(losses.at(-1)) }));
  for (const { name, label, step, height } of ends.sort((a, b) => a.height - b.height)) {
    above = Math.max(height, above + 16);
    context.fillStyle = resolved(canvas, `--${name}`);
    context.fillText(label, x(step) + 8, above);
  }
  return curves.reduce((sum, { losses }) => sum + losses.length, 0);
}

function segment(context, from, to) {
  context.beginPath();
  context.moveTo(...from);
  context.lineTo(...to);
  context.stroke();
}

/** A colour of the style sheet as it is in light or in dark. */
function resolved(element, name) {
  const before = element.style.color;
  element.style.color = `var(${name})`;
  const color = getComputedStyle(element).color;
  element.style.color = before;
  return color;
}
