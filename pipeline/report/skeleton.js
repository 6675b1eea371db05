// The middle and the size of the area that the joints reach in a window, so that the scale of the skeleton stays fixed.
function extent(window) {
  if (!window.extent) {
    const ends = [0, 1].map((axis) => {
      const values = window.motion.flatMap((joints) => joints.filter((_, i) => i % 2 === axis));
      return values.reduce(([low, high], value) => [Math.min(low, value), Math.max(high, value)], [Infinity, -Infinity]);
    });
    window.extent = { middle: ends.map(([low, high]) => (low + high) / 2), size: Math.max(...ends.map(([low, high]) => high - low), 1) };
  }
  return window.extent;
}

function drawSkeleton(joints, { middle, size }) {
  const side = Math.round(canvas.clientWidth * devicePixelRatio);
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d"), scale = (0.9 * side) / size;
  const at = (joint) => [0, 1].map((axis) => side / 2 + (joints[2 * joint + axis] - middle[axis]) * scale);
  pen.clearRect(0, 0, side, side);
  pen.strokeStyle = getComputedStyle(canvas).color;
  pen.lineCap = "round";
  for (const [a, b] of data.bones) {
    const arm = [1, 2, 3, 24, 25, 26].includes(b);
    pen.lineWidth = side * (arm ? 0.018 : 0.007);
    pen.beginPath();
    pen.moveTo(...at(a));
    pen.lineTo(...at(b));
    pen.stroke();
  }
}
