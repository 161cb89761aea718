/** Hardware addresses: one way to write them, and whether they can name a device at all. */

/** `AA-BB-CC-00-11-22`, `aabb.cc00.1122`, `aabbcc001122` -> `aa:bb:cc:00:11:22`; null if it is none. */
export function canonicalMac(text: string): string | null {
  const digits = text.toLowerCase().replace(/[:.-]/g, "")
  if (!/^[0-9a-f]{12}$/.test(digits)) return null
  return (digits.match(/../g) ?? []).join(":")
}

/**
 * The locally administered bit (0x02 of the first octet, IEEE 802 section 8.2) is set on randomised
 * addresses, which Android 10 and iOS 14 and later use per network: such an address never is
 * the hardware address that MDM knows.
 */
export function isLocallyAdministered(mac: string): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 0x02) !== 0
}
