// The drawings of head importance besides the matrix: none is needed for the first paint.

export const drawings = {
  distributions: () => import('./HeadDistributions.svelte'),
  metrics: () => import('./FourMetrics.svelte'),
  scatter: () => import('./OutputLayerScatter.svelte'),
  classes: () => import('./ClassTable.svelte'),
  difference: () => import('./ScopeDifference.svelte'),
} as const;
