/**
 * Rotations and poses in the house's axes: OpenCV, x right, y down, z forward, metres, degrees.
 * Positive yaw turns right, positive pitch looks up, positive roll leans clockwise.
 */

export type Vec3 = readonly [number, number, number];
export type Mat3 = readonly [number, number, number, number, number, number, number, number, number];

/** A camera: where it is and how it is turned. */
export interface Pose {
  readonly position: Vec3;
  readonly yaw: number;
  readonly pitch: number;
  readonly roll: number;
}

const RADIANS = Math.PI / 180;

/** Ry(yaw) Rx(pitch) Rz(roll), row by row. */
export function rotation(yaw: number, pitch: number, roll: number): Mat3 {
  const [sy, cy] = [Math.sin(yaw * RADIANS), Math.cos(yaw * RADIANS)];
  const [sp, cp] = [Math.sin(pitch * RADIANS), Math.cos(pitch * RADIANS)];
  const [sr, cr] = [Math.sin(roll * RADIANS), Math.cos(roll * RADIANS)];
  return [
    cy * cr + sy * sp * sr,
    -cy * sr + sy * sp * cr,
    sy * cp,
    cp * sr,
    cp * cr,
    -sp,
    -sy * cr + cy * sp * sr,
    sy * sr + cy * sp * cr,
    cy * cp,
  ];
}

/** The angles of a rotation, so that `rotation(...angles(r))` gives it back. */
export function angles(r: Mat3): { yaw: number; pitch: number; roll: number } {
  return {
    yaw: Math.atan2(r[2], r[8]) / RADIANS,
    pitch: Math.atan2(-r[5], Math.hypot(r[3], r[4])) / RADIANS,
    roll: Math.atan2(r[3], r[4]) / RADIANS,
  };
}

/** A 4x4 camera-to-world matrix, rows of rows, as a pose. */
export function fromMatrix(c2w: readonly (readonly number[])[]): Pose {
  const at = (row: number, column: number) => c2w[row]?.[column] ?? 0;
  const r: Mat3 = [at(0, 0), at(0, 1), at(0, 2), at(1, 0), at(1, 1), at(1, 2), at(2, 0), at(2, 1), at(2, 2)];
  return { position: [at(0, 3), at(1, 3), at(2, 3)], ...angles(r) };
}

/** The pose `relative`, given in the axes of `anchor`, in the world's axes. */
export function compose(anchor: Pose, relative: Pose): Pose {
  const a = rotation(anchor.yaw, anchor.pitch, anchor.roll);
  const b = rotation(relative.yaw, relative.pitch, relative.roll);
  const [x, y, z] = turned(a, relative.position);
  const [px, py, pz] = anchor.position;
  return { position: [px + x, py + y, pz + z], ...angles(product(a, b)) };
}

/** A vector in the camera's axes, in the world's. */
export function turned(r: Mat3, [x, y, z]: Vec3): Vec3 {
  return [r[0] * x + r[1] * y + r[2] * z, r[3] * x + r[4] * y + r[5] * z, r[6] * x + r[7] * y + r[8] * z];
}

/** `angle`, plus as many whole turns as bring it nearest to `before`. */
export function unwrapped(angle: number, before: number): number {
  return angle + 360 * Math.round((before - angle) / 360);
}

/** The angle in degrees of the turn from one pose to the other. */
export function angleBetween(a: Pose, b: Pose): number {
  const p = rotation(a.yaw, a.pitch, a.roll);
  const q = rotation(b.yaw, b.pitch, b.roll);
  const chord = Math.sqrt(p.reduce((sum, value, i) => sum + (value - (q[i] ?? 0)) ** 2, 0));
  return (2 * Math.asin(Math.min(1, chord / Math.sqrt(8)))) / RADIANS;
}

export function distance(a: Vec3, b: Vec3): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

function product(a: Mat3, b: Mat3): Mat3 {
  const entry = (row: number, column: number) =>
    (a[3 * row] ?? 0) * (b[column] ?? 0) +
    (a[3 * row + 1] ?? 0) * (b[3 + column] ?? 0) +
    (a[3 * row + 2] ?? 0) * (b[6 + column] ?? 0);
  return [
    entry(0, 0),
    entry(0, 1),
    entry(0, 2),
    entry(1, 0),
    entry(1, 1),
    entry(1, 2),
    entry(2, 0),
    entry(2, 1),
    entry(2, 2),
  ];
}
