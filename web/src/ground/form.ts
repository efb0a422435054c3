// Numbers as the report prints them (quantities/form.py): the same digits, the same rounding, ties to the even digit.

/** A number with so many digits after the point; an exact tie goes to the even digit, as in Python. */
export function fixed(value: number, digits: number): string {
  const rounded = value.toFixed(digits);
  // toFixed prints a double exactly, so a tie is a 5 followed by nothing but zeros
  const exact = Math.abs(value).toFixed(Math.min(100, digits + 50));
  const [whole = '0', part = ''] = exact.split('.');
  if (part[digits] !== '5' || /[1-9]/.test(part.slice(digits + 1))) return rounded;
  const below = digits ? `${whole}.${part.slice(0, digits)}` : whole;
  const even = Number(below[below.length - 1]) % 2 === 0;
  return (value < 0 ? '-' : '') + (even ? below : (Number(below) + 10 ** -digits).toFixed(digits));
}

/** Three significant digits (`0.412`, `12.3`, `3.1e-05`), a dash for NaN; whole numbers from 1000 up. */
export function reported(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const power = Math.floor(Math.log10(Math.abs(value)));
  if (power < -4) return value.toExponential(1).replace(/e-(\d)$/, 'e-0$1');
  return fixed(value, Math.max(0, 2 - power));
}

/** A share as a percentage: whole from 10 % up, one digit below, `< 0.1 %` for less. */
export function reportedShare(share: number): string {
  if (!Number.isFinite(share)) return '–';
  const hundredths = 100 * share;
  if (hundredths > 0 && hundredths < 0.1) return '< 0.1 %';
  return `${fixed(hundredths, Math.abs(hundredths) >= 9.95 || hundredths === 0 ? 0 : 1)} %`;
}

/** `a`, `a and b`, `a, b and c`. */
export function nameList(names: readonly string[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')} and ${names[names.length - 1]}` : (names[0] ?? '');
}
