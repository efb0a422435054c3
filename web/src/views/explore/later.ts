// Parts of Explore that its first paint does not need: each a file of its own.

export const later = {
  distributions: () => import('./HeadDistributions.svelte'),
  metrics: () => import('./FourMetrics.svelte'),
  scatter: () => import('./OutputLayerScatter.svelte'),
  classes: () => import('./ClassTable.svelte'),
  difference: () => import('./ScopeDifference.svelte'),
  mean: () => import('./MeanPane.svelte'),
  patterns: () => import('./patterns/PatternsView.svelte'),
  headPatterns: () => import('./patterns/HeadPatterns.svelte'),
  rings: () => import('./patterns/HubRings.svelte'),
} as const;
