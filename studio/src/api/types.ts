/** What goes over the wire, named; the shapes are generated from the server's own schema. */

import type { components } from "./schema";

type Schemas = components["schemas"];

export type VideoJob = Schemas["VideoJob"];
export type VideoRequest = Schemas["VideoRequest"];
export type VideoList = Schemas["VideoList"];
export type Preview = Schemas["Preview"];
export type Resolved = Schemas["Resolved"];
export type CameraPoses = Schemas["CameraPoses"];
export type PathWarning = Schemas["Warning"];
export type CameraPreset = Schemas["CameraPreset"];
export type Parameter = Schemas["Parameter"];
export type WorldInfo = Schemas["WorldInfo"];
export type ModelInfo = Schemas["ModelInfo"];
export type LimitsInfo = Schemas["LimitsInfo"];
export type Running = Schemas["Running"];
