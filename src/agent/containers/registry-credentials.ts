import { readFile } from 'node:fs/promises';

import type { AuthConfig } from 'dockerode';
import { z } from 'zod';

import { ContainerFailure } from './container-failure.js';

const DOCKER_HUB = 'docker.io';

/** The part of Docker's config.json and of Podman's auth.json that is used. */
const credentialsFile = z.object({
  auths: z
    .record(
      z.string(),
      z.object({
        auth: z.string().optional(),
        username: z.string().optional(),
        password: z.string().optional(),
        identitytoken: z.string().optional(),
      }),
    )
    .default({}),
});
type Entry = z.infer<typeof credentialsFile>['auths'][string];

/**
 * The credentials for the registry of an image, from a file as `docker login` and `podman login` write it; read at every
 * pull, so that a new password counts at once.
 *
 * @param file `undefined`: no registry needs credentials.
 */
export async function credentialsFor(
  image: string,
  file: string | undefined,
): Promise<AuthConfig | undefined> {
  if (file === undefined) return undefined;
  const { auths } = await contentsOf(file);
  const place = placeOf(image);
  const [registry = '', entry] =
    Object.entries(auths)
      .filter(([key]) => isWithin(place, keyOf(key)))
      .toSorted(([one], [other]) => keyOf(other).length - keyOf(one).length)[0] ?? [];
  return entry && authOf(entry, registry);
}

async function contentsOf(file: string): Promise<z.infer<typeof credentialsFile>> {
  try {
    return credentialsFile.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // The text of a JSON or schema error could quote a password.
    const why = code === undefined ? 'its contents are not those of a config.json of Docker' : code;
    throw new ContainerFailure(`the file of registry credentials of the agent cannot be used (${why})`);
  }
}

/** Registry and repository of an image, without tag and digest. */
export function placeOf(image: string): string {
  const name = image.replace(/@.*$/, '').replace(/:[^:/]*$/, '');
  const [first = '', ...rest] = name.split('/');
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  if (hasRegistry) return name;
  return `${DOCKER_HUB}/${rest.length === 0 ? 'library/' : ''}${name}`;
}

/** `https://index.docker.io/v1/` is how Docker names its Hub. */
const keyOf = (key: string): string =>
  key
    .replace(/^https?:\/\//, '')
    .replace(/\/(?:v[12]\/)?$/, '')
    .replace(/^(?:index|registry-1)\.docker\.io/, DOCKER_HUB);

const isWithin = (place: string, key: string): boolean => place === key || place.startsWith(`${key}/`);

function authOf(entry: Entry, serveraddress: string): AuthConfig | undefined {
  const decoded = Buffer.from(entry.auth ?? '', 'base64').toString('utf8');
  const colon = decoded.indexOf(':');
  const [user, secret] = colon < 0 ? [] : [decoded.slice(0, colon), decoded.slice(colon + 1)];
  const username = entry.username ?? user;
  const password = entry.password ?? secret;
  const { identitytoken } = entry;
  if (identitytoken !== undefined)
    return Object.assign({ username: username ?? '', password: '', serveraddress }, { identitytoken });
  return username === undefined || password === undefined ? undefined : { username, password, serveraddress };
}
