import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { PANES } from '../src/ground/perspectives';

const SOURCES = new URL('../src/', import.meta.url);
const MOST_FILES = 15;
const entries = readdirSync(SOURCES, { recursive: true, withFileTypes: true });
const files = entries
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => ({ room: parentPath.slice(SOURCES.pathname.length), path: `${parentPath}/${name}` }));

describe('the house', () => {
  it('has no line above 140 (what prettier cannot break: strings, comments)', () => {
    const long = files
      .filter(({ path }) => /\.(ts|svelte|css)$/.test(path) && !path.endsWith('.gen.ts'))
      .flatMap(({ path }) =>
        readFileSync(path, 'utf8')
          .split('\n')
          .flatMap((line, at) => (line.length > 140 ? [`${path}:${at + 1}`] : [])),
      );
    expect(long).toEqual([]);
  });

  it(`has no room with more than ${MOST_FILES} files at its top level`, () => {
    const many = new Map<string, number>();
    for (const { room } of files) many.set(room, (many.get(room) ?? 0) + 1);
    expect(many.size).toBeGreaterThan(20);
    expect([...many].filter(([, count]) => count > MOST_FILES)).toEqual([]);
  });

  it('names a pane only as the list of panes does', () => {
    const named = files
      .filter(({ path }) => /\.(ts|svelte|css)$/.test(path))
      .flatMap(({ path }) => [...readFileSync(path, 'utf8').matchAll(/data-pane=['"]([^'"{$(]+)['"]/g)])
      .map((match) => match[1]!);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((name) => !(name in PANES))).toEqual([]);
  });
});
