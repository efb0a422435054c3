// A value as it was a frame ago: what is long to make follows what the user waits for. To be called as a component is made.
import { untrack } from 'svelte';
import { afterFrame } from '../../app/after_frame';

export function deferred<T>(read: () => T): { readonly current: T } {
  let current = $state.raw(untrack(read));
  let turn = $state(0);
  let due = true;
  $effect(() => {
    void turn;
    if (due) {
      due = false;
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
