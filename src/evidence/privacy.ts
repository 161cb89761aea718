/** What the store offers for those it knows of: erasing a device, and telling what a pseudonym stands for. */
import type { Database } from "better-sqlite3"
import type { Device } from "../record/device.ts"
import * as ask from "./ask.ts"
import { EraseRows } from "./erase-rows.ts"
import { Erasures } from "./erasures.ts"
import { KnownNames } from "./known-names.ts"
import { noteReveal, type Reveal, reveals } from "./reveals.ts"

export class Privacy {
  /** Devices that were erased: nothing is taken of them. */
  readonly erasures: Erasures
  readonly #db: Database

  constructor(db: Database) {
    this.#db = db
    this.erasures = new Erasures(db)
  }

  /** Rows are taken out and rewritten past everything that only grows. */
  eraseRows(): EraseRows {
    return new EraseRows(this.#db)
  }

  /** Every record of a device, oldest first. */
  devicesEver(tenant: string, deviceId: string): Device[] {
    return ask.devicesEver(this.#db, tenant, deviceId)
  }

  /** Whether inventory, a binding or a finding knows our key of a device. */
  isNamed(tenant: string, deviceId: string): boolean {
    return ask.isNamed(this.#db, tenant, deviceId)
  }

  /** Which words name a device, a person or a client that is stored. */
  knownNames(): KnownNames {
    return new KnownNames(this.#db)
  }

  noteReveal(reveal: Reveal): void {
    noteReveal(this.#db, reveal)
  }

  reveals(): Reveal[] {
    return reveals(this.#db)
  }
}
