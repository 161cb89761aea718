/** Why an MDM could not be read, in words for the operator. Never with a body, a query or a credential. */

export type MdmFaultKind =
  /** It may work when asked again. */
  | "passing"
  /** The credential is refused. */
  | "refused"
  /** Asking again gives the same. */
  | "lasting"

export class MdmFault extends Error {
  readonly kind: MdmFaultKind
  /** What the server asks to wait, in milliseconds. */
  readonly retryAfterMs: number | null
  /** HTTP status; null where there was none. */
  readonly status: number | null

  constructor(
    kind: MdmFaultKind,
    message: string,
    {
      retryAfterMs = null,
      status = null,
      cause,
    }: { retryAfterMs?: number | null; status?: number | null; cause?: unknown } = {},
  ) {
    super(message, { cause })
    this.kind = kind
    this.retryAfterMs = retryAfterMs
    this.status = status
  }
}
