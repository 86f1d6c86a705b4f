import { Ban, Check, CircleDashed, Clock, Loader, type LucideIcon, Pause, X } from 'lucide-preact';
import type { JSX } from 'preact';

interface Look {
  readonly color: string;
  readonly icon: LucideIcon;
}

const UNKNOWN: Look = { color: 'badge-neutral', icon: CircleDashed };
/** States of tasks, services, agents and keys. */
const LOOKS: Readonly<Record<string, Look>> = {
  pending: { color: 'badge-secondary', icon: CircleDashed },
  waiting: { color: 'badge-warning', icon: Pause },
  queued: { color: 'badge-accent', icon: Clock },
  running: { color: 'badge-info', icon: Loader },
  completed: { color: 'badge-success', icon: Check },
  failed: { color: 'badge-error', icon: X },
  cancelled: { color: 'badge-secondary', icon: Ban },
  created: { color: 'badge-secondary', icon: CircleDashed },
  deploying: { color: 'badge-info', icon: Loader },
  stopping: { color: 'badge-warning', icon: Loader },
  stopped: { color: 'badge-secondary', icon: Ban },
  idle: { color: 'badge-success', icon: Check },
  busy: { color: 'badge-info', icon: Loader },
  draining: { color: 'badge-warning', icon: Pause },
  active: { color: 'badge-success', icon: Check },
  disabled: { color: 'badge-secondary', icon: Ban },
  revoked: { color: 'badge-error', icon: Ban },
  expired: { color: 'badge-warning', icon: Clock },
};

/** A state as a badge; in color and in words. A service that is running needs no attention: it is shown as done. */
export function Status({
  state,
  isSteady = false,
}: {
  readonly state: string;
  readonly isSteady?: boolean;
}): JSX.Element {
  const look = isSteady && state === 'running' ? LOOKS['completed'] : LOOKS[state];
  const { color, icon: Icon } = look ?? UNKNOWN;
  const isTurning = Icon === Loader;
  return (
    <span class={`badge badge-soft ${color} gap-1 font-medium whitespace-nowrap`}>
      <Icon size={13} class={isTurning ? 'animate-spin motion-reduce:animate-none' : ''} aria-hidden="true" />
      {state}
    </span>
  );
}
