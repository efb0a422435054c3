// Results by name, one for each name, kept as long as what they were made from is the very same.

export class Memo {
  readonly #held = new Map<string, { readonly from: readonly unknown[]; readonly result: unknown }>();

  get = <T>(name: string, from: readonly unknown[], make: () => T): T => {
    const held = this.#held.get(name);
    if (held && held.from.length === from.length && held.from.every((part, i) => part === from[i]))
      return held.result as T;
    const result = make();
    this.#held.set(name, { from, result });
    return result;
  };
}
