/**
 * In: the bytes of an SNI host_name as text, one character a byte. Out: the name as everything
 * downstream compares, stores and prints it, or undefined if it is no host name.
 */

/** Presentation form without the final dot (RFC 1035 section 2.3.4). */
const longestName = 253

/** Labels of letters, digits, hyphen, and the underscore that real zones use; 1 to 63 of them. */
const labels = /^[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/

/** Not a name but an address in one of the forms that inet_aton takes: 192.0.2.1, 0x7f.1, 3221225985. */
const numericLabel = /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)$/

/**
 * Lower-cased, one final dot removed. Addresses are refused as RFC 6066 section 3 does: a client that
 * puts one there has named nothing. Everything else that cannot be in DNS (spaces, control
 * characters, UTF-8) is refused so that no log, rule or certificate has to defend itself.
 */
export function hostName(raw: string): string | undefined {
  if (raw.length > longestName + 1) return undefined
  const lower = raw.toLowerCase()
  const name = lower.endsWith(".") ? lower.slice(0, -1) : lower
  if (name.length === 0 || name.length > longestName) return undefined
  return labels.test(name) && !numericLabel.test(name) ? name : undefined
}
