import type { Scope } from '../selection/scope';

/** What everything is about: what the images are chosen by, their rows, and what is measured on them. */
export interface InForce {
  readonly scope: Scope;
  readonly rows: Int32Array;
  readonly metric: string;
  readonly mode: string;
}
