// Light or dark, of the page and so of every session on it: the system's choice until the user makes one, which is then
// remembered. public/theme.js sets it first.
import type { Theme } from '../../plot/colour';

const KEY = 'vitscope-theme';

class ThemeSwitch {
  current = $state<Theme>(document.documentElement.dataset.theme === 'dark' ? 'dark' : 'light');

  constructor() {
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', (event) => {
      if (!remembered()) this.#show(event.matches ? 'dark' : 'light');
    });
  }

  toggle = (): void => {
    this.#show(this.current === 'dark' ? 'light' : 'dark');
    try {
      localStorage.setItem(KEY, this.current);
    } catch {
      // storage is blocked: the choice holds until the page is closed
    }
  };

  #show(theme: Theme): void {
    this.current = theme;
    document.documentElement.dataset.theme = theme;
  }
}

function remembered(): boolean {
  try {
    return localStorage.getItem(KEY) !== null;
  } catch {
    return false;
  }
}

export const theme = new ThemeSwitch();
