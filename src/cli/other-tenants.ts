/**
 * Records of tenants other than the configuration's: they are stored, and judged by nobody here. In: the
 * tenant of each record. Out: how many there are of whom, so that nobody waits for findings in vain.
 */
import { printable } from "./printable.ts"

/** Tenants that are named; records of further ones are counted together. */
const mostNamed = 20

export interface OtherTenant {
  /** Null: all beyond those that are named. */
  tenant: string | null
  records: number
}

export class OtherTenants {
  readonly #ours: string
  readonly #named = new Map<string, number>()
  #further = 0

  constructor(ours: string) {
    this.#ours = ours
  }

  note({ tenant }: { tenant: string }): void {
    if (tenant === this.#ours) return
    const before = this.#named.get(tenant)
    if (before === undefined && this.#named.size >= mostNamed) this.#further += 1
    else this.#named.set(tenant, (before ?? 0) + 1)
  }

  get counts(): OtherTenant[] {
    const named = [...this.#named].map(([tenant, records]) => ({ tenant, records }))
    return this.#further === 0 ? named : [...named, { tenant: null, records: this.#further }]
  }
}

/** One line for a human; null where there is nothing to tell. */
export function otherTenantsLine(others: readonly OtherTenant[], ours: string): string | null {
  if (others.length === 0) return null
  const counts = others.map(
    ({ tenant, records }) => `${records} of ${tenant === null ? "further tenants" : tenant}`,
  )
  return printable(
    `records of other tenants: ${counts.join(", ")}; they are stored but not judged here (configuration: tenant ${ours}). To have them judged, set tenant in the configuration to theirs, or import them as records of ${ours}`,
  )
}
