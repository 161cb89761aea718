/**
 * One object for each installed app and version, however many devices have it: a fleet of 100,000 devices
 * with 50 apps each has 5 million rows, and some ten thousand different ones.
 */
import type { InstalledApp } from "../record/posture.ts"

/** Different rows that are remembered, some 300 bytes each. Beyond it all are forgotten: what is held stays, and
 * is shared anew from then on. */
const most = 200_000
/** Forms of one app that are looked through: beyond it a row is not shared. */
const mostForms = 32

export class SharedApps {
  readonly #limit: number
  readonly #known = new Map<string, InstalledApp[]>()
  #size = 0

  constructor(limit = most) {
    this.#limit = limit
  }

  /** The same list, of rows that others have too. They are not to be changed. */
  share(apps: readonly InstalledApp[]): InstalledApp[] {
    return apps.map((app) => this.#shared(app))
  }

  #shared(app: InstalledApp): InstalledApp {
    const forms = this.#known.get(app.app_id)
    const known = forms?.find((one) => isSame(one, app))
    if (known) return known
    if (this.#size >= this.#limit) {
      this.#known.clear()
      this.#size = 0
    }
    if (!forms || this.#size === 0) this.#known.set(app.app_id, [app])
    else if (forms.length < mostForms) forms.push(app)
    else return app
    this.#size++
    return app
  }
}

function isSame(one: InstalledApp, other: InstalledApp): boolean {
  return (
    one.version === other.version &&
    one.managed === other.managed &&
    one.name === other.name &&
    one.signer_sha256 === other.signer_sha256
  )
}
