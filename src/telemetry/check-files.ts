/** Keys and certificates that the settings name, tried before anything is started. */
import { readTlsFiles } from "./listener/tls-files.ts"
import { type TelemetrySettings, telemetryListeners } from "./listeners.ts"
import { readKey } from "./webhook/keyring.ts"

/** Throws with words for the operator if one cannot be used. */
export function checkTelemetryFiles(sources: TelemetrySettings): void {
  for (const { at, settings, serves } of telemetryListeners(sources)) {
    if (settings.tls) readTlsFiles(`${at}.tls`, settings.tls)
    if (serves.includes("webhook"))
      for (const { name, keys } of sources.webhook.senders)
        for (const key of keys) readKey(name, key)
  }
}
