import type { WidgetProps } from '@rjsf/utils';
import { FileCheck, Upload } from 'lucide-preact';
import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { upload } from '../api/upload.js';
import { bytes } from '../lib/format.js';
import { textOf } from '../lib/use-loaded.js';

interface Sending {
  readonly file: File;
  readonly share: number;
}

/** A file by drag and drop or by choice. It is uploaded at once; its value is the file_key. */
export function FileWidget({ id, value, schema, rawErrors = [], onChange }: WidgetProps): JSX.Element {
  const [sending, setSending] = useState<Sending>();
  const [sent, setSent] = useState<File>();
  const [problem, setProblem] = useState<string>();
  const [isOver, setOver] = useState(false);
  const ending = useRef<AbortController>(null);
  useEffect(() => () => ending.current?.abort(), []);
  const take = async (file: File | null | undefined): Promise<void> => {
    if (!file) return;
    ending.current?.abort();
    const mine = new AbortController();
    ending.current = mine;
    setProblem(undefined);
    setSending({ file, share: 0 });
    try {
      onChange(await upload(file, (share) => setSending({ file, share }), mine.signal));
      setSent(file);
    } catch (error) {
      if (!mine.signal.aborted) setProblem(textOf(error));
    }
    if (!mine.signal.aborted) setSending(undefined);
  };
  const dropped = (event: JSX.TargetedDragEvent<HTMLLabelElement>): void => {
    event.preventDefault();
    setOver(false);
    void take(event.dataTransfer?.files.item(0));
  };
  const color = isOver
    ? 'border-primary bg-primary/5'
    : rawErrors.length > 0
      ? 'border-error'
      : 'border-base-300';
  return (
    <div class="max-w-xl">
      <label
        class={`flex cursor-pointer flex-wrap items-center gap-3 rounded-lg border-2 border-dashed p-4 text-sm focus-within:outline-2 focus-within:outline-offset-2 focus-within:outline-primary ${color}`}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => setOver(false)}
        onDrop={dropped}
      >
        <FileState sending={sending} sent={sent} value={value as string | undefined} />
        <input
          id={id}
          type="file"
          class="sr-only"
          accept={schema.contentMediaType}
          aria-describedby={`${id}__description ${id}__error`}
          onChange={({ currentTarget }) => void take(currentTarget.files?.item(0))}
        />
      </label>
      {problem !== undefined && (
        <p role="alert" class="text-error mt-1 text-sm">
          {problem}
        </p>
      )}
    </div>
  );
}

interface FileStateProps {
  readonly sending: Sending | undefined;
  readonly sent: File | undefined;
  readonly value: string | undefined;
}

function FileState({ sending, sent, value }: FileStateProps): JSX.Element {
  if (sending)
    return (
      <span class="flex w-full flex-col gap-2">
        <span class="flex justify-between gap-3">
          <span class="truncate">Uploading {sending.file.name}</span>
          <span class="tabular-nums">{Math.round(sending.share * 100)} %</span>
        </span>
        <progress
          class="progress progress-primary w-full"
          max={1}
          value={sending.share}
          aria-label="Upload"
        />
      </span>
    );
  if (value)
    return (
      <>
        <FileCheck size={20} class="text-success shrink-0" aria-hidden="true" />
        <span class="min-w-0 flex-1 truncate">
          {sent ? `${sent.name} · ${bytes(sent.size)} · uploaded` : value}
        </span>
        <span class="link">Replace</span>
      </>
    );
  return (
    <>
      <Upload size={20} class="muted shrink-0" aria-hidden="true" />
      <span>
        Drop a file here, or <span class="link link-primary">choose one</span>
      </span>
    </>
  );
}
