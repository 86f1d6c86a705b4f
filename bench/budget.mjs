const number = (value, digits) =>
  value.toLocaleString('en-US', { maximumFractionDigits: digits, useGrouping: false });

/** A figure in as many digits as mean something. */
export const round = (value) => number(value, Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
export const ratio = (value) => number(value, 3);
export const withSpread = ({ median, low, high }, format = round) =>
  `${format(median)} (${format(low)}–${format(high)})`;
export const mebibytes = (bytes) => round(bytes / 1_048_576);
export const kibibytes = (bytes) => round(bytes / 1024);
export const percent = (share) => `${round(share * 100)} %`;

/** A budget of design.md §8, what was measured, and whether it holds. */
export const checkBudget = (measure, limit, measured, holds) => ({ measure, budget: limit, measured, holds });
