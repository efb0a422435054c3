// Contrast of the page's colours in both themes (WCAG 2), and whether colours that stand for different things stay
// apart for the colour-blind. The tokens are read from the style sheet itself.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { HEAD_COLOURS, HEAD_DASHES, luminance, type Rgb, type Theme } from '../src/plot/colour';
import { CLUSTER_COLOURS } from '../src/plot/pattern_colours';

const THEMES: readonly Theme[] = ['light', 'dark'];
const CSS = readFileSync(new URL('../src/app/style.css', import.meta.url), 'utf8');

const rgb = (hex: string): Rgb => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;

/** The plain colours among a theme's tokens. */
function tokens(theme: Theme): Record<string, string> {
  const block = theme === 'light' ? /:root\s*\{([^}]*)\}/ : /\[data-theme='dark'\]\s*\{([^}]*)\}/;
  return Object.fromEntries(
    [...block.exec(CSS)![1]!.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6});/g)].map(([, name, hex]) => [name, hex]),
  );
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(rgb(a)), luminance(rgb(b))].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

describe.each(THEMES)('in the %s theme', (theme) => {
  const colours = tokens(theme);
  const grounds = ['page', 'panel', 'raised', 'sunken'];

  it('text is at least 4.5:1 on every ground it stands on', () => {
    for (const ground of [...grounds, 'accent-soft']) {
      for (const ink of ['ink', 'muted'])
        expect(contrast(colours[ink]!, colours[ground]!), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
    for (const ground of grounds) {
      for (const ink of ['accent', 'wrong'])
        expect(contrast(colours[ink]!, colours[ground]!), `${ink} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    }
    expect(contrast(colours['warn-ink']!, colours['warn']!)).toBeGreaterThanOrEqual(4.5);
  });

  it('marks, borders of controls and head colours are at least 3:1 on panels', () => {
    for (const mark of ['right', 'wrong', 'accent', 'line-strong']) {
      for (const ground of grounds)
        expect(contrast(colours[mark]!, colours[ground]!), `${mark} on ${ground}`).toBeGreaterThanOrEqual(3);
    }
    for (const colour of [...HEAD_COLOURS[theme], ...CLUSTER_COLOURS[theme]])
      expect(contrast(colour, colours['panel']!), colour).toBeGreaterThanOrEqual(3);
  });

  it('one of the two rings of the focus is at least 3:1 on any colour at all', () => {
    for (let grey = 0; grey < 256; grey++) {
      const ground = `#${grey.toString(16).padStart(2, '0').repeat(3)}`;
      expect(Math.max(contrast('#000000', ground), contrast('#ffffff', ground))).toBeGreaterThanOrEqual(3);
    }
  });

  it('colours that stand for different things are told apart by the colour-blind', () => {
    const sets = {
      correctness: [colours['right']!, colours['wrong']!],
      heads: HEAD_COLOURS[theme],
      patterns: CLUSTER_COLOURS[theme],
    };
    for (const [name, set] of Object.entries(sets)) {
      for (const [kind, seen] of Object.entries(SEEN_BY)) {
        for (const [i, a] of set.entries()) {
          for (const b of set.slice(i + 1)) {
            expect(
              deltaE(lab(seen(rgb(a))), lab(seen(rgb(b)))),
              `${name}: ${a} and ${b}, ${kind}`,
            ).toBeGreaterThanOrEqual(15);
          }
        }
      }
    }
  });
});

it('each head colour has a dash pattern of its own', () => {
  for (const theme of THEMES) expect(HEAD_COLOURS[theme]).toHaveLength(HEAD_DASHES.length);
  expect(new Set(HEAD_DASHES.map(String)).size).toBe(HEAD_DASHES.length);
});

type Triple = readonly [number, number, number];

/** Machado, Oliveira and Fernandes 2009, severity 1.0, on linear light. */
const SEEN_BY: Record<string, (colour: Rgb) => Triple> = {
  normal: (colour) => colour.map(linear) as unknown as Triple,
  protanopia: seenThrough(
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ),
  deuteranopia: seenThrough(
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.01182, 0.04294, 0.968881],
  ),
  tritanopia: seenThrough(
    [1.255528, -0.076749, -0.178779],
    [-0.078411, 0.930809, 0.147602],
    [0.004733, 0.691367, 0.3039],
  ),
};

function seenThrough(...rows: readonly [Triple, Triple, Triple]): (colour: Rgb) => Triple {
  return (colour) => {
    const light = colour.map(linear);
    return rows.map((row) =>
      Math.min(
        1,
        Math.max(
          0,
          row.reduce((sum, part, i) => sum + part * light[i]!, 0),
        ),
      ),
    ) as unknown as Triple;
  };
}

function linear(part: number): number {
  const share = part / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

/** CIE L*a*b* of linear sRGB under D65. */
function lab([r, g, b]: Triple): Triple {
  const f = (t: number): number => (t > (6 / 29) ** 3 ? Math.cbrt(t) : t / (3 * (6 / 29) ** 2) + 4 / 29);
  const x = f((0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047);
  const y = f(0.2126729 * r + 0.7151522 * g + 0.072175 * b);
  const z = f((0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** CIEDE2000 (Sharma, Wu and Dalal 2005). */
function deltaE([l1, a1, b1]: Triple, [l2, a2, b2]: Triple): number {
  const mean7 = ((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2) ** 7;
  const g = 0.5 * (1 - Math.sqrt(mean7 / (mean7 + 25 ** 7)));
  const [p1, p2] = [a1 * (1 + g), a2 * (1 + g)];
  const [c1, c2] = [Math.hypot(p1, b1), Math.hypot(p2, b2)];
  const hue = (a: number, b: number): number =>
    a === 0 && b === 0 ? 0 : ((Math.atan2(b, a) * 180) / Math.PI + 360) % 360;
  const [h1, h2] = [hue(p1, b1), hue(p2, b2)];
  const turn = c1 * c2 === 0 ? 0 : ((h2 - h1 + 540) % 360) - 180;
  const dH = 2 * Math.sqrt(c1 * c2) * sine(turn / 2);
  const meanH = c1 * c2 === 0 ? h1 + h2 : Math.abs(h1 - h2) <= 180 ? (h1 + h2) / 2 : (h1 + h2 + 360) / 2;
  const [l, c] = [(l1 + l2) / 2, (c1 + c2) / 2];
  const t =
    1 -
    0.17 * cosine(meanH - 30) +
    0.24 * cosine(2 * meanH) +
    0.32 * cosine(3 * meanH + 6) -
    0.2 * cosine(4 * meanH - 63);
  const sl = 1 + (0.015 * (l - 50) ** 2) / Math.sqrt(20 + (l - 50) ** 2);
  const [sc, sh] = [1 + 0.045 * c, 1 + 0.015 * c * t];
  const rt = -2 * Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7)) * sine(60 * Math.exp(-(((meanH - 275) / 25) ** 2)));
  const [L, C, H] = [(l2 - l1) / sl, (c2 - c1) / sc, dH / sh];
  return Math.sqrt(L ** 2 + C ** 2 + H ** 2 + rt * C * H);
}

const sine = (degrees: number): number => Math.sin((degrees * Math.PI) / 180);
const cosine = (degrees: number): number => Math.cos((degrees * Math.PI) / 180);

it('CIEDE2000 is as published', () => {
  expect(deltaE([50, 2.6772, -79.7751], [50, 0, -82.7485])).toBeCloseTo(2.0425, 4);
  expect(deltaE([50, 2.5, 0], [73, 25, -18])).toBeCloseTo(27.1492, 4);
  expect(deltaE([2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514])).toBeCloseTo(0.9082, 4);
});
