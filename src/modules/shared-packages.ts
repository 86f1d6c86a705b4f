import { readFileSync } from 'node:fs';
import { findPackageJSON, registerHooks, type ResolveHookContext } from 'node:module';

/** Packages whose classes and metadata work only when there is one copy in the process: always the server's own. */
const ONE_COPY: ReadonlySet<string> = new Set([
  'cyberun-mcp',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/microservices',
  '@nestjs/platform-express',
  '@rekog/mcp-nest',
  'reflect-metadata',
]);

/** The server's own for an extension that has none or one of the same major version; another major version stays. */
const SAME_MAJOR: ReadonlySet<string> = new Set([
  '@nestjs/axios',
  'class-transformer',
  'class-validator',
  'rxjs',
  'zod',
]);

/** `@acme/billing` of `@acme/billing/testing`; nothing for a path or an URL. */
export function packageNameIn(specifier: string): string | undefined {
  return /^(@[^/\\:]+\/[^/\\:]+|[^@./\\:#][^/\\:]*)(?:\/|$)/.exec(specifier)?.[1];
}

/** Set while this file resolves: for this parent, past what follows. */
let resolvesFor: string | undefined;
let isShared = false;

/**
 * Has extensions use the packages of this server. An extension that lies beside no `node_modules`, or has copies of its
 * own, would otherwise find none, or decorate its classes with metadata that this server does not read.
 */
export function sharePackages(): void {
  if (isShared) return;
  isShared = true;
  registerHooks({
    resolve: (specifier, context, next) => {
      if (resolvesFor !== undefined) return next(specifier, { ...context, parentURL: resolvesFor });
      const name = packageNameIn(specifier);
      if (name === undefined || !isOurs(name, specifier, context)) return next(specifier, context);
      return { url: resolveFor(import.meta.url, specifier), shortCircuit: true };
    },
  });
}

/** The URL that a file imports by a specifier, without the above. */
export function resolveFor(parentUrl: string, specifier: string): string {
  sharePackages();
  const before = resolvesFor;
  resolvesFor = parentUrl;
  try {
    return import.meta.resolve(specifier);
  } finally {
    resolvesFor = before;
  }
}

function isOurs(name: string, specifier: string, { parentURL }: ResolveHookContext): boolean {
  if (ONE_COPY.has(name)) return true;
  if (!SAME_MAJOR.has(name)) return false;
  const theirs = majorOf(specifier, parentURL);
  return theirs === undefined || theirs === majorOf(name, import.meta.url);
}

/** The major version of a package as a file finds it; `undefined` when it finds none. */
function majorOf(specifier: string, parentUrl: string | undefined): string | undefined {
  if (parentUrl === undefined) return undefined;
  try {
    const path = findPackageJSON(packageNameIn(specifier) ?? specifier, parentUrl);
    if (path === undefined) return undefined;
    const { version } = JSON.parse(readFileSync(path, 'utf8')) as { version?: string };
    return version?.split('.')[0];
  } catch {
    return undefined;
  }
}
