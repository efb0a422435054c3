import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const SOURCES = new URL('../src/', import.meta.url);

describe('the house', () => {
  it('has no line above 140 (what prettier cannot break: strings, comments)', () => {
    const long = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\.(ts|svelte|css)$/.test(name) && !name.endsWith('.gen.ts'))
      .flatMap((name) =>
        readFileSync(new URL(name, SOURCES), 'utf8')
          .split('\n')
          .flatMap((line, at) => (line.length > 140 ? [`${name}:${at + 1}`] : [])),
      );
    expect(long).toEqual([]);
  });
});
