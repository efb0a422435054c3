// How tests read a drawing: its marks flat, and a file's elements by a reader that refuses what is not well-formed.
import type { Mark, Scene } from '../src/plot/scene';

type Leaf = Exclude<Mark, { kind: 'group' }>;

/** All marks, or those of one group. */
export function marksOf({ marks }: Pick<Scene, 'marks'>, name?: string): Leaf[] {
  const flat = (of: readonly Mark[]): Leaf[] =>
    of.flatMap((mark) => (mark.kind === 'group' ? flat(mark.marks) : [mark]));
  if (name === undefined) return flat(marks);
  return marks.flatMap((mark) => (mark.kind === 'group' && mark.name === name ? flat(mark.marks) : []));
}

export const wordsOf = (scene: Pick<Scene, 'marks'>, name?: string): string[] =>
  marksOf(scene, name).flatMap((mark) => (mark.kind === 'text' ? [mark.text] : []));

interface Parsed {
  readonly tags: string[];
  readonly ids: string[];
  readonly words: string[];
}

/** The elements, ids and words of an XML document; throws where it is not well-formed. */
export function parsed(xml: string): Parsed {
  const found: Parsed = { tags: [], ids: [], words: [] };
  const open: string[] = [];
  const plain = (words: string): string => {
    if (/&(?!(amp|lt|gt|quot);)/.test(words)) throw new Error(`a bare & in ${words}`);
    return words.replace(
      /&(amp|lt|gt|quot);/g,
      (_, name: string) => ({ amp: '&', lt: '<', gt: '>', quot: '"' })[name]!,
    );
  };
  let rest = xml;
  while (rest) {
    const tag = /^<(\/?)([a-zA-Z]+)((?: [a-zA-Z][\w:-]*="[^"<]*")*)(\/?)>/.exec(rest);
    const words = /^[^<>]+/.exec(rest);
    if (tag) {
      const [all, closing, name, attributes, alone] = tag;
      if (closing) {
        if (open.pop() !== name) throw new Error(`</${name}> closes another element`);
      } else {
        found.tags.push(name!);
        const names = [...attributes!.matchAll(/ ([a-zA-Z][\w:-]*)="([^"]*)"/g)].map(([, key, value]) => {
          if (key === 'id') found.ids.push(plain(value!));
          plain(value!);
          return key;
        });
        if (new Set(names).size < names.length) throw new Error(`an attribute twice in ${all}`);
        if (!alone) open.push(name!);
      }
      rest = rest.slice(all.length);
    } else if (words && open.length) {
      found.words.push(plain(words[0]));
      rest = rest.slice(words[0].length);
    } else throw new Error(`not well-formed at ${rest.slice(0, 40)}`);
  }
  if (open.length) throw new Error(`left open: ${open.join(' ')}`);
  if (new Set(found.ids).size < found.ids.length) throw new Error(`an id twice: ${found.ids.join(', ')}`);
  return found;
}

interface Picture {
  readonly width: number;
  readonly height: number;
  readonly words: Uint32Array;
}

/** The pixels of a PNG, its checksums aside; `inflate` unpacks and checks what is packed. */
export function pictureOf(bytes: Uint8Array, inflate: (packed: Uint8Array) => Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const chunks = new Map<string, Uint8Array>();
  for (let at = 8; at < bytes.length; at += 12 + view.getUint32(at)) {
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    chunks.set(name, bytes.subarray(at + 8, at + 8 + view.getUint32(at)));
  }
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  const [palette, alphas] = [chunks.get('PLTE'), chunks.get('tRNS')];
  const size = palette ? 1 : 4;
  const rows = inflate(chunks.get('IDAT')!);
  const words = Uint32Array.from({ length: width * height }, (_, i) => {
    const at = Math.floor(i / width) * (width * size + 1) + 1 + (i % width) * size;
    const index = rows[at]!;
    const [red, green, blue] = palette ? palette.subarray(3 * index, 3 * index + 3) : rows.subarray(at, at + 3);
    return ((palette ? alphas![index]! : rows[at + 3]!) << 24) | (blue! << 16) | (green! << 8) | red!;
  });
  return { width, height, words };
}
