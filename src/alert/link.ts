/** The way to one syslog receiver: opened, used for batches of messages, dropped when it fails. */

export interface Link {
  /** Whether another batch may go this way; false once the receiver has closed or failed. */
  readonly usable: boolean
  /**
   * Hands the messages to the receiver in order. Resolves once nothing more can be known of their fate;
   * rejects if any of them may not have arrived, and then all of them are to be sent again elsewhere.
   */
  deliver(messages: readonly Buffer[]): Promise<void>
  /** Ends it in good order; what was delivered stays delivered. */
  close(): void
  /** Ends it now, failing a delivery under way. */
  destroy(): void
}

/** Milliseconds. */
export interface LinkTiming {
  /** How long the receiver has to open, TLS handshake included. */
  connectMs: number
  /** How long the kernel may refuse to take a batch, because the receiver does not read. */
  writeMs: number
  /** How long after the write a refusal (RST, ICMP) may still arrive: several round trips. */
  graceMs: number
}

/** Resolves after `ms` without holding the process, or rejects as soon as `failure` does. */
export async function pause(ms: number, failure: Promise<never>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  try {
    await Promise.race([over, failure])
  } finally {
    clearTimeout(timer)
  }
}

/** The outcome of `work`, or a rejection with `message` if it takes longer than `ms`. */
export async function within<T>(ms: number, message: string, work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
