import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

// Relative addresses: the built page works under any path. What the first
// paint does not need is split off: see app/later.ts.
export default defineConfig({
  base: './',
  plugins: [svelte()],
  build: {
    outDir: '../src/vitscope/server/static',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    // One file for the first paint: each of its own is a request more before anything is shown.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'first', test: /src\/app\/main\.ts$/ }] } } },
  },
  server: { proxy: { '/api': process.env.VITSCOPE_SERVER ?? 'http://127.0.0.1:8765' } },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
});
