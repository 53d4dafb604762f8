/** Lines that can be seen before any sky: a bright one over a dark, wider one. */

import { Group, type ColorRepresentation } from "three";
import { Line2 } from "three/examples/jsm/lines/Line2.js";
import { LineGeometry } from "three/examples/jsm/lines/LineGeometry.js";
import { LineMaterial } from "three/examples/jsm/lines/LineMaterial.js";
import { LineSegments2 } from "three/examples/jsm/lines/LineSegments2.js";
import { LineSegmentsGeometry } from "three/examples/jsm/lines/LineSegmentsGeometry.js";

/** Materials are shared by kind: each is one shader, and resizing sets them all. */
export class Pens {
  private readonly made = new Map<string, LineMaterial>();

  get(color: ColorRepresentation, width: number, opacity = 1, vertexColors = false): LineMaterial {
    const key = `${String(color)} ${width} ${opacity} ${vertexColors}`;
    let pen = this.made.get(key);
    if (!pen) {
      pen = new LineMaterial({
        color,
        linewidth: width,
        opacity,
        transparent: true, // all in one list, so that renderOrder puts the bright line over the dark one
        depthWrite: false,
        vertexColors,
        fog: false,
      });
      this.made.set(key, pen);
    }
    return pen;
  }
}

/** A run of points, (x, y, z) each, with a colour for each where `colors` are given. */
export function curve(points: number[], pen: LineMaterial, colors?: number[]): Line2 {
  const geometry = new LineGeometry();
  geometry.setPositions(points);
  if (colors) geometry.setColors(colors);
  return new Line2(geometry, pen);
}

/** The pyramid of a camera's view, one metre deep, along z. */
export function pyramid(fov: number, aspect: number, over: LineMaterial, under: LineMaterial): Group {
  const x = Math.tan((fov * Math.PI) / 360);
  const y = x / aspect;
  const corners = [
    [-x, -y, 1],
    [x, -y, 1],
    [x, y, 1],
    [-x, y, 1],
  ] as const;
  const points: number[] = [];
  corners.forEach((corner, i) => {
    points.push(0, 0, 0, ...corner, ...corner, ...(corners[(i + 1) % 4] ?? corner));
  });
  points.push(-0.35 * x, -1.08 * y, 1, 0, -1.45 * y, 1, 0, -1.45 * y, 1, 0.35 * x, -1.08 * y, 1);
  const geometry = new LineSegmentsGeometry();
  geometry.setPositions(points);
  const group = new Group();
  const shade = new LineSegments2(geometry, under);
  shade.renderOrder = 1;
  const line = new LineSegments2(geometry, over);
  line.renderOrder = 2;
  group.add(shade, line);
  return group;
}

/** Free the geometry of everything in a group, and empty it. */
export function clear(group: Group): void {
  group.traverse((object) => {
    if (object instanceof LineSegments2) object.geometry.dispose();
  });
  group.clear();
}
