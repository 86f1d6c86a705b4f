import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { post } from '../api/client.js';
import { textOf } from '../lib/use-loaded.js';
import { Problem, Title } from '../parts/basics.jsx';
import { Mark, ThemeButton } from '../parts/shell.jsx';

/** The key goes to the server once, which answers with a cookie that no script can read. */
export function SignIn({ onSignedIn }: { readonly onSignedIn: () => Promise<void> }): JSX.Element {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const submit = async (event: Event): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    setProblem(undefined);
    try {
      await post('session', { key });
      setKey('');
      await onSignedIn();
    } catch (error) {
      setProblem(textOf(error));
      setBusy(false);
    }
  };
  return (
    <main class="grid min-h-dvh place-items-center p-4">
      <form class="panel w-full max-w-md p-6 sm:p-8" onSubmit={(event) => void submit(event)}>
        <div class="mb-6 flex items-center gap-3">
          <Mark />
          <span class="mr-auto font-semibold">Cyberun</span>
          <ThemeButton />
        </div>
        <Title text="Sign in" />
        <Problem text={problem} />
        <label class="mb-1.5 block text-sm font-medium" for="key">
          Key
        </label>
        <input
          id="key"
          class="input w-full font-mono"
          type="password"
          autoComplete="off"
          spellcheck={false}
          placeholder="sk-…"
          required
          value={key}
          aria-describedby="key-hint"
          onInput={({ currentTarget }) => setKey(currentTarget.value)}
        />
        <p id="key-hint" class="field-hint mt-2">
          The <code>sk-</code> key of the first start, or another one: <code>cyberun-mcp keys create</code>.
          It is kept in a cookie that no script can read.
        </p>
        <button type="submit" class="btn btn-primary mt-6 w-full" disabled={isBusy}>
          {isBusy ? 'Signing in…' : 'Sign in'}
        </button>
      </form>
    </main>
  );
}
