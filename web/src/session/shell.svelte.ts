// Which windows around a session are open, and what this browser remembers between visits: hidden headline, keys, where
// the tour is.
import type { ExplorePane } from '../ground/perspectives';
import { TOUR } from '../words/tour';

class Remembered {
  readonly #key: string;
  #value = $state('');

  constructor(key: string, initial: string) {
    this.#key = `vitscope-${key}`;
    this.#value = initial;
    try {
      this.#value = localStorage.getItem(this.#key) ?? initial;
    } catch {
      // storage is blocked: every visit is the first
    }
  }

  get value(): string {
    return this.#value;
  }

  set value(value: string) {
    this.#value = value;
    try {
      localStorage.setItem(this.#key, value);
    } catch {
      // it holds until the page is closed
    }
  }
}

export class Shell {
  /** What Explore shows where there is room for one thing only. */
  pane = $state<ExplorePane>('importance');
  /** When `g` was pressed, the first of two keys that go to a perspective. */
  went = -Infinity;
  palette = $state(false);
  help = $state(false);
  /** The step of the tour that is shown; null = closed. */
  tour = $state<number | null>(null);
  /** What to look at after a question button. */
  hint = $state<{ readonly question: string; readonly text: string } | null>(null);
  readonly #headline = new Remembered('headline', 'shown');
  readonly #letters = new Remembered('letter-keys', 'on');
  readonly #tourAt = new Remembered('tour', '0');

  get headlineShown(): boolean {
    return this.#headline.value !== 'hidden';
  }

  showHeadline = (shown: boolean): void => {
    this.#headline.value = shown ? 'shown' : 'hidden';
    this.hint = null;
  };

  /** Whether keys without Ctrl or Alt do anything (WCAG 2.1.4). */
  get letterKeys(): boolean {
    return this.#letters.value === 'on';
  }

  set letterKeys(on: boolean) {
    this.#letters.value = on ? 'on' : 'off';
  }

  /** Where the tour was left; 0 = it begins. */
  get tourStart(): number {
    const step = Number(this.#tourAt.value);
    return step > 0 && step < TOUR.length ? step : 0;
  }

  /** To a step of the tour; past the last one it is over, and begins anew next time. */
  tourTo = (step: number): void => {
    this.tour = step < TOUR.length ? step : null;
    this.#tourAt.value = String(step < TOUR.length ? step : 0);
  };

  readonly show = {
    help: (): void => void (this.help = true),
    palette: (): void => void (this.palette = true),
    tour: (): void => this.tourTo(this.tourStart),
    headline: (): void => this.showHeadline(true),
  };
}
