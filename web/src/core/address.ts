// The state as a readable address, `#/explore?v=1&s=class:281,wrong&i=12&h=2.0&m=jsd&q=6,8`, and back.
// Defaults are left out. Keys of later versions are kept; what cannot be restored is named, never dropped in silence.
import type { RunInfo } from '../io/wire';
import type { Correctness, HeadRef, Scope, State } from './state';
import { EVERYTHING, initialState } from './state';
import { defaultQuery, patchAt, tokenAt } from './tokens';

const PATH = '#/explore';
const OURS = ['v', 'm', 'r', 'a', 'c', 's', 'i', 'h', 'q', 'd'];

export interface Restored {
  readonly state: State;
  /** Pairs that this version does not know. */
  readonly kept: readonly (readonly [string, string])[];
  /** What the address asked for and this run does not have, in words. */
  readonly lost: readonly string[];
}

export function encode(state: State, run: RunInfo, kept: Restored['kept'] = []): string {
  const initial = initialState(run.defaultMetric);
  const pairs: [string, string][] = [['v', '1']];
  const scope = encodeScope(state.scope);
  if (scope) pairs.push(['s', scope]);
  if (state.image !== null) pairs.push(['i', String(state.image)]);
  if (state.head) pairs.push(['h', `${state.head.layer}.${state.head.head}`]);
  if (state.metric !== initial.metric) pairs.push(['m', state.metric]);
  if (state.mode !== initial.mode) pairs.push(['r', state.mode]);
  if (state.query !== null) pairs.push(['q', encodeQuery(state.query, run)]);
  if (state.direction !== initial.direction) pairs.push(['d', state.direction]);
  if (state.statistic !== initial.statistic) pairs.push(['a', state.statistic]);
  if (state.scale !== initial.scale) pairs.push(['c', state.scale]);
  return `${PATH}?${[...pairs, ...kept].map(([key, value]) => `${key}=${escape(value)}`).join('&')}`;
}

export function decode(hash: string, run: RunInfo): Restored {
  const pairs = [...new URLSearchParams((hash.split('?')[1] ?? '').replaceAll('+', '%2B'))];
  const given = new Map(pairs);
  const lost: string[] = [];
  const initial = initialState(run.defaultMetric);

  function restore<T>(key: string, what: string, fallback: T, parse: (text: string) => T | undefined): T {
    const text = given.get(key);
    if (text === undefined) return fallback;
    const value = parse(text);
    if (value === undefined) lost.push(`${what} “${text}”`);
    return value ?? fallback;
  }

  const available = (list: readonly { name: string; available: boolean }[]) => (text: string) =>
    list.some((item) => item.name === text && item.available) ? text : undefined;
  const query = restore<number | null>('q', 'query', null, (text) => decodeQuery(text, run));
  const state: State = {
    metric: restore('m', 'metric', initial.metric, available(run.metrics)),
    mode: restore('r', 'pruned part', initial.mode, available(run.modes)),
    statistic: restore('a', 'statistic', initial.statistic, oneOf(['mean', 'median'])),
    scale: restore('c', 'colour scale', initial.scale, oneOf(['linear', 'log'])),
    scope: restore('s', 'scope', EVERYTHING, (text) => decodeScope(text, run)),
    image: restore<number | null>('i', 'image', null, (text) => whole(text, run.nImages)),
    head: restore<HeadRef | null>('h', 'head', null, (text) => decodeHead(text, run)),
    query: query === defaultQuery(run.tokens) ? null : query,
    direction: restore('d', 'direction', initial.direction, oneOf(['from', 'to'])),
  };
  return { state, kept: pairs.filter(([key]) => !OURS.includes(key)), lost };
}

function encodeScope(scope: Scope): string {
  const parts = scope.target === null ? [] : [`class:${scope.target}`];
  return [...parts, ...(scope.correct === 'all' ? [] : [scope.correct])].join(',');
}

function decodeScope(text: string, run: RunInfo): Scope | undefined {
  let { target, correct }: { target: number | null; correct: Correctness } = { ...EVERYTHING };
  for (const part of text.split(',')) {
    const number = /^class:(\d{1,9})$/.exec(part)?.[1];
    if (number !== undefined && Number(number) < (run.model.nClasses ?? Infinity)) target = Number(number);
    else if (part === 'right' || part === 'wrong') correct = part;
    else return undefined;
  }
  return { target, correct };
}

function encodeQuery(token: number, run: RunInfo): string {
  const patch = patchAt(run.tokens, token);
  return patch ? `${patch.row},${patch.col}` : (run.tokens.prefix[token] ?? String(token));
}

function decodeQuery(text: string, run: RunInfo): number | undefined {
  const prefix = run.tokens.prefix.indexOf(text);
  if (prefix >= 0) return prefix;
  const [row, col, ...rest] = text.split(',').map((part) => whole(part, 1e6));
  if (row === undefined || col === undefined || rest.length) return undefined;
  return row < run.tokens.rows && col < run.tokens.cols ? tokenAt(run.tokens, { row, col }) : undefined;
}

function decodeHead(text: string, run: RunInfo): HeadRef | undefined {
  const [layer, head, ...rest] = text.split('.').map((part) => whole(part, 1e6));
  if (layer === undefined || head === undefined || rest.length) return undefined;
  return head < (run.model.nHeads[layer] ?? 0) ? { layer, head } : undefined;
}

function whole(text: string, below: number): number | undefined {
  return /^\d{1,9}$/.test(text) && Number(text) < below ? Number(text) : undefined;
}

function oneOf<const T extends string>(values: readonly T[]): (text: string) => T | undefined {
  return (text) => values.find((value) => value === text);
}

/** Percent-encoding that leaves the readable `, : +` as they are. */
function escape(value: string): string {
  return encodeURIComponent(value).replaceAll('%2C', ',').replaceAll('%3A', ':').replaceAll('%2B', '+');
}
