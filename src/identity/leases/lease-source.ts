/** A lease file as a source of bindings. In: settings. Out: a source that follows the file. */
import type { FileBatch } from "../../source/follow-file.ts"
import { followSource } from "../../source/follow-source.ts"
import type { Source, SourceParts } from "../../source/source.ts"
import { networkBinding } from "../network-binding.ts"
import { dnsmasqSource } from "./dnsmasq-source.ts"
import { KeaJournal } from "./kea-journal.ts"
import type { LeaseStated } from "./ledger.ts"
import type { LeaseSettings } from "./settings.ts"

export function leaseSource(settings: LeaseSettings, parts: SourceParts): Source {
  const { format, file, realm, confidence } = settings
  const of = { common: parts.common, source: "dhcp" as const, confidence }
  const bindings = (stated: readonly LeaseStated[]) =>
    stated.map((each) => networkBinding(of, { ...each, realm }))
  if (format === "dnsmasq") return dnsmasqSource(settings, parts, bindings)
  const journal = new KeaJournal(format === "kea4" ? 4 : 6)
  const read = (batch: FileBatch) => {
    const { stated, rejected } = journal.read(batch)
    return { records: { bindings: bindings(stated) }, rejected, kept: () => journal.ledger.keep() }
  }
  return followSource({ file, fromOldest: true }, parts, read, (batch) => read(batch).kept())
}
