/** The MDM systems that the configuration names, each with the connector of its kind. */
import type { Config } from "../../config.ts"
import { androidManagementConnector } from "../../identity/mdm/android-management/android-management.ts"
import type { MdmConnector } from "../../identity/mdm/connector.ts"
import { intuneConnector } from "../../identity/mdm/intune/intune.ts"
import { jamfConnector } from "../../identity/mdm/jamf/jamf.ts"
import { mappedConnector } from "../../identity/mdm/mapped/mapped.ts"
import { mdmSource } from "../../identity/mdm/poller.ts"
import type { MdmSettings } from "../../identity/mdm/settings.ts"
import type { Source, SourceParts } from "../../source/source.ts"
import type { PartsOf } from "./parts-of.ts"

export function openMdm({ sources }: Config, partsOf: PartsOf): Source[] {
  return sources.mdm.map((settings) => {
    const parts = partsOf(`mdm/${settings.name}`, settings.kind)
    return mdmSource({ ...parts, settings, connector: connectorOf(settings, parts) })
  })
}

function connectorOf(settings: MdmSettings, parts: SourceParts): MdmConnector {
  switch (settings.kind) {
    case "intune":
      return intuneConnector(settings, parts)
    case "jamf":
      return jamfConnector(settings, parts)
    case "android-management":
      return androidManagementConnector(settings, parts)
    case "http":
      return mappedConnector(settings, parts)
  }
}
