/** What it means that an MDM put our CA onto a device. */
import type { Platform } from "../../record/common.ts"
import type { InspectionCaTrust } from "../../record/posture.ts"

/**
 * iOS trusts a root that a profile of MDM brings for TLS without the user's doing. Android keeps what a
 * device policy controller installs beside what the user added: apps for Android 7 and later trust neither
 * unless they say so.
 */
export function trustOfInstalled(platform: Platform): InspectionCaTrust {
  switch (platform) {
    case "ios":
      return "mdm-trusted"
    case "android":
      return "user-store"
    case "other":
    case "unknown":
      return "unknown"
  }
}
