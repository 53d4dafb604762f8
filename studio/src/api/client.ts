/** Calls to the server that serves this page. */

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const BASE = new URL("./", document.baseURI);

export function url(path: string): string {
  return new URL(path.replace(/^\//, ""), BASE).href;
}

export function socketUrl(path: string): string {
  return url(path).replace(/^http/, "ws");
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call(path, signal ? { signal } : {})).json() as Promise<T>;
}

export async function postJson<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
  const request: RequestInit = {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
  return (await call(path, signal ? { ...request, signal } : request)).json() as Promise<T>;
}

/** For calls that answer with nothing. */
export async function postEmpty(path: string, body: unknown): Promise<void> {
  await call(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
}

export async function getBytes(path: string, signal?: AbortSignal): Promise<ArrayBuffer> {
  return (await call(path, signal ? { signal } : {})).arrayBuffer();
}

export async function remove(path: string): Promise<void> {
  await call(path, { method: "DELETE" });
}

async function call(path: string, request: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(url(path), request);
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "The server does not answer; is flythrough serve still running?");
  }
  if (!response.ok) throw new ApiError(response.status, await reason(response));
  return response;
}

async function reason(response: Response): Promise<string> {
  const body: unknown = await response.json().catch(() => null);
  const message = (body as { error?: { message?: unknown } } | null)?.error?.message;
  return typeof message === "string" ? message : `The server answered ${response.status}.`;
}
