// The one selection model: everything a user can choose, and how a choice changes it. Views only read it and send intents.
import type { TokenInfo } from '../io/wire';
import { sameHead, sameHeads, type HeadRef } from '../ground/head_ref';
import { initialOptions, type OptionKey, type Options } from './options';
import type { View, WholePane } from '../ground/perspectives';
import { samePatterns, toggledCluster, type PatternSet } from './pattern_set';
import { samePruned, toggledPruned, type PrunedHead } from './prune_set';
import { EVERYTHING, sameScope, type Scope } from './scope';
import { defaultQuery } from '../ground/tokens';

export type Direction = 'from' | 'to';

/** `null` = not chosen by the user: the app's own choice holds (see focus.ts), and follows the data. */
export interface State {
  readonly view: View;
  /** The pane of Explore that has the whole work area; null = all four. */
  readonly maximised: WholePane | null;
  readonly metric: string;
  readonly mode: string;
  readonly scope: Scope;
  readonly image: number | null;
  /** The focus head. */
  readonly head: HeadRef | null;
  /** The head set, in the order of choosing. */
  readonly heads: readonly HeadRef[] | null;
  readonly patterns: PatternSet | null;
  /** What the Lab prunes together, in the order of choosing. */
  readonly pruned: readonly PrunedHead[];
  readonly query: number | null;
  readonly direction: Direction;
  /** How each view draws: see options.ts. */
  readonly options: Options;
}

export type Preset = Partial<Omit<State, 'options' | 'query' | 'direction'>>;

type OptionIntent = {
  readonly [K in OptionKey]: { readonly kind: 'option'; readonly key: K; readonly value: Options[K] };
}[OptionKey];

export type Intent =
  | { readonly kind: 'view'; readonly view: View }
  | { readonly kind: 'maximise'; readonly pane: WholePane | null }
  | { readonly kind: 'metric'; readonly metric: string }
  | { readonly kind: 'mode'; readonly mode: string }
  | { readonly kind: 'scope'; readonly scope: Partial<Scope> }
  | { readonly kind: 'image'; readonly image: number; readonly open?: boolean }
  | { readonly kind: 'head'; readonly head: HeadRef; readonly open?: boolean }
  | { readonly kind: 'toggle-head'; readonly head: HeadRef; readonly shown: readonly HeadRef[] }
  | { readonly kind: 'heads'; readonly heads: readonly HeadRef[] | null }
  | { readonly kind: 'patterns'; readonly set: PatternSet | null }
  | { readonly kind: 'toggle-pattern'; readonly cluster: number }
  | { readonly kind: 'prune'; readonly heads: readonly PrunedHead[]; readonly open?: boolean }
  | { readonly kind: 'toggle-pruned'; readonly head: PrunedHead }
  | { readonly kind: 'query'; readonly query: number }
  | { readonly kind: 'direction'; readonly direction: Direction }
  | OptionIntent
  /** Several choices at once, as one step: what a question button asks for. `words` names the step. */
  | { readonly kind: 'preset'; readonly words: string; readonly change: Preset; readonly options?: Partial<Options> }
  /** Esc: gives up the last level of selection: patterns, then the head set, the focus head, the scope. */
  | { readonly kind: 'back' };

export function initialState(metric: string): State {
  return {
    view: 'explore',
    maximised: null,
    metric,
    mode: 'head',
    scope: EVERYTHING,
    image: null,
    head: null,
    heads: null,
    patterns: null,
    pruned: [],
    query: null,
    direction: 'from',
    options: initialOptions(),
  };
}

/** Whether the focus image is still there in another scope. */
export type Stays = (image: number, scope: Scope) => boolean;

/** The state after an intent; the very same object when nothing changes, so that no history entry is made. */
export function reduce(state: State, intent: Intent, tokens: TokenInfo, stays: Stays): State {
  switch (intent.kind) {
    case 'view':
      return merged(state, { view: intent.view });
    case 'maximise':
      return merged(state, { maximised: intent.pane });
    case 'metric':
      return merged(state, { metric: intent.metric });
    case 'mode':
      return merged(state, { mode: intent.mode });
    case 'scope': {
      const scope = { ...state.scope, ...intent.scope };
      return sameScope(scope, state.scope) ? state : inScope(state, scope, stays);
    }
    case 'image':
      return merged(state, { image: intent.image, ...(intent.open ? { view: 'image' as const } : {}) });
    case 'head': {
      const head = state.head && sameHead(state.head, intent.head) ? state.head : intent.head;
      return merged(state, { head, ...(intent.open ? { view: 'image' as const } : {}) });
    }
    case 'toggle-head': {
      // The set starts from what is shown: the app's own choice, until the user changes it.
      const without = intent.shown.filter((head) => !sameHead(head, intent.head));
      const heads = without.length < intent.shown.length ? without : [...without, intent.head];
      return merged(state, { heads });
    }
    case 'heads':
      return sameHeads(state.heads, intent.heads) ? state : { ...state, heads: intent.heads };
    case 'patterns':
      return samePatterns(state.patterns, intent.set) ? state : { ...state, patterns: intent.set };
    case 'toggle-pattern':
      return { ...state, patterns: toggledCluster(state.patterns, intent.cluster) };
    case 'prune': {
      const pruned = samePruned(state.pruned, intent.heads) ? state.pruned : intent.heads;
      return merged(state, { pruned, ...(intent.open ? { view: 'lab' as const } : {}) });
    }
    case 'toggle-pruned':
      return { ...state, pruned: toggledPruned(state.pruned, intent.head) };
    case 'query': // the default is spelled null, so that one view has one address
      return merged(state, { query: intent.query === defaultQuery(tokens) ? null : intent.query });
    case 'direction':
      return merged(state, { direction: intent.direction });
    case 'option': {
      if (state.options[intent.key] === intent.value) return state;
      // Other clusters have other numbers: those that were chosen are gone.
      const patterns = intent.key === 'clusters' && state.patterns?.kind === 'clusters' ? null : state.patterns;
      return { ...state, patterns, options: { ...state.options, [intent.key]: intent.value } };
    }
    case 'preset': {
      const options = merged(state.options, intent.options ?? {});
      const scope =
        intent.change.scope && sameScope(intent.change.scope, state.scope) ? state.scope : intent.change.scope;
      return merged(state, { ...intent.change, ...(scope ? { scope } : {}), options });
    }
    case 'back':
      if (state.patterns) return { ...state, patterns: null };
      if (state.heads) return { ...state, heads: null };
      if (state.head) return { ...state, head: null };
      return sameScope(state.scope, EVERYTHING) ? state : inScope(state, EVERYTHING, stays);
  }
}

/** Another scope; the user's image is given up only where it has left it. */
function inScope(state: State, scope: Scope, stays: Stays): State {
  return { ...state, scope, image: state.image !== null && stays(state.image, scope) ? state.image : null };
}

/** With a change put in; the very same object when it changes nothing. */
function merged<T extends object>(before: T, change: Partial<T>): T {
  const keys = Object.keys(change) as (keyof T)[];
  return keys.every((key) => before[key] === change[key]) ? before : { ...before, ...change };
}
