import { errorText } from '../../config/index.js';

/** The other node presents a certificate whose issuer this process does not know. */
const UNTRUSTED = /^(DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_(VERIFY|GET)_\w+)$/;
const OTHER_NAME = 'ERR_TLS_CERT_ALTNAME_INVALID';

/** Why another node could not be reached, for the log, with what to do about its certificate. */
export function reasonOf(error: Error & { readonly code?: string }): string {
  const { code = '' } = error;
  const message = errorText(error);
  if (UNTRUSTED.test(code))
    return `${message}. Start this node with NODE_EXTRA_CA_CERTS, the file of the CA that signed the certificate of that node`;
  // Its message ends with a list, which may be empty.
  if (code === OTHER_NAME)
    return `${message.replace(/[:\s]+$/, '')}. Give that node a certificate for the host of its CYBERUN_NODE_URL`;
  return message;
}
