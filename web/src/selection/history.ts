// Undo and redo of committed steps. One step a gesture; a new step after an undo forgets what was undone.

export interface Step<T> {
  readonly state: T;
  /** What was done, for the list of steps. */
  readonly label: string;
}

export interface History<T> {
  readonly steps: readonly Step<T>[];
  readonly at: number;
}

const KEPT = 1000;

export const begin = <T>(state: T, label: string): History<T> => ({ steps: [{ state, label }], at: 0 });

export const present = <T>(history: History<T>): T => history.steps[history.at]!.state;

/** A further step. */
export function commit<T>(history: History<T>, state: T, label: string): History<T> {
  const steps = [...history.steps.slice(0, history.at + 1), { state, label }].slice(-KEPT);
  return { steps, at: steps.length - 1 };
}

/** The step in force goes on: a gesture that is not over yet. */
export function amend<T>(history: History<T>, state: T): History<T> {
  return { ...history, steps: history.steps.map((step, i) => (i === history.at ? { ...step, state } : step)) };
}

/** To another step; stays where there is none. */
export function go<T>(history: History<T>, at: number): History<T> {
  return at === history.at || !history.steps[at] ? history : { ...history, at };
}
