/** The place in three dimensions: a seeded world's mesh, or a dropped picture on a plane; and the sky behind it. */

import {
  BufferAttribute,
  BufferGeometry,
  BackSide,
  Color,
  DoubleSide,
  FogExp2,
  Group,
  LinearFilter,
  Material,
  Mesh,
  MeshBasicMaterial,
  PlaneGeometry,
  SphereGeometry,
  SRGBColorSpace,
  Texture,
} from "three";
import { getBytes } from "../api/client";
import { waterMaterial } from "./water";

const PICTURE_AT = 8; // metres ahead of the first camera
const SKY_RADIUS = 900;
const SKY_RISE = 0.36; // sine of the elevation at the top of a first view, through a lens of 70 degrees

export interface Setting {
  readonly group: Group;
  readonly fog: FogExp2 | null;
}

/** The mesh of a world, with a sky in the colours of its first view. */
export async function worldSetting(seed: number, view: string): Promise<Setting> {
  const [bytes, picture] = await Promise.all([getBytes(`v1/worlds/${seed}/scene`), loadPicture(view)]);
  const group = new Group();
  const { high, low } = skyColors(picture);
  const { geometry, water } = readMesh(bytes);
  const dry = new MeshBasicMaterial({ vertexColors: true, side: DoubleSide });
  group.add(
    new Mesh(geometry, water ? [dry, waterMaterial(water, low, high, SKY_RISE)] : [dry]),
    sky(high, low),
  );
  return { group, fog: new FogExp2(low, 0.006) };
}

/** A picture that fills the first camera's view, some metres ahead. */
export async function pictureSetting(view: string, fov: number, aspect: number): Promise<Setting> {
  const picture = await loadPicture(view);
  const width = 2 * PICTURE_AT * Math.tan((fov * Math.PI) / 360);
  const texture = new Texture(cropped(picture, aspect));
  texture.colorSpace = SRGBColorSpace;
  texture.minFilter = LinearFilter;
  texture.generateMipmaps = false;
  texture.needsUpdate = true;
  const plane = new Mesh(
    new PlaneGeometry(width, width / aspect),
    new MeshBasicMaterial({ map: texture, side: DoubleSide }),
  );
  plane.position.z = PICTURE_AT;
  plane.rotation.x = Math.PI;
  const group = new Group();
  group.add(plane);
  return { group, fog: null };
}

/** Free what the GPU holds of it. */
export function dispose({ group }: Setting): void {
  group.traverse((object) => {
    if (!(object instanceof Mesh)) return;
    (object.geometry as BufferGeometry).dispose();
    for (const material of [object.material as Material | Material[]].flat()) {
      if (material instanceof MeshBasicMaterial) material.map?.dispose();
      material.dispose();
    }
  });
}

/**
 * Little-endian: vertices, triangles, triangles of water (uint32), xyz (float32), rgb (uint8) padded to four bytes,
 * indices (uint32). The water comes last, and is the second group of the geometry; `water` is its colour.
 */
function readMesh(bytes: ArrayBuffer): { geometry: BufferGeometry; water: Color | null } {
  const [vertices = 0, triangles = 0, wet = 0] = new Uint32Array(bytes, 0, 3);
  const colorsAt = 12 + 12 * vertices;
  const indicesAt = colorsAt + 4 * Math.ceil((3 * vertices) / 4);
  const linear = new Float32Array(3 * vertices);
  new Uint8Array(bytes, colorsAt, 3 * vertices).forEach((value, i) => (linear[i] = LINEAR[value] ?? 0));
  const geometry = new BufferGeometry();
  geometry.setAttribute("position", new BufferAttribute(new Float32Array(bytes, 12, 3 * vertices), 3));
  geometry.setAttribute("color", new BufferAttribute(linear, 3));
  const indices = new Uint32Array(bytes, indicesAt, 3 * triangles);
  geometry.setIndex(new BufferAttribute(indices, 1));
  geometry.addGroup(0, 3 * (triangles - wet), 0);
  if (wet) geometry.addGroup(3 * (triangles - wet), 3 * wet, 1);
  const water = wet ? new Color().fromArray(linear, 3 * (indices.at(-1) ?? 0)) : null;
  return { geometry, water };
}

const LINEAR = Float32Array.from({ length: 256 }, (_, i) => {
  const value = i / 255;
  return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
});

async function loadPicture(address: string): Promise<ImageBitmap> {
  const image = new Image();
  image.src = address;
  await image.decode().catch(() => {
    throw new Error("The first view of this place cannot be had.");
  });
  return createImageBitmap(image);
}

/** The middle of a picture, in the shape of the model's frames, as the server cuts it. */
function cropped(picture: ImageBitmap, aspect: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  const width = Math.min(picture.width, picture.height * aspect);
  const height = width / aspect;
  [canvas.width, canvas.height] = [Math.round(width), Math.round(height)];
  const [left, top] = [(picture.width - width) / 2, (picture.height - height) / 2];
  canvas.getContext("2d")?.drawImage(picture, left, top, width, height, 0, 0, canvas.width, canvas.height);
  return canvas;
}

/** The colours of the sky in the first view, at its top and towards the horizon: there it is brighter than the rest. */
function skyColors(picture: ImageBitmap): { high: Color; low: Color } {
  const [width, height] = [16, 16];
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context?.drawImage(picture, 0, 0, width, height);
  const bright = (row: number) => {
    const data = context?.getImageData(0, row, width, 1).data ?? new Uint8ClampedArray(4 * width);
    const pixels = Array.from({ length: width }, (_, i) => [...data.subarray(4 * i, 4 * i + 3)]);
    const light = ([r = 0, g = 0, b = 0]: number[]) => 0.3 * r + 0.59 * g + 0.11 * b;
    const [r = 0, g = 0, b = 0] = pixels.sort((p, q) => light(q) - light(p))[width >> 2] ?? [];
    return new Color().setRGB(r / 255, g / 255, b / 255, SRGBColorSpace);
  };
  return { high: bright(0), low: bright(5) };
}

function sky(high: Color, low: Color): Mesh {
  const geometry = new SphereGeometry(SKY_RADIUS, 24, 32);
  const positions = geometry.getAttribute("position");
  const colors = new Float32Array(3 * positions.count);
  for (let i = 0; i < positions.count; i++) {
    const up = Math.min(1, Math.max(0, -positions.getY(i) / SKY_RADIUS) / SKY_RISE);
    low
      .clone()
      .lerp(high, up)
      .toArray(colors, 3 * i);
  }
  geometry.setAttribute("color", new BufferAttribute(colors, 3));
  return new Mesh(
    geometry,
    new MeshBasicMaterial({ vertexColors: true, side: BackSide, fog: false, depthWrite: false }),
  );
}
