/** From what a finding rests on back to the cases that it is about. */
import type { Alert } from "../../../src/record/alert.ts"
import type { Finding } from "../../../src/record/finding.ts"
import { type Case, refusalMark } from "../simulate/case-book.ts"

export class Evidence {
  readonly #byNumber = new Map<number, Case>()
  readonly #byPlace: Map<string, Case[]>

  constructor(cases: readonly Case[]) {
    for (const one of cases) this.#byNumber.set(one.number, one)
    this.#byPlace = Map.groupBy(cases, ({ destination }) => destination)
  }

  /** Cases at the finding's destination that its evidence comes from; where the evidence names none
   * (they are cut at 200), those that its key fits. */
  about(finding: Finding): Case[] {
    const refused = this.refusersOf(finding)
    if (refused.length > 0) return refused
    const { device_id, app_id, destination } = finding.key
    return (this.#byPlace.get(destination) ?? []).filter(
      (one) => one.device_id === device_id && (app_id === null || one.app_id === app_id),
    )
  }

  /** Cases whose refusals at the destination are in the evidence; without one, those whose other connections are.
   * A trial that an app took which never refused does not make the finding one about it. */
  refusersOf({ evidence_ids, key }: Finding): Case[] {
    const here = evidence_ids.filter((id) => {
      const destination = this.#byNumber.get(numberIn(id))?.destination
      return destination === key.destination || destination?.endsWith(`.${key.destination}`)
    })
    const refused = here.filter((id) => id.endsWith(refusalMark))
    const found = new Set<Case>()
    for (const id of refused.length > 0 ? refused : here) {
      const one = this.#byNumber.get(numberIn(id))
      if (one) found.add(one)
    }
    return [...found]
  }

  /** Cases that an alert's incident may be about: all devices of it at its domain. */
  ofAlert({ device_id, app_id, registrable_domain, evidence_ids }: Alert): Case[] {
    const named = evidence_ids.flatMap((id) => this.#byNumber.get(numberIn(id)) ?? [])
    const here = named.filter(({ destination }) => isUnder(destination, registrable_domain))
    if (here.length > 0) return here
    return [...this.#byNumber.values()].filter(
      (one) =>
        isUnder(one.destination, registrable_domain) &&
        one.device_id === device_id &&
        (app_id === null || one.app_id === app_id),
    )
  }
}

function isUnder(host: string, domain: string): boolean {
  return host === domain || host.endsWith(`.${domain}`)
}

/** The case's number stands in the ids of its records. */
function numberIn(id: string): number {
  const [, digits] = /^c([0-9a-z]+)-/.exec(id) ?? []
  return digits === undefined ? -1 : Number.parseInt(digits, 36)
}
