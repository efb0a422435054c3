// The perspectives: tabs, keys, commands of the palette and addresses are made from this list. Each is a component of
// its own (app/later.ts; Explore is there from the start).

export const PERSPECTIVES = [
  { view: 'explore', name: 'Explore', key: 'e', what: 'all images' },
  { view: 'image', name: 'Image', key: 'i', what: 'one in depth' },
  { view: 'heads', name: 'Heads', key: 'h', what: 'against each other' },
  { view: 'lab', name: 'Lab', key: 'l', what: 'what if' },
] as const;

export type View = (typeof PERSPECTIVES)[number]['view'];

export const VIEWS: readonly View[] = PERSPECTIVES.map(({ view }) => view);

export const viewName = (view: View): string => PERSPECTIVES.find((one) => one.view === view)!.name;
