/**
 * The kinds of clients of a soak. A kind's name is the first label of the host that it asks for, so that
 * its records tell whose they are.
 */
import { inspectedKinds } from "./inspected-kinds.ts"
import type { Kind } from "./kind.ts"
import { otherKinds } from "./other-kinds.ts"

export const kinds: readonly Kind[] = [...inspectedKinds, ...otherKinds]

/** Of a soak's records of a kind so many may be one of the tolerated others. */
export const mostRaces = 0.03
