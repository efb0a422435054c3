// Parts of Explore that its first paint does not need: each a file of its own.

export const later = {
  distributions: () => import('./importance/strips/HeadDistributions.svelte'),
  metrics: () => import('./importance/FourMetrics.svelte'),
  scatter: () => import('./importance/OutputLayerScatter.svelte'),
  strengthTable: () => import('./strength/StrengthTable.svelte'),
  trend: () => import('./strength/Trend.svelte'),
  classes: () => import('./importance/ClassTable.svelte'),
  difference: () => import('./importance/ScopeDifference.svelte'),
  mean: () => import('./mean/MeanPane.svelte'),
  patterns: () => import('./patterns/PatternsView.svelte'),
  headPatterns: () => import('./patterns/HeadPatterns.svelte'),
  rings: () => import('./patterns/HubRings.svelte'),
} as const;
