import { extension, lookup } from 'mime-types';

/** The registered types of what the database of mime-types does not know, or knows by an older name. */
const REGISTERED: Readonly<Record<string, string>> = {
  ndjson: 'application/x-ndjson',
  yaml: 'application/yaml',
  yml: 'application/yaml',
};
const FALLBACK_TYPE = 'application/octet-stream';

const TEXT = /^text\/|[/+](?:json|xml|yaml|x-yaml|javascript|x-ndjson|jsonl|x-www-form-urlencoded|graphql)$/;
const SHOWN_IMAGE = /^image\/(?:png|jpeg|gif|webp)$/;
/** Larger images cost a model more than they show. */
export const LARGEST_SHOWN_IMAGE = 1_048_576;

/** The media type of a file with this name. */
export const typeOfName = (name: string): string =>
  REGISTERED[name.slice(name.lastIndexOf('.') + 1).toLowerCase()] ?? (lookup(name) || FALLBACK_TYPE);

/** The same for a file that is known to be a text: `main.ts` is no video then. */
export function textTypeOfName(name: string): string {
  const type = typeOfName(name);
  return isTextType(type) ? type : 'text/plain';
}

/** A name with the usual extension of its media type, where it has none. */
export function nameWithExtension(name: string, contentType: string): string {
  const suffix = extension(contentType);
  return name.includes('.') || !suffix ? name : `${name}.${suffix}`;
}

/** A media type without its parameters, in lower case; empty when there is none. */
export const essenceOf = (contentType: string): string =>
  (contentType.split(';', 1)[0] ?? '').trim().toLowerCase();

/** Whether files of a media type are texts that a model can read. */
export const isTextType = (contentType: string): boolean => TEXT.test(essenceOf(contentType));

/** Whether hosts of models show images of a media type, if they are not larger than {@link LARGEST_SHOWN_IMAGE}. */
export const isShownImage = (contentType: string): boolean => SHOWN_IMAGE.test(essenceOf(contentType));
