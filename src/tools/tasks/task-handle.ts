/** What a task of the Tasks extension stands for. Its id says it all, so that every replica can answer for it. */
export interface TaskHandle {
  /** The task of the Runtime API. */
  readonly taskId: string;
  /** It is the wait for a task that was there before: to cancel it leaves that task alone. */
  readonly isFollowed: boolean;
  /** Seconds since 1970 after which it ends with the task as it is. */
  readonly until?: number;
}

const FORM =
  /^(?<follow>follow\.)?(?<taskId>[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12})(?:\.(?<until>\d{1,11}))?$/i;

/** The id of a run without a limit is that of the runtime's task. */
export const handleId = ({ taskId, isFollowed, until }: TaskHandle): string =>
  `${isFollowed ? 'follow.' : ''}${taskId}${until === undefined ? '' : `.${until}`}`;

/** `undefined` for an id of another form. */
export function handleOf(id: string): TaskHandle | undefined {
  const { follow, taskId, until } = FORM.exec(id)?.groups ?? {};
  if (taskId === undefined) return undefined;
  return { taskId, isFollowed: follow !== undefined, ...(until !== undefined && { until: Number(until) }) };
}

/** A limit from now on; none for zero seconds. */
export const limitOf = (seconds: number): Pick<TaskHandle, 'until'> =>
  seconds > 0 ? { until: Math.ceil(Date.now() / 1000) + seconds } : {};

/** Time until the limit, in milliseconds. */
export const timeLeft = ({ until = Infinity }: TaskHandle): number => Math.max(0, until * 1000 - Date.now());
