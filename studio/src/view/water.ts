/** Water as the rendered worlds have it: its own colour where one looks down, the sky's where one looks across. */

import { ShaderMaterial, UniformsLib, UniformsUtils, type Color } from "three";

const VERTEX = `
#include <fog_pars_vertex>
varying vec3 at;
void main() {
  vec4 mvPosition = modelViewMatrix * vec4(position, 1.0);
  at = (modelMatrix * vec4(position, 1.0)).xyz;
  gl_Position = projectionMatrix * mvPosition;
  #include <fog_vertex>
}`;

const FRAGMENT = `
#include <common>
#include <fog_pars_fragment>
uniform vec3 own, low, high;
uniform float rise;
varying vec3 at;
void main() {
  float down = abs(normalize(at - cameraPosition).y);
  float grazing = 1.0 - down;
  float share = 0.12 + 0.78 * grazing * grazing * grazing;
  vec3 mirrored = mix(low, high, min(1.0, down / rise));
  gl_FragColor = vec4(own * (0.55 + 0.45 * grazing) * (1.0 - share) + mirrored * share, 1.0);
  #include <colorspace_fragment>
  #include <fog_fragment>
}`;

/** own: the water's colour; low, high: those of the sky at the horizon and where the sine of the elevation is `rise`. */
export function waterMaterial(own: Color, low: Color, high: Color, rise: number): ShaderMaterial {
  const uniforms = UniformsUtils.merge([
    UniformsLib.fog,
    { own: { value: own }, low: { value: low }, high: { value: high }, rise: { value: rise } },
  ]);
  return new ShaderMaterial({ uniforms, vertexShader: VERTEX, fragmentShader: FRAGMENT, fog: true });
}
