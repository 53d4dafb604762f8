/** The handles that move and turn the selected keyframe. */

import { Object3D, type Camera, type Group, type Scene } from "three";
import type { OrbitControls } from "three/examples/jsm/controls/OrbitControls.js";
import { TransformControls } from "three/examples/jsm/controls/TransformControls.js";
import type { Pose } from "../model/pose";
import { place, poseOf } from "./convert";

export type GizmoMode = "translate" | "rotate";

export class Gizmo {
  private readonly controls: TransformControls;
  private readonly helper: Object3D;
  private readonly proxy = new Object3D();
  private pose: Pose | null = null;
  dragging = false;
  onMove: (pose: Pose) => void = () => {};
  onEnd: () => void = () => {};

  constructor(
    camera: Camera,
    canvas: HTMLCanvasElement,
    root: Group,
    scene: Scene,
    orbit: OrbitControls,
    ask: () => void,
  ) {
    this.controls = new TransformControls(camera, canvas);
    this.controls.setSize(0.8);
    this.controls.setColors("#f2777c", "#97c96b", "#6cabf7", "#ffb454");
    this.helper = this.controls.getHelper();
    root.add(this.proxy);
    scene.add(this.helper);
    this.controls.addEventListener("change", ask);
    this.controls.addEventListener("dragging-changed", (event) => {
      this.dragging = event.value === true;
      orbit.enabled = !this.dragging;
      if (!this.dragging) this.onEnd();
    });
    this.controls.addEventListener("objectChange", () => {
      if (this.pose) this.onMove(poseOf(this.proxy, this.pose));
    });
  }

  set visible(visible: boolean) {
    this.helper.visible = visible && this.pose !== null;
  }

  /** Whether the handles can be taken hold of. A change asks for a drawing. */
  set enabled(enabled: boolean) {
    this.controls.enabled = enabled;
  }

  /** Handles at this pose, or none. */
  attach(pose: Pose | null): void {
    this.pose = pose;
    if (!pose) {
      this.controls.detach();
      return;
    }
    if (!this.dragging) place(this.proxy, pose);
    this.controls.attach(this.proxy);
  }

  setMode(mode: GizmoMode, snap: boolean): void {
    this.controls.setMode(mode);
    this.controls.setSpace(mode === "rotate" ? "local" : "world");
    this.controls.setTranslationSnap(snap ? 0.25 : null);
    this.controls.setRotationSnap(snap ? (5 * Math.PI) / 180 : null);
  }

  /** Whether the pointer is over a handle. */
  get hot(): boolean {
    return this.controls.axis !== null;
  }

  dispose(): void {
    this.controls.detach();
    this.controls.dispose();
  }
}
