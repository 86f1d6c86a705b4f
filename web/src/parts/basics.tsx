import { CircleAlert, Copy, Info } from 'lucide-preact';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

import { fullTime } from '../lib/format.js';

interface TitleProps {
  readonly text: string;
  readonly children?: ComponentChildren;
}

/** The heading of a view. It gets the focus, so that screen readers and the keyboard begin here. */
export function Title({ text, children }: TitleProps): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${text} · Cyberun`;
    heading.current?.focus({ preventScroll: true });
    scrollTo(0, 0);
  }, [text]);
  return (
    <div class="mb-5 flex flex-wrap items-center gap-x-4 gap-y-3">
      <h1 ref={heading} tabIndex={-1} class="mr-auto text-2xl font-semibold tracking-tight break-words">
        {text}
      </h1>
      {children}
    </div>
  );
}

export function Problem({ text }: { readonly text: string | undefined }): JSX.Element | null {
  if (text === undefined) return null;
  return (
    <div role="alert" class="alert alert-error alert-soft mb-4 items-start">
      <CircleAlert size={18} class="mt-0.5 shrink-0" aria-hidden="true" />
      <span class="min-w-0 break-words whitespace-pre-wrap">{text}</span>
    </div>
  );
}

export function Note({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <div class="alert alert-info alert-soft mb-4 items-start">
      <Info size={18} class="mt-0.5 shrink-0" aria-hidden="true" />
      <div class="min-w-0 break-words">{children}</div>
    </div>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="panel p-10 text-center">
      <p class="font-medium">{title}</p>
      {children && <div class="muted mx-auto mt-1 max-w-prose text-sm">{children}</div>}
    </div>
  );
}

/** In place of what is still being loaded. */
export function Loading(): JSX.Element {
  return (
    <div class="panel p-10 text-center" role="status">
      <span class="loading loading-dots text-primary" aria-hidden="true" />
      <span class="sr-only">Loading</span>
    </div>
  );
}

interface SectionProps {
  readonly title: string;
  readonly action?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Section({ title, action, children }: SectionProps): JSX.Element {
  return (
    <section class="panel min-w-0 overflow-hidden" aria-label={title}>
      <div class="border-base-300 flex flex-wrap items-center gap-2 border-b px-4 py-2.5">
        <h2 class="mr-auto text-sm font-semibold">{title}</h2>
        {action}
      </div>
      <div class="min-w-0 p-4">{children}</div>
    </section>
  );
}

/** Names and values, as in a description list. */
export function Facts({
  of,
}: {
  readonly of: readonly (readonly [string, ComponentChildren])[];
}): JSX.Element {
  const known = of.filter(
    ([, value]) => value !== undefined && value !== null && value !== '' && value !== false,
  );
  return (
    <dl class="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2 text-sm">
      {known.map(([name, value]) => (
        <div key={name} class="contents">
          <dt class="muted">{name}</dt>
          <dd class="min-w-0 break-words">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

export function Labels({ of }: { readonly of: readonly string[] }): JSX.Element {
  return (
    <span class="inline-flex flex-wrap gap-1">
      {of.map((label) => (
        <span key={label} class="badge badge-sm badge-outline border-base-300">
          {label}
        </span>
      ))}
    </span>
  );
}

/** A time in words, with the exact one on demand. */
export function Time({ at, text }: { readonly at: string; readonly text: string }): JSX.Element {
  return (
    <time dateTime={at} title={fullTime(at)}>
      {text}
    </time>
  );
}

const SAID_MS = 2500;

export function CopyButton({
  text,
  label = 'Copy',
}: {
  readonly text: string;
  readonly label?: string;
}): JSX.Element {
  const [said, setSaid] = useState<string>();
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('Copied');
    } catch {
      // Without https the browser has no clipboard for pages.
      setSaid('The browser refuses: copy it by hand');
    }
    setTimeout(() => setSaid(undefined), SAID_MS);
  };
  return (
    <button type="button" class="btn btn-sm btn-ghost" onClick={() => void copy()}>
      <Copy size={14} aria-hidden="true" />
      <span aria-live="polite">{said ?? label}</span>
    </button>
  );
}

interface DialogProps {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ComponentChildren;
}

/** A modal dialog of the browser: it keeps the focus, Escape closes it, and the focus returns to where it was. */
export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const shown = dialog.current;
    shown?.showModal();
    // The browser returns the focus when a dialog is closed, but not when it is only removed.
    return () => shown?.close();
  }, []);
  return (
    <dialog ref={dialog} class="modal" aria-label={title} onClose={onClose}>
      <div class="modal-box border-base-300 border">
        <h2 class="mb-3 text-lg font-semibold">{title}</h2>
        {children}
      </div>
    </dialog>
  );
}
