import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

export interface Loaded<Data> {
  readonly data: Data | undefined;
  readonly error: string | undefined;
  readonly reload: () => void;
}

/**
 * Loads data now, when a dependency changes, and again and again while the page is visible.
 *
 * @param everyMs 0: only once.
 */
export function useLoaded<Data>(
  load: (signal: AbortSignal) => Promise<Data>,
  everyMs: number,
  dependencies: readonly unknown[],
): Loaded<Data> {
  const [state, setState] = useState<{ data?: Data; error?: string }>({});
  const [round, setRound] = useState(0);
  const latest = useRef(load);
  latest.current = load;
  useEffect(() => {
    const ending = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const step = async (): Promise<void> => {
      if (document.visibilityState === 'visible') {
        try {
          const data = await latest.current(ending.signal);
          if (!ending.signal.aborted) setState({ data });
        } catch (error) {
          if (!ending.signal.aborted)
            setState(({ data }) => ({ ...(data && { data }), error: textOf(error) }));
        }
      }
      if (everyMs > 0 && !ending.signal.aborted) timer = setTimeout(() => void step(), everyMs);
    };
    void step();
    return () => {
      ending.abort();
      clearTimeout(timer);
    };
  }, [everyMs, round, ...dependencies]);
  const reload = useCallback(() => setRound((before) => before + 1), []);
  return { data: state.data, error: state.error, reload };
}

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
