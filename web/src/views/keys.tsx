import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { call, get } from '../api/client.js';
import type { Credential, NewKey } from '../api/types.js';
import { ago, dayOf, useNow } from '../lib/format.js';
import { textOf, useLoaded } from '../lib/use-loaded.js';
import { CopyButton, Dialog, Empty, Labels, Loading, Problem, Time, Title } from '../parts/basics.jsx';
import { Status } from '../parts/status.jsx';
import { NewKeyDialog } from './new-key.jsx';

const REFRESH_MS = 5000;

export function KeysView({ credential }: { readonly credential: Credential }): JSX.Element {
  if (credential.permissions.includes('admin')) return <Keys own={credential.id} />;
  return (
    <>
      <Title text="Keys" />
      <Empty title="This key may not manage keys.">
        Sign in with one that has the permission “admin”. An operator makes it with{' '}
        <code>cyberun-mcp keys create --name console --permissions run,invoke,admin</code>.
      </Empty>
    </>
  );
}

function Keys({ own }: { readonly own: string }): JSX.Element {
  const [dialog, setDialog] = useState<'new' | Credential>();
  const [made, setMade] = useState<NewKey>();
  const { data, error, reload } = useLoaded(
    (signal) => get<{ credentials: Credential[] }>('credentials', {}, signal),
    REFRESH_MS,
    [],
  );
  const close = (): void => {
    setDialog(undefined);
    reload();
  };
  return (
    <>
      <Title text="Keys">
        <button type="button" class="btn btn-primary btn-sm" onClick={() => setDialog('new')}>
          New key
        </button>
      </Title>
      <Problem text={error} />
      {!data && error === undefined && <Loading />}
      {data && <KeyTable keys={data.credentials} own={own} onRevoke={setDialog} />}
      {dialog === 'new' && <NewKeyDialog onClose={close} onMade={setMade} />}
      {dialog !== undefined && dialog !== 'new' && (
        <RevokeDialog credential={dialog} own={own} onClose={close} />
      )}
      {made && (
        <Dialog title="The new key" onClose={() => setMade(undefined)}>
          <p class="mb-3">It is shown this once. Keep it like a password.</p>
          <p class="bg-base-200 mb-2 rounded-lg p-3 font-mono text-sm break-all">{made.raw_key}</p>
          <CopyButton text={made.raw_key} label="Copy the key" />
          <form method="dialog" class="modal-action">
            <button type="submit" class="btn btn-primary">
              Done
            </button>
          </form>
        </Dialog>
      )}
    </>
  );
}

interface KeyTableProps {
  readonly keys: readonly Credential[];
  readonly own: string;
  readonly onRevoke: (credential: Credential) => void;
}

function KeyTable({ keys, own, onRevoke }: KeyTableProps): JSX.Element {
  const now = useNow(false);
  return (
    <ul class="panel divide-base-300 divide-y" aria-label="Keys">
      {keys.map((key) => (
        <li key={key.id} class="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3 text-sm">
          <span class="min-w-0 flex-1 basis-52">
            <span class="block font-medium break-words">
              {key.display_name}
              {key.id === own && <span class="muted font-normal"> (this one)</span>}
            </span>
            <span class="muted font-mono text-xs">{key.key_prefix}…</span>
          </span>
          <span class="basis-24">
            <Status state={key.key_status} />
          </span>
          <span class="basis-44">
            {key.kind === 'agent' ? (
              <span class="muted">for agents</span>
            ) : (
              <Labels of={key.permissions.length > 0 ? key.permissions : ['read only']} />
            )}
          </span>
          <span class="muted basis-64">
            {key.last_used_at ? (
              <>
                used <Time at={key.last_used_at} text={ago(key.last_used_at, now)} />
              </>
            ) : (
              'never used'
            )}
            {key.expires_at && <> · until {dayOf(key.expires_at)}</>}
          </span>
          <span class="flex w-20 justify-end">
            {key.key_status === 'active' && (
              <button
                type="button"
                class="btn btn-sm btn-ghost text-error"
                aria-label={`Revoke ${key.display_name}`}
                onClick={() => onRevoke(key)}
              >
                Revoke
              </button>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

interface RevokeProps {
  readonly credential: Credential;
  readonly own: string;
  readonly onClose: () => void;
}

function RevokeDialog({ credential, own, onClose }: RevokeProps): JSX.Element {
  const [problem, setProblem] = useState<string>();
  const revoke = async (): Promise<void> => {
    try {
      await call('DELETE', `credentials/${credential.id}`);
      onClose();
    } catch (error) {
      setProblem(textOf(error));
    }
  };
  return (
    <Dialog title={`Revoke “${credential.display_name}”?`} onClose={onClose}>
      <Problem text={problem} />
      <p>
        Its next request is refused, and its open streams end. This cannot be undone.
        {credential.id === own && ' It is the key you are signed in with: you will be signed out.'}
      </p>
      <div class="modal-action">
        <button type="button" class="btn" onClick={onClose}>
          Keep it
        </button>
        <button type="button" class="btn btn-error" onClick={() => void revoke()}>
          Revoke
        </button>
      </div>
    </Dialog>
  );
}
