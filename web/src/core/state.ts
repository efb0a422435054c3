// The one selection model: everything a user can choose, and how a choice changes it. Views only read it and send intents.
import type { TokenInfo } from '../io/wire';
import { defaultQuery } from './tokens';

export type Direction = 'from' | 'to';
export type Statistic = 'mean' | 'median';
export type ColourScale = 'linear' | 'log';
export type Correctness = 'all' | 'right' | 'wrong';

export interface HeadRef {
  readonly layer: number;
  readonly head: number;
}

/** A set of images: one target class or all, and right, wrong or both. */
export interface Scope {
  readonly target: number | null;
  readonly correct: Correctness;
}

/** `null` = not chosen by the user: the app's own choice holds (see focus.ts), and follows the data. */
export interface State {
  readonly metric: string;
  readonly mode: string;
  readonly statistic: Statistic;
  readonly scale: ColourScale;
  readonly scope: Scope;
  readonly image: number | null;
  readonly head: HeadRef | null;
  readonly query: number | null;
  readonly direction: Direction;
}

export type Intent =
  | { readonly kind: 'metric'; readonly metric: string }
  | { readonly kind: 'mode'; readonly mode: string }
  | { readonly kind: 'statistic'; readonly statistic: Statistic }
  | { readonly kind: 'scale'; readonly scale: ColourScale }
  | { readonly kind: 'scope'; readonly scope: Partial<Scope> }
  | { readonly kind: 'image'; readonly image: number }
  | { readonly kind: 'head'; readonly head: HeadRef }
  | { readonly kind: 'query'; readonly query: number }
  | { readonly kind: 'direction'; readonly direction: Direction };

export const EVERYTHING: Scope = { target: null, correct: 'all' };

export function initialState(metric: string): State {
  return {
    metric,
    mode: 'head',
    statistic: 'mean',
    scale: 'linear',
    scope: EVERYTHING,
    image: null,
    head: null,
    query: null,
    direction: 'from',
  };
}

/** The state after an intent; the very same object when nothing changes, so that no history entry is made. */
export function reduce(state: State, intent: Intent, tokens: TokenInfo): State {
  switch (intent.kind) {
    case 'metric':
      return merge(state, { metric: intent.metric });
    case 'mode':
      return merge(state, { mode: intent.mode });
    case 'statistic':
      return merge(state, { statistic: intent.statistic });
    case 'scale':
      return merge(state, { scale: intent.scale });
    case 'scope': {
      const scope = { ...state.scope, ...intent.scope };
      return sameScope(scope, state.scope) ? state : { ...state, scope, image: null };
    }
    case 'image':
      return merge(state, { image: intent.image });
    case 'head':
      return state.head && sameHead(state.head, intent.head) ? state : { ...state, head: intent.head };
    case 'query': // the default is spelled null, so that one view has one address
      return merge(state, { query: intent.query === defaultQuery(tokens) ? null : intent.query });
    case 'direction':
      return merge(state, { direction: intent.direction });
  }
}

export const sameHead = (a: HeadRef, b: HeadRef): boolean => a.layer === b.layer && a.head === b.head;
export const sameScope = (a: Scope, b: Scope): boolean => a.target === b.target && a.correct === b.correct;

function merge(state: State, change: Partial<State>): State {
  const keys = Object.keys(change) as (keyof State)[];
  return keys.every((key) => state[key] === change[key]) ? state : { ...state, ...change };
}
