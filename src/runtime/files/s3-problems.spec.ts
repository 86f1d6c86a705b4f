import { expect, it } from 'vitest';

import { unusableBucket } from './s3-problems.js';

const answered = (name: string, httpStatusCode: number) =>
  Object.assign(new Error('the text of the store'), { name, $metadata: { httpStatusCode } });

it.each([
  [answered('NoSuchBucket', 404), /^The object store at https:\/\/s3\.test has no bucket "b"\./],
  [answered('InvalidAccessKeyId', 404), /refuses the access key for bucket "b"\./],
  [answered('AccessDenied', 403), /refuses the access key for bucket "b"\./],
  [answered('RequestTimeTooSkewed', 403), /because its clock is wrong\./],
  [answered('ExpiredToken', 400), /refuses the session token\. .*CYBERUN_S3_SESSION_TOKEN/],
  [answered('PermanentRedirect', 301), /\(status 301\)\. Check .*CYBERUN_S3_REGION/],
  [Object.assign(new Error('x'), { code: 'ENOTFOUND' }), /but there is no such host\./],
])('the sentence for %s names what to check, and not the text of the response', (error, sentence) => {
  const { message } = unusableBucket('b', 'https://s3.test/', error);
  expect(message).toMatch(sentence);
  expect(message).not.toContain('the text of the store');
});
