/** Between the house's axes (y down, z ahead) and those of three.js (y up, z behind). */

import { Euler, Matrix4, Quaternion, Vector3, type Object3D } from "three";
import { angles, rotation, unwrapped, type Mat3, type Pose } from "../model/pose";

/** Half a turn about x: its own inverse, and how the whole scene stands in the world of three.js. */
const FLIP = new Matrix4().makeRotationFromEuler(new Euler(Math.PI, 0, 0));

export function poseMatrix(pose: Pose): Matrix4 {
  const r = rotation(pose.yaw, pose.pitch, pose.roll);
  const [x, y, z] = pose.position;
  return new Matrix4().set(r[0], r[1], r[2], x, r[3], r[4], r[5], y, r[6], r[7], r[8], z, 0, 0, 0, 1);
}

/** The world matrix of a three.js camera that sees what a camera at this pose sees. */
export function cameraMatrix(pose: Pose): Matrix4 {
  return FLIP.clone().multiply(poseMatrix(pose)).multiply(FLIP);
}

/** The pose of a camera that sees what this three.js camera sees. */
export function poseOfCamera(world: Matrix4): Pose {
  return poseOfMatrix(FLIP.clone().multiply(world).multiply(FLIP));
}

export function poseOfMatrix(m: Matrix4): Pose {
  const e = m.elements as unknown as number[];
  const at = (row: number, column: number) => e[4 * column + row] ?? 0;
  const r: Mat3 = [at(0, 0), at(0, 1), at(0, 2), at(1, 0), at(1, 1), at(1, 2), at(2, 0), at(2, 1), at(2, 2)];
  return { position: [at(0, 3), at(1, 3), at(2, 3)], ...angles(r) };
}

/** Put an object of the scene where the pose is. */
export function place(object: Object3D, pose: Pose): void {
  poseMatrix(pose).decompose(object.position, object.quaternion, new Vector3());
}

/** Where an object of the scene is, with angles near those it had. */
export function poseOf(object: Object3D, before: Pose): Pose {
  const m = new Matrix4().compose(
    object.position,
    new Quaternion().copy(object.quaternion),
    new Vector3(1, 1, 1),
  );
  const pose = poseOfMatrix(m);
  return { ...pose, yaw: unwrapped(pose.yaw, before.yaw), roll: unwrapped(pose.roll, before.roll) };
}

/** The vertical field of view of a picture `aspect` times as wide as high. */
export function verticalFov(horizontal: number, aspect: number): number {
  return (360 / Math.PI) * Math.atan(Math.tan((horizontal * Math.PI) / 360) / aspect);
}
