import { Boxes, KeyRound, ListChecks, LogOut, Moon, Server, Sun, Workflow } from 'lucide-preact';
import type { ComponentChildren, JSX } from 'preact';

import type { Credential } from '../api/types.js';
import { href } from '../lib/route.js';
import { chooseTheme, useTheme } from '../lib/theme.js';

const VIEWS = [
  { path: 'tasks', name: 'Tasks', icon: ListChecks },
  { path: 'workflows', name: 'Workflows', icon: Workflow },
  { path: 'services', name: 'Services', icon: Boxes },
  { path: 'agents', name: 'Agents', icon: Server },
  { path: 'keys', name: 'Keys', icon: KeyRound },
] as const;

/** As on the page of the endpoint. */
const MARK = new URL('../../../src/page/assets/icon.svg', import.meta.url).href;

export const Mark = (): JSX.Element => <img src={MARK} alt="" class="size-7 shrink-0" />;

export function ThemeButton(): JSX.Element {
  const theme = useTheme();
  const other = theme === 'dark' ? 'light' : 'dark';
  return (
    <button
      type="button"
      class="btn btn-ghost btn-sm btn-square"
      aria-label={`Use the ${other} theme`}
      onClick={() => chooseTheme(other)}
    >
      {theme === 'dark' ? <Sun size={17} aria-hidden="true" /> : <Moon size={17} aria-hidden="true" />}
    </button>
  );
}

function Navigation({ view }: { readonly view: string }): JSX.Element {
  return (
    <nav aria-label="Views" class="flex gap-1 lg:flex-col">
      {VIEWS.map(({ path, name, icon: Icon }) => (
        <a
          key={path}
          href={href([path])}
          aria-current={view === path ? 'page' : undefined}
          class={`flex min-w-0 flex-auto flex-col items-center gap-1 rounded-lg px-1 py-1.5 text-xs sm:flex-none sm:flex-row sm:gap-2.5 sm:px-3 sm:py-2 sm:text-sm ${
            view === path ? 'bg-primary/10 text-primary font-semibold' : 'hover:bg-base-300/60'
          }`}
        >
          <Icon size={17} aria-hidden="true" />
          {name}
        </a>
      ))}
    </nav>
  );
}

interface ShellProps {
  readonly view: string;
  readonly credential: Credential;
  readonly onSignOut: () => void;
  readonly children: ComponentChildren;
}

/** The frame of every view: what there is, whose key is in use, and the way out. */
export function Shell({ view, credential, onSignOut, children }: ShellProps): JSX.Element {
  const { team, display_name, key_prefix } = credential;
  return (
    <div class="mx-auto flex min-h-dvh max-w-[100rem] flex-col lg:flex-row">
      <a
        href="#main"
        class="btn btn-primary btn-sm sr-only focus:not-sr-only focus:absolute focus:top-2 focus:left-2 focus:z-10"
        onClick={skip}
      >
        Skip to the content
      </a>
      <header class="border-base-300 bg-base-100 flex shrink-0 flex-col gap-2 border-b px-3 py-2 lg:sticky lg:top-0 lg:h-dvh lg:w-56 lg:gap-6 lg:border-r lg:border-b-0 lg:px-4 lg:py-5">
        <div class="flex items-center gap-2.5">
          <Mark />
          <span class="font-semibold tracking-tight">Cyberun</span>
          <span class="ml-auto flex items-center lg:hidden">
            <ThemeButton />
            <SignOut onSignOut={onSignOut} />
          </span>
        </div>
        <Navigation view={view} />
        <div class="mt-auto hidden flex-col gap-3 lg:flex">
          <div class="text-sm">
            <div class="truncate font-medium">{display_name}</div>
            <div class="muted truncate text-xs">
              team {team} · <span class="font-mono">{key_prefix}…</span>
            </div>
          </div>
          <div class="flex items-center justify-between">
            <ThemeButton />
            <SignOut onSignOut={onSignOut} />
          </div>
        </div>
      </header>
      <main id="main" tabIndex={-1} class="min-w-0 flex-1 px-3 py-5 outline-none sm:px-6 lg:px-8 lg:py-7">
        {children}
      </main>
    </div>
  );
}

/** The address names the view, so that a link inside it moves the focus itself. */
function skip(event: Event): void {
  event.preventDefault();
  document.querySelector<HTMLElement>('#main')?.focus();
}

function SignOut({ onSignOut }: { readonly onSignOut: () => void }): JSX.Element {
  return (
    <button type="button" class="btn btn-ghost btn-sm" onClick={onSignOut}>
      <LogOut size={16} aria-hidden="true" />
      Sign out
    </button>
  );
}
