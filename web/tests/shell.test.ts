import { describe, expect, it } from 'vitest';
import { PANES, PERSPECTIVES, VIEWS, WHOLE_PANES } from '../src/ground/perspectives';
import { fuzzyFilter, fuzzyScore } from '../src/words/fuzzy';
import { EVERYTHING } from '../src/selection/scope';
import { countsInScope, headlineParts, imageProblems } from '../src/words/words';
import { images } from './fixtures';

describe('fuzzy finding', () => {
  const find = (query: string, items: readonly string[]): string[] => fuzzyFilter(query, items, (item) => item, 10);
  it('takes every word, in any order, and heads however they are typed', () => {
    expect(find('image wrong', ['Show wrong images only', 'Show right images only'])).toEqual([
      'Show wrong images only',
    ]);
    for (const typed of ['l9h3', 'L9·H3', 'l9.h3', 'l9 h3'])
      expect(find(typed, ['Head L9·H13', 'Head L9·H3'])[0], typed).toBe('Head L9·H3');
  });
  it('puts the start of a word before its inside, and that before letters that only follow each other', () => {
    expect(find('und', ['Round', 'Undo'])).toEqual(['Undo', 'Round']);
    expect(fuzzyScore('imprt', 'Head importance')).not.toBeNull();
    expect(fuzzyScore('zebra', 'Head importance')).toBeNull();
  });
  it('keeps the order where nothing is asked', () => expect(find(' ', ['b', 'a'])).toEqual(['b', 'a']));
});

describe('the headline', () => {
  it('is taken apart into its head and two sentences', () => {
    const { head, answer, more } = headlineParts('L2·H0 matters most (n = 8); its patches attend with 47 %.');
    expect([head, answer, more]).toEqual([
      { layer: 2, head: 0 },
      ' matters most (n = 8).',
      'Its patches attend with 47 %.',
    ]);
  });
  it('may name no head', () =>
    expect(headlineParts('Nothing yet.')).toEqual({ head: null, answer: 'Nothing yet.', more: '' }));
});

describe('what the bars count', () => {
  it('is how many are wrong, and of how many', () => {
    const rows = Int32Array.of(1, 2);
    expect(countsInScope(rows, images(), EVERYTHING)).toBe(' · 2 wrong');
    expect(countsInScope(rows, images(), { ...EVERYTHING, classes: [1] })).toBe('of 4 · 2 wrong');
    expect(countsInScope(rows, images(), { ...EVERYTHING, correct: 'wrong' })).toBe('of 4');
  });
  it('names images that were skipped or need a word', () => {
    const table = images({ problem: [null, 'cannot be read', null, null], note: [null, null, 'has no colour', null] });
    expect(imageProblems(table).map(({ image, skipped }) => [image, skipped])).toEqual([
      [1, true],
      [2, false],
    ]);
  });
});

describe('the list of perspectives and panes', () => {
  it('has each key, name and title once', () => {
    for (const all of [VIEWS, PERSPECTIVES.map(({ key }) => key), Object.values(PANES).map(({ title }) => title)])
      expect(new Set(all).size).toBe(all.length);
    const rows = PERSPECTIVES.flatMap(({ panes }) => Object.keys(panes));
    expect(rows.length).toBe(Object.keys(PANES).length);
    expect(WHOLE_PANES).toEqual(['images', 'importance', 'strength', 'patterns']);
  });
});
