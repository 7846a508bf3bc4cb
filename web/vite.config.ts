// Builds the page into `dist/`: plain files that the server embeds. Nothing is inlined, so that the
// content security policy needs neither hashes nor exceptions.
import { defineConfig } from "vite";

export default defineConfig({
  base: "/",
  build: {
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 300,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  server: { proxy: { "/v1": "http://127.0.0.1:8765", "/info": "http://127.0.0.1:8765" } },
});
