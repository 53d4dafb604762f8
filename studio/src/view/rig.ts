/** The path and its cameras in the scene: a line, a pyramid for each keyframe, one at the playhead. */

import {
  Color,
  Group,
  Mesh,
  MeshBasicMaterial,
  SphereGeometry,
  Vector3,
  type Camera,
  type Raycaster,
} from "three";
import { distance, type Pose } from "../model/pose";
import type { Path } from "../model/resolve";
import type { Keyframe } from "../model/shot";
import { place } from "./convert";
import { clear, curve, Pens, pyramid } from "./lines";

const ACCENT = "#ffb454";
const PLAIN = "#f4f5f7";
const FAST = "#ff5d5d";
const GHOST = "#9fd3ff";
const SHADE = "#0b0c0e";

export class Rig {
  readonly group = new Group();
  private readonly pens = new Pens();
  private readonly line = new Group();
  private readonly keys = new Group();
  private readonly ghost = new Group();
  private head: Group | null = null;
  private headFov = 0;
  private most = 4;
  private readonly targets = new Map<Mesh, string>();
  private readonly ball = new SphereGeometry(0.9, 8, 6);
  private readonly unseen = new MeshBasicMaterial({ visible: false });

  constructor(private readonly aspect: number) {
    this.group.add(this.line, this.ghost, this.keys);
  }

  setPath(path: Path | null, comfort: { metres: number; degrees: number }): void {
    clear(this.line);
    if (!path || path.poses.length < 2) return;
    const points = path.poses.flatMap((pose) => [...pose.position]);
    const [plain, fast] = [new Color(ACCENT), new Color(FAST)];
    const colors = path.poses.flatMap((_, i) => {
      const over = (path.speed[i] ?? 0) > comfort.metres || (path.turn[i] ?? 0) > comfort.degrees;
      return (over ? fast : plain).toArray();
    });
    const shade = curve(points, this.pens.get(SHADE, 5, 0.45));
    const line = curve(points, this.pens.get("#ffffff", 2.5, 1, true), colors);
    [shade.renderOrder, line.renderOrder] = [1, 2];
    this.line.add(shade, line);
  }

  setGhost(poses: readonly Pose[] | null): void {
    clear(this.ghost);
    if (!poses || poses.length < 2) return;
    const points = poses.flatMap((pose) => [...pose.position]);
    this.ghost.add(curve(points, this.pens.get(SHADE, 5, 0.45)), curve(points, this.pens.get(GHOST, 2)));
    const end = pyramid(70, this.aspect, this.pens.get(GHOST, 1.5), this.pens.get(SHADE, 4, 0.45));
    place(end, poses.at(-1) as Pose);
    this.ghost.add(end);
  }

  setKeyframes(keyframes: readonly Keyframe[], selected: ReadonlySet<string>): void {
    clear(this.keys);
    this.targets.clear();
    this.most = largest(keyframes);
    for (const key of keyframes) {
      const chosen = selected.has(key.id);
      const over = this.pens.get(chosen ? ACCENT : PLAIN, chosen ? 2.5 : 1.5);
      const camera = pyramid(key.fov, this.aspect, over, this.pens.get(SHADE, 4.5, 0.45));
      place(camera, key);
      const target = new Mesh(this.ball, this.unseen);
      target.position.z = 0.4;
      camera.add(target);
      this.targets.set(target, key.id);
      this.keys.add(camera);
    }
  }

  setPlayhead(pose: Pose | null, fov: number): void {
    if (!pose) {
      if (this.head) this.head.visible = false;
      return;
    }
    if (!this.head || this.headFov !== fov) {
      if (this.head) {
        clear(this.head);
        this.group.remove(this.head);
      }
      this.head = pyramid(fov, this.aspect, this.pens.get("#ffffff", 2), this.pens.get(SHADE, 5, 0.5));
      this.headFov = fov;
      this.group.add(this.head);
    }
    this.head.visible = true;
    place(this.head, pose);
  }

  /** Keep the pyramids' size on the screen within bounds, however far away they are. */
  rescale(camera: Camera): void {
    const at = new Vector3();
    for (const one of [
      ...this.keys.children,
      ...(this.head ? [this.head] : []),
      ...this.ghost.children.slice(2),
    ]) {
      const away = one.getWorldPosition(at).distanceTo(camera.position);
      one.scale.setScalar(Math.min(this.most, Math.max(0.12, away * (one === this.head ? 0.07 : 0.06))));
    }
  }

  /** The keyframe under a ray. */
  pick(ray: Raycaster): string | null {
    const hit = ray.intersectObjects([...this.targets.keys()], false)[0];
    return hit ? (this.targets.get(hit.object as Mesh) ?? null) : null;
  }
}

/** How large pyramids may be without hiding each other: somewhat less than the usual way between two keyframes. */
function largest(keyframes: readonly Keyframe[]): number {
  const ways = keyframes
    .slice(1)
    .map((key, i) => distance(key.position, keyframes[i]?.position ?? key.position));
  const usual = ways.sort((a, b) => a - b)[ways.length >> 1] ?? 4;
  return Math.min(4, Math.max(0.3, 0.7 * usual));
}
