import { useEffect, useState } from 'preact/hooks';

/** Where a person is: `#/tasks/ID?status=failed` is the path tasks, ID with a query. */
export interface Route {
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

function current(): Route {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  return { path: path.split('/').filter(Boolean).map(decodeURIComponent), query: new URLSearchParams(query) };
}

/** The address of a view. */
export const href = (path: readonly string[], query: Readonly<Record<string, string>> = {}): string => {
  const asked = new URLSearchParams(query).toString();
  return `#/${path.map(encodeURIComponent).join('/')}${asked && `?${asked}`}`;
};

export const go = (path: readonly string[]): void => {
  location.hash = href(path);
};

/** Changes the query of the view without a step in the history. */
export const changeQuery = ({ path }: Route, query: Readonly<Record<string, string>>): void => {
  history.replaceState(null, '', href(path, query));
  dispatchEvent(new HashChangeEvent('hashchange'));
};

export function useRoute(): Route {
  const [route, setRoute] = useState(current);
  useEffect(() => {
    const changed = (): void => setRoute(current());
    addEventListener('hashchange', changed);
    return () => removeEventListener('hashchange', changed);
  }, []);
  return route;
}
