/**
 * Who is at the keyboard, for the audit: the account that the system knows, always. A name that
 * somebody says stands beside it and never in its place.
 */
import { hostname, userInfo } from "node:os"

/** `anna@host`; `anna@host (as root)` under sudo, whose word for it is only as good as the account. */
export function person(onBehalfOf?: string): string {
  const account = accountName()
  const sudo = process.env["SUDO_USER"]
  const who =
    sudo && sudo !== account ? `${sudo}@${hostname()} (as ${account})` : `${account}@${hostname()}`
  return onBehalfOf === undefined ? who : `${who} on behalf of ${onBehalfOf}`
}

/** A container may run under a number that has no name. */
function accountName(): string {
  try {
    return userInfo().username
  } catch {
    return `uid-${process.getuid?.() ?? "unknown"}`
  }
}
