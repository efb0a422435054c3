// Numbers as the page prints them.

const MINUS = '\u2212';

/** Three significant digits; a dash for what there is not. */
export function number(value: number | null | undefined): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  let text: string;
  if (size >= 999.5) text = Math.round(size).toLocaleString('en-US');
  else if (size >= 1e-4) text = size.toPrecision(3);
  else {
    const [digits, exponent] = size.toExponential(1).split('e') as [string, string];
    text = `${digits}·10${superscript(exponent.replace('+', ''))}`;
  }
  return value < 0 ? MINUS + text : text;
}

/** A number beside an axis: without the zeros that say nothing there. */
export const tickNumber = (value: number): string => {
  const text = number(value);
  return text.includes('.') && !text.includes('·') ? text.replace(/\.?0+$/, '') : text;
};

/** A share as `61.2 %`, below one percent as `0.32 %`; what is not 0 never reads 0. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || !Number.isFinite(share)) return '–';
  if (share > 0 && share < 5e-5) return '< 0.01 %';
  return `${(100 * share).toFixed(share > 0 && share < 0.01 ? 2 : 1)} %`;
}

/** A difference of shares in percentage points: `−3.8 pp`; one that is not 0 never reads 0. */
export function pointsOf(difference: number | null | undefined): string {
  if (difference === null || difference === undefined || !Number.isFinite(difference)) return '–';
  const size = Math.abs(100 * difference);
  const text = size === 0 ? '0.0' : size < 0.1 ? size.toFixed(2) : size.toFixed(1);
  return `${difference < 0 && size > 0 ? MINUS : difference > 0 ? '+' : ''}${text} pp`;
}

const GROUPED = new Intl.NumberFormat('en-US'); // made once: toLocaleString makes one each time

export const count = (n: number): string => GROUPED.format(n);

function superscript(digits: string): string {
  return [...digits].map((digit) => (digit === '-' ? '⁻' : '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)])).join('');
}
