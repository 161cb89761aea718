/**
 * Whether the configured profiles brought the inspection CA to the devices of one page.
 *
 * Graph tells it device by device; a batch carries twenty questions. What is not answered is unknown.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import type { MdmClient } from "../client.ts"
import { MdmFault } from "../mdm-fault.ts"
import { retryAfterMs, waitMs } from "../retry-wait.ts"
import { text } from "../row-fields.ts"

/** Microsoft's own limit of one batch. */
const batchSize = 20
const mostTries = 5

const States = z.object({
  value: z.array(z.object({ id: text, displayName: text, state: text })).max(2_000),
  "@odata.nextLink": z.string().nullish(),
})
const BatchAnswer = z.object({
  responses: z
    .array(
      z.object({
        id: z.string().max(20),
        status: z.int(),
        headers: z.record(z.string(), z.unknown()).nullish(),
        body: z.unknown().optional(),
      }),
    )
    .max(batchSize),
})

/** Whether each device has it; a device that is not in it is unknown. */
export async function caProfileStates(
  deviceIds: readonly string[],
  wanted: ReadonlySet<string>,
  { client, graph, longestWait, clock, random }: CaProfileParts,
  signal: AbortSignal,
): Promise<Map<string, boolean>> {
  const known = new Map<string, boolean>()
  for (let start = 0; start < deviceIds.length; start += batchSize) {
    let open = deviceIds.slice(start, start + batchSize)
    for (let tries = 1; open.length > 0; tries++) {
      const { again, waitFor } = await ask(open)
      open = again
      if (open.length === 0) break
      if (tries >= mostTries)
        throw new MdmFault("passing", "Microsoft Graph throttles questions after profiles")
      const wait = waitMs(tries, waitFor, random())
      if (wait > longestWait)
        throw new MdmFault("passing", "Microsoft Graph throttles questions after profiles", {
          retryAfterMs: waitFor,
        })
      await sleep(wait, undefined, { signal })
    }
  }
  return known

  async function ask(ids: readonly string[]) {
    const requests = ids.map((id, index) => ({
      id: String(index),
      method: "GET",
      url: `/deviceManagement/managedDevices/${encodeURIComponent(id)}/deviceConfigurationStates`,
    }))
    const answer = BatchAnswer.safeParse(
      await client.json(`${graph}/v1.0/$batch`, signal, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ requests }),
      }),
    )
    if (!answer.success)
      throw new MdmFault("lasting", "Microsoft Graph answered a batch with something else")
    const again: string[] = []
    let waitFor: number | null = null
    for (const { id, status, headers, body } of answer.data.responses) {
      const deviceId = ids[Number(id)]
      if (deviceId === undefined) continue
      if (status === 429 || status === 503) {
        again.push(deviceId)
        waitFor = Math.max(waitFor ?? 0, retryAfterMs(retryAfterOf(headers), clock()) ?? 0)
      } else if (status === 200) {
        const has = hasProfile(body, wanted)
        if (has !== null) known.set(deviceId, has)
      }
    }
    return { again, waitFor: waitFor === 0 ? null : waitFor }
  }
}

export interface CaProfileParts {
  client: MdmClient
  graph: string
  /** A server that asks for a longer wait ends the sweep, in milliseconds. */
  longestWait: number
  clock: () => number
  random: () => number
}

/** Null where the answer does not say: a page of it only, or a state between installed and not. */
function hasProfile(body: unknown, wanted: ReadonlySet<string>): boolean | null {
  const states = States.safeParse(body)
  if (!states.success) return null
  const ours = states.data.value.filter(({ id, displayName }) =>
    [id, displayName].some((name) => name !== null && wanted.has(name)),
  )
  if (ours.some(({ state }) => /^(compliant|remediated)$/i.test(state ?? ""))) return true
  if (states.data["@odata.nextLink"]) return null
  return ours.every(({ state }) => /^(notApplicable|notAssigned)$/i.test(state ?? ""))
    ? false
    : null
}

function retryAfterOf(headers: Record<string, unknown> | null | undefined): string | undefined {
  const name = Object.keys(headers ?? {}).find((key) => key.toLowerCase() === "retry-after")
  const value = name === undefined ? undefined : headers?.[name]
  return typeof value === "string" || typeof value === "number" ? String(value) : undefined
}
