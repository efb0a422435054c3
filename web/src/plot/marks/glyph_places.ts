// Where the labels of clusters go on the map: as near the middle of their cluster as they can without covering each
// other, inside the box. The smallest go first where there is no room for all.

export interface Anchor {
  /** The middle of the cluster, px. */
  readonly x: number;
  readonly y: number;
  /** Of the label, px. */
  readonly width: number;
  readonly height: number;
}
export interface GlyphPlace {
  /** Which anchor. */
  readonly at: number;
  readonly left: number;
  readonly top: number;
}

const ROUNDS = 240;
const GAP = 3;
const START = 8;
/** The golden angle. */
const TURN = 2.39996;

/** Places for labels, anchors in the order of their worth; of those that find none the last are left out. */
export function glyphPlaces(
  anchors: readonly Anchor[],
  box: { readonly width: number; readonly height: number },
): GlyphPlace[] {
  for (let many = anchors.length; many > 0; many--) {
    const places = spread(anchors.slice(0, many), box);
    if (places) return places;
  }
  return [];
}

/** Labels pushed apart round by round and drawn back to their anchors; null when they do not all fit. */
function spread(
  anchors: readonly Anchor[],
  box: { readonly width: number; readonly height: number },
): GlyphPlace[] | null {
  const places = anchors.map((anchor, at) =>
    within({ at, left: anchor.x - anchor.width / 2, top: anchor.y - anchor.height / 2 }, anchor, box),
  );
  places.forEach((place, at) => {
    // From the very same middle all would be pushed along one line: they start in different directions.
    if (!places.slice(0, at).some((other) => overlap(place, other, anchors[at]!, anchors[other.at]!, 0))) return;
    place.left += START * Math.cos(TURN * at);
    place.top += START * Math.sin(TURN * at);
  });
  for (let round = 0; round < ROUNDS; round++) {
    if (round < ROUNDS / 2) {
      places.forEach((place, at) => {
        const { x, y, width, height } = anchors[at]!;
        place.left += 0.06 * (x - width / 2 - place.left);
        place.top += 0.06 * (y - height / 2 - place.top);
      });
    }
    const moved = places.map((a, i) =>
      places.map((b, j) => j > i && apart(a, b, anchors[i]!, anchors[j]!)).some(Boolean),
    );
    places.forEach((place, at) => within(place, anchors[at]!, box));
    if (round >= ROUNDS / 2 && !moved.some(Boolean)) break;
  }
  const rounded = places.map(({ at, left, top }) => ({ at, left: Math.round(left), top: Math.round(top) }));
  return rounded.some((a, i) => rounded.some((b, j) => j > i && overlap(a, b, anchors[i]!, anchors[j]!, 0))) ||
    outside(anchors, box)
    ? null
    : rounded;
}

interface Moving {
  readonly at: number;
  left: number;
  top: number;
}

/** Push two labels apart along the way that is shorter; whether they were too near. */
function apart(a: Moving, b: Moving, sizeA: Anchor, sizeB: Anchor): boolean {
  if (!overlap(a, b, sizeA, sizeB, GAP)) return false;
  const across =
    (sizeA.width + sizeB.width) / 2 + GAP + 0.5 - Math.abs(a.left + sizeA.width / 2 - b.left - sizeB.width / 2);
  const down =
    (sizeA.height + sizeB.height) / 2 + GAP + 0.5 - Math.abs(a.top + sizeA.height / 2 - b.top - sizeB.height / 2);
  if (across < down) {
    const way = a.left + sizeA.width / 2 <= b.left + sizeB.width / 2 ? 1 : -1;
    a.left -= (way * across) / 2;
    b.left += (way * across) / 2;
  } else {
    const way = a.top + sizeA.height / 2 <= b.top + sizeB.height / 2 ? 1 : -1;
    a.top -= (way * down) / 2;
    b.top += (way * down) / 2;
  }
  return true;
}

const overlap = (a: GlyphPlace, b: GlyphPlace, sizeA: Anchor, sizeB: Anchor, gap: number): boolean =>
  a.left < b.left + sizeB.width + gap &&
  b.left < a.left + sizeA.width + gap &&
  a.top < b.top + sizeB.height + gap &&
  b.top < a.top + sizeA.height + gap;

const outside = (anchors: readonly Anchor[], box: { readonly width: number; readonly height: number }): boolean =>
  anchors.some(({ width, height }) => width > box.width || height > box.height);

function within(place: Moving, size: Anchor, box: { readonly width: number; readonly height: number }): Moving {
  place.left = Math.max(0, Math.min(box.width - size.width, place.left));
  place.top = Math.max(0, Math.min(box.height - size.height, place.top));
  return place;
}
