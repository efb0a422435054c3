// The state as a readable address, `#/explore?v=1&s=class:281,wrong&i=12&h=2.0&m=jsd&q=6,8`, and back.
// Defaults are left out. Keys of later versions are kept; what cannot be restored is named, never dropped in silence.
import type { RunInfo } from '../io/wire';
import { OPTIONS, parseOption, type OptionKey, type Options } from './options';
import type { PatternSet } from './pattern_set';
import { encodePruned, isPruned, type PrunedHead } from './prune_set';
import { EVERYTHING, LASSO_STEPS, type Lasso, type Point, type Scope, type ValueRange } from './scope';
import type { HeadRef } from '../ground/head_ref';
import { type State, initialState } from './state';
import { defaultQuery, patchAt, tokenAt } from '../ground/tokens';
import { VIEWS, WHOLE_PANES, type WholePane } from '../ground/perspectives';

const OPTION_KEYS = Object.keys(OPTIONS) as OptionKey[];
const OURS = new Set([
  'v',
  'm',
  'r',
  's',
  'i',
  'h',
  'hs',
  'pat',
  'x',
  'q',
  'd',
  'f',
  ...OPTION_KEYS.map((key) => OPTIONS[key].address),
]);

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
  if (state.image !== null && state.image < run.nImages) pairs.push(['i', String(state.image)]);
  if (state.head) pairs.push(['h', encodeHead(state.head)]);
  if (state.heads) pairs.push(['hs', state.heads.map(encodeHead).join(',')]);
  if (state.metric !== initial.metric) pairs.push(['m', state.metric]);
  if (state.mode !== initial.mode) pairs.push(['r', state.mode]);
  if (state.patterns) pairs.push(['pat', encodePatterns(state.patterns)]);
  if (state.pruned.length) pairs.push(['x', encodePruned(state.pruned)]);
  if (state.query !== null) pairs.push(['q', encodeQuery(state.query, run)]);
  if (state.direction !== initial.direction) pairs.push(['d', state.direction]);
  if (state.maximised) pairs.push(['f', state.maximised]);
  for (const key of OPTION_KEYS) {
    if (state.options[key] !== initial.options[key]) pairs.push([OPTIONS[key].address, String(state.options[key])]);
  }
  return `#/${state.view}?${[...pairs, ...kept].map(([key, value]) => `${key}=${escape(value)}`).join('&')}`;
}

export function decode(hash: string, run: RunInfo): Restored {
  const [path, search = ''] = hash.split('?') as [string, string?];
  const pairs = [...new URLSearchParams(search.replaceAll('+', '%2B'))];
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
  const options: Record<string, string | number> = { ...initial.options };
  for (const key of OPTION_KEYS) {
    const { address } = OPTIONS[key];
    options[key] = restore<string | number>(address, `${address} =`, initial.options[key], (text) =>
      parseOption(key, text),
    );
  }
  const state: State = {
    view: oneOf(VIEWS)(path.replace(/^#?\//, '')) ?? initial.view,
    maximised: restore<WholePane | null>('f', 'pane', null, (text) =>
      oneOf(WHOLE_PANES)(text === 'mean' ? 'patterns' : text),
    ),
    metric: restore('m', 'metric', initial.metric, available(run.metrics)),
    mode: restore('r', 'pruned part', initial.mode, available(run.modes)),
    scope: restore('s', 'scope', EVERYTHING, (text) => decodeScope(text, run)),
    image: restore<number | null>('i', 'image', null, (text) => whole(text, run.nImages)),
    head: restore<HeadRef | null>('h', 'head', null, (text) => decodeHead(text, run)),
    heads: restore<readonly HeadRef[] | null>('hs', 'heads', null, (text) => decodeHeads(text, run)),
    patterns: restore<PatternSet | null>('pat', 'patterns', null, (text) =>
      decodePatterns(text, run, Number(options.clusters)),
    ),
    pruned: restore<readonly PrunedHead[]>('x', 'pruned heads', [], (text) => decodePruned(text, run)),
    query: query === defaultQuery(run.tokens) ? null : query,
    direction: restore('d', 'direction', initial.direction, oneOf(['from', 'to'])),
    options: options as unknown as Options,
  };
  return { state, kept: pairs.filter(([key]) => !OURS.has(key)), lost };
}

/** A scope as text: its conditions, separated by commas; empty for every image. */
export function encodeScope(scope: Scope): string {
  const { classes, correct, confidence, pair, range, lasso } = scope;
  const parts = classes.map((target) => `class:${target}`);
  if (correct !== 'all') parts.push(correct);
  if (confidence) parts.push(`conf:${confidence.map(String).join(':')}`);
  if (pair) parts.push(`pair:${pair[0]}:${pair[1]}`);
  if (range) parts.push(`range:${[range.metric, range.mode, encodeHead(range.head), range.low, range.high].join(':')}`);
  if (lasso) parts.push(`lasso:${lasso.map}:${encodeOutline(lasso.points)}`);
  return parts.join(',');
}

/** The scope that a text stands for; undefined when any of its conditions cannot be read or is not of this run. */
export function decodeScope(text: string, run: RunInfo): Scope | undefined {
  let scope: Scope = EVERYTHING;
  for (const part of text.split(',')) {
    const [kind = '', ...fields] = part.split(':');
    const change = decodeCondition(kind, fields, scope, run);
    if (!change) return undefined;
    scope = { ...scope, ...change };
  }
  return scope;
}

function decodeCondition(
  kind: string,
  fields: readonly string[],
  scope: Scope,
  run: RunInfo,
): Partial<Scope> | undefined {
  const target = (text: string | undefined): number | undefined => whole(text ?? '', run.model.nClasses ?? 1e9);
  if ((kind === 'right' || kind === 'wrong') && fields.length === 0) return { correct: kind };
  if (kind === 'class' && fields.length === 1) {
    const number = target(fields[0]);
    if (number === undefined) return undefined;
    return { classes: [...new Set([...scope.classes, number])].sort((a, b) => a - b) };
  }
  if (kind === 'conf' && fields.length === 2) {
    const [low, high] = fields.map(real) as [number, number];
    return low <= high && low >= 0 && high <= 1 ? { confidence: [low, high] } : undefined;
  }
  if (kind === 'pair' && fields.length === 2) {
    const [label, prediction] = fields.map(target);
    return label === undefined || prediction === undefined ? undefined : { pair: [label, prediction] };
  }
  if (kind === 'range' && fields.length === 5) return decodeRange(fields, run);
  if (kind === 'lasso' && fields.length === 2) return decodeLasso(fields[0]!, fields[1]!);
  return undefined;
}

function decodeRange(fields: readonly string[], run: RunInfo): { range: ValueRange } | undefined {
  const [metric, mode, name, from, to] = fields as [string, string, string, string, string];
  const head = decodeHead(name, run);
  const [low, high] = [real(from), real(to)];
  const known = run.metrics.some((item) => item.name === metric) && run.modes.some((item) => item.name === mode);
  return head && known && low <= high ? { range: { metric, mode, head, low, high } } : undefined;
}

function decodeLasso(map: string, code: string): { lasso: Lasso } | undefined {
  const points = decodeOutline(code);
  return points && /^[\w.+/-]+$/.test(map) ? { lasso: { map, points } } : undefined;
}

function decodeOutline(code: string): Point[] | undefined {
  if (!/^([0-9a-z]{4}){3,64}$/.test(code)) return undefined;
  const points = code
    .match(/.{4}/g)!
    .map((corner) => [parseInt(corner.slice(0, 2), 36), parseInt(corner.slice(2), 36)] as const);
  return points.every((corner) => corner.every((step) => step <= LASSO_STEPS)) ? points : undefined;
}

/** `0,3` for clusters, `lasso:…` for an outline on the map of matrices. */
const encodePatterns = (set: PatternSet): string =>
  set.kind === 'clusters' ? set.clusters.join(',') : `lasso:${encodeOutline(set.points)}`;

function decodePatterns(text: string, run: RunInfo, clusters: number): PatternSet | undefined {
  const known = run.capabilities.patterns && (clusters || run.capabilities.patterns);
  if (text.startsWith('lasso:')) {
    const points = decodeOutline(text.slice(6));
    return points && known > 0 ? { kind: 'lasso', points } : undefined;
  }
  const chosen = text.split(',').map((part) => whole(part, known));
  if (!chosen.every((cluster) => cluster !== undefined)) return undefined;
  return { kind: 'clusters', clusters: [...new Set(chosen)].sort((a, b) => a - b) };
}

const encodeOutline = (points: readonly Point[]): string =>
  points.map((corner) => corner.map(digits).join('')).join('');
const digits = (step: number): string => step.toString(36).padStart(2, '0');
const encodeHead = ({ layer, head }: HeadRef): string => `${layer}.${head}`;

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

function decodePruned(text: string, run: RunInfo): PrunedHead[] | undefined {
  const found: PrunedHead[] = [];
  for (const part of text.split(';')) {
    const [name = '', mode = 'head', ...rest] = part.split(':');
    const head = decodeHead(name, run);
    if (!head || rest.length || isPruned(found, head) || !run.modes.some((known) => known.name === mode))
      return undefined;
    found.push({ ...head, mode });
  }
  return found;
}

function decodeHeads(text: string, run: RunInfo): HeadRef[] | undefined {
  const heads = text === '' ? [] : text.split(',').map((part) => decodeHead(part, run));
  return heads.every((head) => head !== undefined) ? heads : undefined;
}

function whole(text: string, below: number): number | undefined {
  return /^\d{1,9}$/.test(text) && Number(text) < below ? Number(text) : undefined;
}

/** A number as JavaScript prints it; NaN, which no comparison lets through, for any other text. */
function real(text: string): number {
  return /^-?\d+(\.\d+)?(e-?\d+)?$/.test(text) ? Number(text) : NaN;
}

function oneOf<const T extends string>(values: readonly T[]): (text: string) => T | undefined {
  return (text) => values.find((value) => value === text);
}

/** Percent-encoding that leaves the readable `, : ; + /` as they are. */
function escape(value: string): string {
  return encodeURIComponent(value)
    .replaceAll('%2C', ',')
    .replaceAll('%3A', ':')
    .replaceAll('%2B', '+')
    .replaceAll('%2F', '/')
    .replaceAll('%3B', ';');
}
