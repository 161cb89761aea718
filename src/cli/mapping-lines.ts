/** What `check-config` says of mapping files: whose review of which content is in force. */
import type { Config } from "../config.ts"
import { mappingOf } from "../identity/mdm/mapped/mapped.ts"

/** One line for each source that is read by a mapping file. Throws with every fault of a bad one. */
export function mappingLines({ sources }: Pick<Config, "sources">): string[] {
  return sources.mdm.flatMap((settings) => {
    if (settings.kind !== "http") return []
    const { mapping, sha256 } = mappingOf(settings)
    const review = `reviewed ${mapping["reviewed-at"]} by ${mapping["reviewed-by"]}`
    const pinned = settings["mapping-sha256"] === null ? "" : ", as mapping-sha256 says"
    return [
      `mapping of ${settings.name}: ${mapping.mapping} version ${mapping.version} for ${mapping.api}; ${review}`,
      `  ${settings.mapping}: sha256 ${sha256}${pinned}`,
    ]
  })
}
