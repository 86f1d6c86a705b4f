import { readFileSync } from 'node:fs';

import { parse } from 'yaml';
import { z } from 'zod';

import { errorText, StartError } from '../../config/index.js';
import { LABEL } from '../../contract/index.js';

const quantity = z.union([z.string().min(1), z.number().positive()]).transform(String);
const quantities = z.record(z.string().min(1), quantity);
/** Binary or decimal, as Kubernetes writes sizes. */
const SIZE = /^\d{1,15}([KMGTP]i|[kMGTP])?$/;
const DNS_NAME = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;
const dnsName = z.string().regex(DNS_NAME, 'must be a name of lower-case letters, digits, hyphens and dots');

const toleration = z.strictObject({
  key: z.string().exactOptional(),
  operator: z.enum(['Exists', 'Equal']).exactOptional(),
  value: z.string().exactOptional(),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']).exactOptional(),
  tolerationSeconds: z.number().int().exactOptional(),
});

const USER_FORM = 'must be the number of a user other than root, or cluster';

/** Where and with what the pods of some runs run. Operators write profiles; no caller can. */
const jobProfile = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9._-]{1,63}$/, 'must be 1 to 63 letters, digits, dots, hyphens'),
  /** What its pods offer beside the labels of the agent. */
  labels: z
    .array(z.string().regex(LABEL, 'must be 1 to 63 letters, digits, dots, hyphens, underscores'))
    .max(50)
    .default([]),
  nodeSelector: z.record(z.string().min(1), z.string()).default({}),
  tolerations: z.array(toleration).max(50).default([]),
  resources: z
    .strictObject({ requests: quantities.exactOptional(), limits: quantities.exactOptional() })
    .default({ requests: { cpu: '250m', memory: '512Mi' }, limits: { memory: '2Gi' } }),
  /** Most that a pod may store in the folder of its run, and in /tmp. */
  diskSize: z.string().regex(SIZE, 'must be a size such as 10Gi or 500Mi').default('10Gi'),
  runtimeClassName: dnsName.optional(),
  priorityClassName: dnsName.optional(),
  serviceAccountName: dnsName.optional(),
  /** User of the programs in its pods; `cluster`: none is asked for, so that OpenShift assigns one of its range. */
  runAsUser: z
    .union([z.number(), z.literal('cluster')], USER_FORM)
    .refine((user) => user === 'cluster' || (Number.isInteger(user) && user > 0), USER_FORM)
    .optional(),
  /** LocalQueue of Kueue, which then decides when the pod starts. */
  localQueue: dnsName.optional(),
  /** How long a pod may take to start, where no queue holds it back. */
  startSeconds: z.number().int().min(10).max(604_800).default(900),
});
export type JobProfile = z.infer<typeof jobProfile>;

/** The user of our image. */
const USER = 1000;

/** Part of the security context of a pod. */
export interface PodUser {
  readonly runAsUser?: number;
  readonly runAsGroup?: number;
  readonly fsGroup?: number;
}

/** The user by which all containers of a pod can read what one of them writes. */
export function podUserOf({ runAsUser = USER }: Pick<JobProfile, 'runAsUser'>): PodUser {
  if (runAsUser === 'cluster') return {};
  return { runAsUser, runAsGroup: runAsUser, fsGroup: runAsUser };
}

const profilesFile = z.strictObject({ profiles: z.array(jobProfile).min(1).max(100) });

/** The profiles of an agent. */
export class JobProfiles {
  private constructor(
    private readonly profiles: readonly JobProfile[],
    private readonly agentLabels: readonly string[],
  ) {}

  /** @param agentLabels labels that the pods of every profile offer. */
  static of(profiles: readonly unknown[], agentLabels: readonly string[]): JobProfiles {
    return new JobProfiles(checked({ profiles }, 'The profiles'), agentLabels);
  }

  /**
   * @param file without one there is one profile, without labels of its own.
   * @throws {StartError} that names the value and what is wrong with it.
   */
  static read(file: string | undefined, agentLabels: readonly string[]): JobProfiles {
    if (file === undefined) return JobProfiles.of([{ name: 'default' }], agentLabels);
    return new JobProfiles(checked(parsed(file), file), agentLabels);
  }

  /** Every label that some profile offers. */
  get labels(): string[] {
    return [...new Set([...this.agentLabels, ...this.profiles.flatMap(({ labels }) => labels)])];
  }

  /**
   * The profile that offers all of these labels and the fewest others, so that a run which needs no GPU takes none; of several
   * the first.
   */
  for(labels: readonly string[]): JobProfile | undefined {
    const [best] = this.profiles
      .filter((profile) => labels.every((label) => this.offers(profile, label)))
      .toSorted((one, other) => one.labels.length - other.labels.length);
    return best;
  }

  private offers(profile: JobProfile, label: string): boolean {
    return this.agentLabels.includes(label) || profile.labels.includes(label);
  }
}

function parsed(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new StartError(`The file of the profiles cannot be read: ${errorText(error)}.`);
  }
  try {
    return parse(text);
  } catch (error) {
    const [reason = ''] = (error as Error).message.split('\n');
    throw new StartError(`${file} is not YAML: ${reason.replace(/:$/, '')}.`);
  }
}

function checked(content: unknown, where: string): JobProfile[] {
  const result = profilesFile.safeParse(content);
  if (!result.success) throw new StartError(`${where}: ${sentenceOf(result.error, content)}`);
  const { profiles } = result.data;
  const names = profiles.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new StartError(`${where}: there are two profiles with the name ${twice}.`);
  return profiles;
}

const EXAMPLE = 'Example: profiles: [{ name: gpu, labels: [gpu], nodeSelector: { pool: gpu } }]';

/** The first thing that is wrong, and where. */
function sentenceOf({ issues }: z.ZodError, content: unknown): string {
  const [issue] = issues;
  if (!issue || content === null || typeof content !== 'object' || Array.isArray(content))
    return `it must have a list by the name of profiles. ${EXAMPLE}`;
  const place = placeOf(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = issue.path.length === 0 ? Object.keys(profilesFile.shape) : knownKeys(issue.path);
    const keys = issue.keys.map((key) => (place === '' ? key : `${place}.${key}`));
    return `${keys.join(' and ')} is not known here; what may be here is ${known.join(', ')}.`;
  }
  return `${place} ${issue.message.replace(/^Invalid input: expected/, 'must be')}. ${EXAMPLE}`;
}

const placeOf = (path: readonly PropertyKey[]): string =>
  path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .replace(/^\./, '');

function knownKeys(path: readonly PropertyKey[]): string[] {
  if (path.includes('tolerations')) return Object.keys(toleration.shape);
  if (path.includes('resources')) return ['requests', 'limits'];
  return Object.keys(jobProfile.shape);
}
