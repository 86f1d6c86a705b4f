import { useEffect, useState } from 'preact/hooks';

const STORED = 'cyberun-theme';
type Theme = 'light' | 'dark';

const system = matchMedia('(prefers-color-scheme: dark)');
const changes = new EventTarget();

const preferred = (): Theme => (system.matches ? 'dark' : 'light');

const themeNow = (): Theme => {
  const stored = localStorage.getItem(STORED);
  return stored === 'light' || stored === 'dark' ? stored : preferred();
};

function apply(): void {
  document.documentElement.dataset['theme'] = themeNow();
  changes.dispatchEvent(new Event('change'));
}

/** From now on the page has the theme of the system, also when that changes, or the one that was chosen. */
export function startTheme(): void {
  system.addEventListener('change', apply);
  apply();
}

/** The choice that the system has anyway is none. */
export function chooseTheme(theme: Theme): void {
  if (theme === preferred()) localStorage.removeItem(STORED);
  else localStorage.setItem(STORED, theme);
  apply();
}

export function useTheme(): Theme {
  const [theme, setTheme] = useState(themeNow);
  useEffect(() => {
    const changed = (): void => setTheme(themeNow());
    changes.addEventListener('change', changed);
    return () => changes.removeEventListener('change', changed);
  }, []);
  return theme;
}
