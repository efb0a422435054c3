// A value as it was a frame ago: what is long to make follows what the user waits for. To be called as a component is made.
// Of another thing, as `of` names it, it is made at once: the user waits for that.
import { untrack } from 'svelte';
import { afterFrame } from '../../../session/after_frame';

export function deferred<T>(read: () => T, of?: () => unknown): { readonly current: T } {
  let current = $state.raw(untrack(read));
  let known = untrack(() => of?.());
  let turn = $state(0);
  let due = true;
  $effect(() => {
    void turn;
    const thing = of?.();
    if (due || thing !== known) {
      due = false;
      known = thing;
      current = read();
      return undefined;
    }
    // Something that it is made from has changed: it is made anew when that is painted, in a task of its own.
    return afterFrame(() => {
      due = true;
      turn++;
    });
  });
  return {
    get current() {
      return current;
    },
  };
}
