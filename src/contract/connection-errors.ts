const CERTIFICATE = String.raw`ERR_TLS_\w+|CERT_\w+|DEPTH_ZERO_\w+|SELF_SIGNED_\w+|UNABLE_TO_\w+`;
const UNREACHABLE = String.raw`ECONNREFUSED|ENOTFOUND|EAI_\w+|EHOSTUNREACH|ENETUNREACH|EHOSTDOWN`;
const UNDICI = 'UND_ERR_CONNECT_TIMEOUT|UND_ERR_INVALID_ARG';

const UNTRUSTED = new RegExp(`^(${CERTIFICATE})$`);
const NEVER_CONNECTED = new RegExp(`^(${UNREACHABLE}|${UNDICI}|${CERTIFICATE})$`);

/** Whether an error with this code of Node or undici is about the certificate of the server. */
export const isCertificateError = (code: string): boolean => UNTRUSTED.test(code);

/**
 * Whether an error with this code of Node or undici says that a connection was never established: nothing was sent, so the
 * request had no effect.
 */
export const isNeverConnected = (code: string): boolean => NEVER_CONNECTED.test(code);
