/** What the suite is run against: the endpoint with its fixtures, the same without log messages, and as it ships. */
export const SUBJECTS = ['fixtures', 'fixtures-by-hand', 'product'] as const;
export type Subject = (typeof SUBJECTS)[number];

export const isSubject = (name: string | undefined): name is Subject =>
  SUBJECTS.some((known) => known === name);
