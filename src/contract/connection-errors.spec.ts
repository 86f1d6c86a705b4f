import { expect, it } from 'vitest';

import { isCertificateError, isNeverConnected } from './connection-errors.js';

it.each<[string, boolean, boolean]>([
  ['ECONNREFUSED', true, false],
  ['EAI_AGAIN', true, false],
  ['EHOSTDOWN', true, false],
  ['UND_ERR_CONNECT_TIMEOUT', true, false],
  ['SELF_SIGNED_CERT_IN_CHAIN', true, true],
  ['ERR_TLS_CERT_ALTNAME_INVALID', true, true],
  ['ECONNRESET', false, false],
  ['ETIMEDOUT', false, false],
  ['UND_ERR_SOCKET', false, false],
  ['ENOTFOUNDED', false, false],
])(
  'that %s means that nothing was sent is %s, and that it is about a certificate is %s',
  (code, isUnsent, isCertificate) => {
    expect([isNeverConnected(code), isCertificateError(code)]).toEqual([isUnsent, isCertificate]);
  },
);
