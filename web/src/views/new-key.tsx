import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { post } from '../api/client.js';
import type { NewKey } from '../api/types.js';
import { textOf } from '../lib/use-loaded.js';
import { Dialog, Problem } from '../parts/basics.jsx';

const PERMISSIONS = [
  ['run', 'Run and cancel tasks, upload files'],
  ['invoke', 'Call services'],
  ['admin', 'Make and revoke keys'],
] as const;
const USUAL: ReadonlySet<string> = new Set(['run', 'invoke']);

interface NewKeyDialogProps {
  readonly onClose: () => void;
  readonly onMade: (key: NewKey) => void;
}

export function NewKeyDialog({ onClose, onMade }: NewKeyDialogProps): JSX.Element {
  const [kind, setKind] = useState('integration');
  const [problem, setProblem] = useState<string>();
  const submit = async (event: JSX.TargetedSubmitEvent<HTMLFormElement>): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const days = textIn(form, 'days');
    try {
      const key = await post<NewKey>('credentials', {
        kind,
        display_name: textIn(form, 'name'),
        ...(kind === 'integration' && { permissions: form.getAll('permission') }),
        ...(days !== '' && { expires_in_days: Number(days) }),
      });
      onClose();
      onMade(key);
    } catch (error) {
      setProblem(textOf(error));
    }
  };
  return (
    <Dialog title="New key" onClose={onClose}>
      <form onSubmit={(event) => void submit(event)}>
        <Problem text={problem} />
        <label class="mb-4 block text-sm font-medium">
          Name
          <input
            name="name"
            class="input mt-1.5 w-full"
            required
            maxLength={100}
            placeholder="What it is for"
          />
        </label>
        <label class="mb-4 block text-sm font-medium">
          Kind
          <select
            class="select mt-1.5 w-full"
            value={kind}
            onChange={({ currentTarget }) => setKind(currentTarget.value)}
          >
            <option value="integration">sk- for clients</option>
            <option value="agent">ak- for agents</option>
          </select>
        </label>
        {kind === 'integration' && <Permissions />}
        <label class="mb-2 block text-sm font-medium">
          Days until it expires
          <input
            name="days"
            class="input mt-1.5 w-full"
            inputMode="numeric"
            pattern="[0-9]{1,3}"
            placeholder="never"
            title="1 to 365"
          />
        </label>
        <div class="modal-action">
          <button type="button" class="btn" onClick={onClose}>
            Back
          </button>
          <button type="submit" class="btn btn-primary">
            Make the key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

function textIn(form: FormData, field: string): string {
  const value = form.get(field);
  return typeof value === 'string' ? value.trim() : '';
}

const Permissions = (): JSX.Element => (
  <fieldset class="mb-4 text-sm">
    <legend class="mb-1.5 font-medium">It may look at everything of the team, and</legend>
    {PERMISSIONS.map(([name, meaning]) => (
      <label key={name} class="flex items-center gap-2.5 py-1">
        <input
          type="checkbox"
          name="permission"
          value={name}
          class="checkbox checkbox-sm checkbox-primary"
          defaultChecked={USUAL.has(name)}
        />
        {meaning}
      </label>
    ))}
  </fieldset>
);
