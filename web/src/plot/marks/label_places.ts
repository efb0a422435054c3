// Where the labels of points go so that none covers another.

export interface LabelBox {
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

/** Where the labels of points go so that none covers another or leaves the box: [left, baseline], or null for no room. */
export function labelPlaces(
  labels: readonly LabelBox[],
  box: { readonly width: number; readonly height: number },
  height = 12,
): (readonly [left: number, baseline: number] | null)[] {
  const taken: (readonly [left: number, top: number, right: number, bottom: number])[] = labels.map(({ x, y }) => [
    x - 4,
    y - 4,
    x + 4,
    y + 4,
  ]);
  return labels.map(({ x, y, width }) => {
    const sides = [
      [x + 7, y + 4],
      [x - 7 - width, y + 4],
      [x - width / 2, y - 8],
      [x - width / 2, y + 8 + height * 0.75],
    ] as const;
    for (const [left, baseline] of sides) {
      const own = [left - 2, baseline - height * 0.8, left + width + 2, baseline + height * 0.2] as const;
      if (own[0] < 0 || own[1] < 0 || own[2] > box.width || own[3] > box.height) continue;
      if (taken.some((other) => own[0] < other[2] && other[0] < own[2] && own[1] < other[3] && other[1] < own[3]))
        continue;
      taken.push(own);
      return [left, baseline];
    }
    return null;
  });
}
