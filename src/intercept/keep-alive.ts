/**
 * TCP keep-alive (RFC 1122 section 4.2.3.6): phones vanish without a FIN, and firewalls forget
 * connections without a word. Such a peer is noticed before `idle-time`, and an operator may raise that.
 */

/** Silence before the first probe, in ms: a probe wakes a phone's radio, so it is rare. */
const silence = 300_000
/**
 * Between probes, in ms, and how many in vain end the connection. Node's own (ten, a second apart)
 * would cut a phone off that is out of reach for ten seconds.
 */
const interval = 30_000
const probes = 4

interface KeptAlive {
  setKeepAlive(on: boolean, silence: number, interval: number, probes: number): unknown
}

/** A peer that is gone ends the socket with ETIMEDOUT after seven minutes, as a reset would. */
export function keepAlive(socket: KeptAlive): void {
  socket.setKeepAlive(true, silence, interval, probes)
}
