// The images of a scope with one of its conditions lifted: a view does not hide what its own brush leaves out.
import type { Session } from '../../app/session.svelte';
import { rowsInScope, type Scope } from '../../core/scope';

export function rowsWithout(session: Session, lifted: Partial<Scope>): Int32Array {
  return rowsInScope(session.images, { ...session.scope, ...lifted }, {
    positions: (map) => session.positions(map),
    values: (metric, mode) => session.data.importance(metric, mode).value,
    width: session.width,
    cells: session.cells,
  }).rows;
}
