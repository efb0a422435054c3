// The parts of a head's matrix that can be pruned, as regions that are put in or taken out one by one.
import type { ModeInfo } from '../io/wire';

export interface Region {
  /** Of cc, cp, pc, pp: those that go together. */
  readonly parts: readonly string[];
  readonly name: string;
}

const CORNER: Region = { parts: ['cc'], name: 'CLS→CLS' };
const PATCHES: Region = { parts: ['pp'], name: 'Patches→patches' };
const TOGETHER: readonly Region[] = [CORNER, { parts: ['cp', 'pc'], name: 'CLS↔patches' }, PATCHES];
const APART: readonly Region[] = [
  CORNER,
  { parts: ['cp'], name: 'CLS→patches' },
  { parts: ['pc'], name: 'Patches→CLS' },
  PATCHES,
];

/** The regions of a run: CLS row and column go together unless a mode of the run takes them apart. */
export function regionsOf(modes: readonly ModeInfo[], hasCls: boolean): readonly Region[] {
  if (!hasCls) return [PATCHES];
  return modes.some((mode) => mode.regions.includes('cp') !== mode.regions.includes('pc')) ? APART : TOGETHER;
}

export type Toggled =
  { readonly mode: ModeInfo; readonly reason: '' } | { readonly mode: null; readonly reason: string };

/** The mode with a region put in or taken out, or why there is none. */
export function toggledMode(modes: readonly ModeInfo[], current: ModeInfo, region: Region): Toggled {
  const on = region.parts.every((part) => current.regions.includes(part));
  const others = current.regions.filter((part) => !region.parts.includes(part));
  const wanted = on ? others : [...others, ...region.parts];
  if (wanted.length === 0) return { mode: null, reason: 'At least one region stays pruned.' };
  // `head` comes first in a run's modes: all regions together are the whole head.
  const mode = modes.find(
    (other) => other.regions.length === wanted.length && wanted.every((part) => other.regions.includes(part)),
  );
  if (!mode) return { mode: null, reason: `This run has no values for ${[...wanted].sort().join('+')} pruned.` };
  return mode.available ? { mode, reason: '' } : { mode: null, reason: `${mode.label}: ${mode.reason}` };
}

/** The next mode that has values, after the last the first again. */
export function nextAvailable<T extends { readonly name: string; readonly available: boolean }>(
  list: readonly T[],
  name: string,
): T | null {
  const at = list.findIndex((item) => item.name === name);
  const turned = [...list.slice(at + 1), ...list.slice(0, at)];
  return turned.find((item) => item.available) ?? null;
}
