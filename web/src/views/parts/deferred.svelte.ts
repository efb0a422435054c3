// A value as it was a task ago: what is long to draw follows what the user waits for. To be called as a component is made.
export function deferred<T>(read: () => T): { readonly current: T } {
  let current = $state.raw(read());
  $effect(() => {
    const now = read();
    const timer = setTimeout(() => (current = now));
    return () => clearTimeout(timer);
  });
  return {
    get current() {
      return current;
    },
  };
}
