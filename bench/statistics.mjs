const sorted = (values) => [...values].sort((a, b) => a - b);

/** Value below which this share of the values lies; `NaN` of nothing. */
export function quantile(values, share) {
  const ordered = sorted(values);
  if (ordered.length === 0) return NaN;
  const position = (ordered.length - 1) * share;
  const below = Math.floor(position);
  const next = ordered[Math.min(below + 1, ordered.length - 1)];
  return ordered[below] + (next - ordered[below]) * (position - below);
}

export const median = (values) => quantile(values, 0.5);

/** Median and the quarter of the values on either side of it. */
export const summary = (values) => ({
  median: median(values),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75),
});

/** How the first compares with the second, round by round: neighbours in time share the machine's mood. */
export const pairwise = (ours, theirs) => summary(ours.map((value, round) => value / theirs[round]));
