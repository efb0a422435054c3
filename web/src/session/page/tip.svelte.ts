// The one tooltip of the page, which has one pointer and one focus however many sessions: what it says and where. Shown on
// hover and on keyboard focus; never fetches.

export interface Tip {
  readonly lines: readonly string[];
  /** Box of the thing it is about, in the window. */
  readonly box: DOMRect;
}

class TipHolder {
  current = $state.raw<Tip | null>(null);

  show(lines: readonly string[], target: { getBoundingClientRect(): DOMRect }): void {
    this.current = { lines, box: target.getBoundingClientRect() };
  }

  hide = (): void => {
    this.current = null;
  };
}

export const tip = new TipHolder();
