import type { ReasonName } from '../reasons.ts'

/** Why a request came to no answer, by the error that sockets, TLS and the HTTP client give. */
export function transportReason(error: unknown): ReasonName {
  const code = (error as { readonly code?: unknown } | null)?.code
  if (typeof code !== 'string') return 'CONNECTION_FAILED'
  if (DNS_CODES.has(code) || code.startsWith('EAI_')) return 'DNS_FAILED'
  if (TLS_CODE.test(code)) return 'TLS_FAILED'
  return code === 'UND_ERR_HEADERS_OVERFLOW' ? 'TOO_LARGE' : 'CONNECTION_FAILED'
}

const DNS_CODES: ReadonlySet<string> = new Set(['ENOTFOUND', 'ENODATA', 'ESERVFAIL', 'EREFUSED', 'ETIMEOUT'])
/** OpenSSL's reasons to refuse a certificate, Node's own, and what is no TLS at all. */
const TLS_CODE =
  /^(ERR_TLS_|ERR_SSL_|EPROTO$|CERT_|CRL_|DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|HOSTNAME_MISMATCH$|INVALID_CA$|INVALID_PURPOSE$)/
