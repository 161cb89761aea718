/** RADIUS accounting as a source of bindings. In: settings. Out: a source that follows the detail files. */
import type { BindingNames } from "../../record/binding.ts"
import type { FileBatch } from "../../source/follow-file.ts"
import { followSource, type Reading } from "../../source/follow-source.ts"
import type { Source, SourceParts } from "../../source/source.ts"
import { networkBinding } from "../network-binding.ts"
import { type Accounting, readDetail } from "./detail.ts"
import { Sessions } from "./sessions.ts"
import { namedGroups, type RadiusSettings } from "./settings.ts"

export function radiusSource(settings: RadiusSettings, parts: SourceParts): Source {
  const { file, source, confidence, silence } = settings
  const of = { common: parts.common, source, confidence }
  const patterns = settings["user-names"].map((pattern) => new RegExp(pattern))
  const sessions = new Sessions({
    silenceMs: silence,
    realmOf: (accounting) => realmOf(settings, accounting),
    namesOf: (accounting) => namesOf(accounting, patterns),
  })
  const read = ({ units }: FileBatch): Required<Pick<Reading, "kept">> & Reading => {
    sessions.undo()
    const rejected: { at: number; because: string }[] = []
    const unknown: string[] = []
    const stated = units.flatMap(({ text, at }) => {
      const said = readDetail(text)
      if ("fault" in said) rejected.push({ at, because: said.fault })
      else if ("other" in said) unknown.push(said.other)
      else return sessions.take(said)
      return []
    })
    const bindings = stated
      .filter(({ names }) => Object.keys(names).length > 0)
      .map((each) => networkBinding(of, each))
    return { records: { bindings }, rejected, unknown, kept: () => sessions.keep() }
  }
  return followSource({ file, separator: "\n\n" }, parts, read, (batch) => read(batch).kept())
}

/** A user name that a pattern takes apart names a device; any other a person. */
export function namesOf(
  { user, mac }: Accounting,
  patterns: readonly RegExp[],
): Partial<BindingNames> {
  const names: Partial<BindingNames> = {}
  if (mac !== null) names.wifi_mac = mac
  const groups = user === null ? null : firstMatch(user, patterns)
  if (groups === null && user !== null) names.user = user
  for (const name of namedGroups) {
    const value = groups?.[name]
    if (value) names[name] = value
  }
  return names
}

function firstMatch(user: string, patterns: readonly RegExp[]): Record<string, string> | null {
  for (const pattern of patterns) {
    const groups = pattern.exec(user)?.groups
    if (groups) return groups
  }
  return null
}

function realmOf({ realms, realm }: RadiusSettings, { nasNames, ssid }: Accounting): string | null {
  const fitting = realms.find(
    (each) =>
      (each.nas === null || nasNames.includes(each.nas)) &&
      (each.ssid === null || each.ssid === ssid),
  )
  return fitting?.realm ?? realm
}
