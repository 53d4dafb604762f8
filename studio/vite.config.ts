import { defineConfig } from "vite";

// FLYTHROUGH_SERVER is only for `npm run dev`; the built studio talks to the server that serves it.
const server = process.env["FLYTHROUGH_SERVER"] ?? "http://127.0.0.1:8700";

export default defineConfig({
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/v1": { target: server, ws: true }, "/health": server } },
  build: {
    outDir: "../src/flythrough/serve/static",
    emptyOutDir: true,
    target: "es2022",
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
    assetsInlineLimit: 0,
  },
});
