// Finding a command by some of its letters: every word of the query must occur in the text, in whatever order.

/** How well a text answers a query; null = not at all. Larger is better: word starts before insides before mere letters. */
export function fuzzyScore(query: string, text: string): number | null {
  const target = plain(text);
  let score = 0;
  for (const word of plain(query).split(/\s+/).filter(Boolean)) {
    const found = wordScore(word, target);
    if (found === null) return null;
    score += found;
  }
  return score - target.length / 1000;
}

/** The best answers, best first; the given order where they are equally good, or where nothing is asked. */
export function fuzzyFilter<T>(query: string, items: readonly T[], text: (item: T) => string, most: number): T[] {
  if (!query.trim()) return items.slice(0, most);
  const found: { item: T; score: number }[] = [];
  for (const item of items) {
    const score = fuzzyScore(query, text(item));
    if (score !== null) found.push({ item, score });
  }
  return found
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
    .map(({ item }) => item);
}

/** Small letters; `L9·H3` can be typed as l9h3, l9.h3 or l9 h3. */
const plain = (text: string): string => text.toLowerCase().replace(/l(\d+)[·. ]?h(\d+)/g, 'l$1h$2');

function wordScore(word: string, target: string): number | null {
  const at = target.indexOf(word);
  if (at === 0 || (at > 0 && !/[\p{L}\p{N}]/u.test(target[at - 1]!))) return 10 + word.length;
  if (at > 0) return 5 + word.length;
  return word.length > 2 && inOrder(word, target) ? 1 : null;
}

/** Whether the letters occur one after the other, close together: `imprt` in `importance`. */
function inOrder(word: string, target: string): boolean {
  let from = target.indexOf(word[0]!);
  const start = from;
  for (const letter of word) {
    from = target.indexOf(letter, from);
    if (from < 0) return false;
    from++;
  }
  return from - start <= 3 * word.length;
}
