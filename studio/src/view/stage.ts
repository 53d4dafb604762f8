/** The 3-D view: draws the place and the rig, from outside or through the camera, whenever something changed. */

import {
  Box3,
  Color,
  GridHelper,
  Group,
  PerspectiveCamera,
  Raycaster,
  Scene,
  Vector2,
  Vector3,
  WebGLRenderer,
} from "three";
import { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import type { Pose } from "../model/pose";
import { cameraMatrix, poseOfCamera, verticalFov } from "./convert";
import { Gizmo } from "./gizmo";
import { Rig } from "./rig";
import { dispose, type Setting } from "./setting";

const BACKDROP = new Color("#101114");
const PIP_MARGIN = 12;

/** Where the camera's picture lies in the view, in CSS pixels from its left top corner. */
export interface Gate {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export class Stage {
  readonly rig: Rig;
  readonly gizmo: Gizmo;
  private readonly renderer: WebGLRenderer;
  private readonly scene = new Scene();
  private readonly root = new Group();
  private readonly eye = new PerspectiveCamera(50, 1, 0.05, 2000);
  private readonly lens = new PerspectiveCamera(50, 1, 0.05, 2000);
  private readonly orbit: OrbitControls;
  private readonly grid = new GridHelper(80, 80, "#3a3f49", "#23262d");
  private readonly resizes: ResizeObserver;
  private setting: Setting | null = null;
  private asked = 0;
  private gone = false;
  private size = { width: 1, height: 1 };
  private view: { pose: Pose; fov: number } | null = null;
  through = false;
  pipWidth = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    private readonly aspect: number,
  ) {
    this.renderer = new WebGLRenderer({ canvas, antialias: true, powerPreference: "high-performance" });
    this.renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    this.renderer.autoClear = false;
    this.scene.background = BACKDROP;
    this.root.rotation.x = Math.PI;
    this.grid.position.y = 1.6;
    this.rig = new Rig(aspect);
    this.root.add(this.grid, this.rig.group);
    this.scene.add(this.root);
    this.orbit = new OrbitControls(this.eye, canvas);
    this.orbit.addEventListener("change", this.ask);
    this.gizmo = new Gizmo(this.eye, canvas, this.root, this.scene, this.orbit, this.ask);
    this.resizes = new ResizeObserver(() => this.resize());
    this.resizes.observe(canvas.parentElement as HTMLElement);
    this.lens.matrixAutoUpdate = false;
    this.lookFrom(new Vector3(5.5, 4, 7), new Vector3(0, 0.3, -4));
    this.resize();
  }

  dispose(): void {
    this.gone = true;
    cancelAnimationFrame(this.asked);
    this.resizes.disconnect();
    this.gizmo.dispose();
    this.orbit.dispose();
    if (this.setting) dispose(this.setting);
    this.renderer.dispose();
    this.renderer.forceContextLoss(); // a browser has sixteen, and lets go of others only in its own time
  }

  setSetting(setting: Setting | null): void {
    if (this.setting) {
      this.root.remove(this.setting.group);
      dispose(this.setting);
    }
    this.setting = setting;
    if (setting) this.root.add(setting.group);
    this.scene.fog = setting?.fog ?? null;
    this.grid.visible = !setting?.fog;
    this.ask();
  }

  /** The playhead's camera. drawn: as a pyramid too, which is not needed where a keyframe has one. */
  setCamera(pose: Pose | null, fov: number, drawn: boolean): void {
    this.view = pose ? { pose, fov } : null;
    this.rig.setPlayhead(drawn ? pose : null, fov);
    this.ask();
  }

  /** See all of these points, from where the eye is now. */
  frame(points: readonly (readonly [number, number, number])[]): void {
    const box = new Box3().setFromPoints(points.map(([x, y, z]) => new Vector3(x, -y, -z)));
    const centre = box.getCenter(new Vector3());
    const distance = Math.max(4, box.getSize(new Vector3()).length() * 1.15);
    const from = this.eye.position.clone().sub(this.orbit.target).normalize();
    this.lookFrom(centre.clone().addScaledVector(from, distance), centre);
  }

  /** From above, from the side, or from behind the first camera. */
  lookAlong(direction: "top" | "side" | "back"): void {
    const target = this.orbit.target.clone();
    const distance = this.eye.position.distanceTo(target);
    const from = {
      top: new Vector3(0, 1, 0.001),
      side: new Vector3(1, 0.02, 0),
      back: new Vector3(0, 0.15, 1),
    };
    this.lookFrom(target.clone().addScaledVector(from[direction].normalize(), distance), target);
  }

  /** Turn about what is looked at, by degrees; move nearer with zoom below 1. */
  turn(yaw: number, pitch: number, zoom = 1): void {
    const offset = this.eye.position.clone().sub(this.orbit.target);
    const right = new Vector3(0, 1, 0).cross(offset).normalize();
    offset.applyAxisAngle(new Vector3(0, 1, 0), (yaw * Math.PI) / 180);
    offset.applyAxisAngle(right, (-pitch * Math.PI) / 180).multiplyScalar(zoom);
    this.lookFrom(this.orbit.target.clone().add(offset), this.orbit.target.clone());
  }

  /** The pose of a camera that sees what the eye sees. */
  eyePose(): Pose {
    this.eye.updateMatrixWorld();
    return poseOfCamera(this.eye.matrixWorld);
  }

  /** The keyframe at a point of the canvas, in CSS pixels. */
  pick(x: number, y: number): string | null {
    const ray = new Raycaster();
    const point = new Vector2((x / this.size.width) * 2 - 1, 1 - (y / this.size.height) * 2);
    ray.setFromCamera(point, this.eye);
    return this.rig.pick(ray);
  }

  /** The largest picture that fits into the view, with a little room around it. */
  gate(): Gate {
    const room = 0.94;
    const width = Math.min(this.size.width * room, this.size.height * room * this.aspect);
    const height = width / this.aspect;
    return { left: (this.size.width - width) / 2, top: (this.size.height - height) / 2, width, height };
  }

  readonly ask = (): void => {
    if (!this.asked && !this.gone) this.asked = requestAnimationFrame(this.draw);
  };

  private readonly draw = (): void => {
    this.asked = 0;
    const { width, height } = this.size;
    const inside = this.through && this.view;
    this.orbit.enabled = !inside && !this.gizmo.dragging;
    this.gizmo.visible = this.gizmo.enabled = !inside;
    this.rig.group.visible = !inside;
    this.renderer.setScissorTest(false);
    this.renderer.setViewport(0, 0, width, height);
    this.renderer.clear();
    if (inside) {
      const scale = height / this.gate().height;
      this.aim(width / height, scale);
      this.renderer.render(this.scene, this.lens);
      return;
    }
    this.rig.rescale(this.eye);
    this.renderer.render(this.scene, this.eye);
    if (this.view && this.pipWidth) this.drawInset();
  };

  private drawInset(): void {
    const width = this.pipWidth;
    const height = Math.round(width / this.aspect);
    const left = this.size.width - width - PIP_MARGIN;
    this.rig.group.visible = this.gizmo.visible = false;
    this.aim(this.aspect, 1);
    this.renderer.setScissorTest(true);
    this.renderer.setScissor(left, PIP_MARGIN, width, height);
    this.renderer.setViewport(left, PIP_MARGIN, width, height);
    this.renderer.clear();
    this.renderer.render(this.scene, this.lens);
    this.renderer.setScissorTest(false);
    this.rig.group.visible = this.gizmo.visible = true;
  }

  /** Put the lens where the playhead's camera is. `scale`: how much higher the view is than the camera's picture. */
  private aim(aspect: number, scale: number): void {
    if (!this.view) return;
    const fov = (verticalFov(this.view.fov, this.aspect) * Math.PI) / 360;
    this.lens.fov = (360 / Math.PI) * Math.atan(Math.tan(fov) * scale);
    this.lens.aspect = aspect;
    this.lens.updateProjectionMatrix();
    this.lens.matrix.copy(cameraMatrix(this.view.pose));
    this.lens.updateMatrixWorld(true);
  }

  private lookFrom(position: Vector3, target: Vector3): void {
    this.eye.position.copy(position);
    this.orbit.target.copy(target);
    this.orbit.update();
    this.ask();
  }

  private resize(): void {
    const holder = this.canvas.parentElement as HTMLElement;
    const [width, height] = [Math.max(1, holder.clientWidth), Math.max(1, holder.clientHeight)];
    this.size = { width, height };
    this.renderer.setSize(width, height, false);
    this.eye.aspect = width / height;
    this.eye.updateProjectionMatrix();
    this.draw();
    this.canvas.dispatchEvent(new Event("stage-resize"));
  }
}
