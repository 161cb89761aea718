/**
 * Finishes the handshake, then looks at the certificate, and closes politely if the pin is wrong: as
 * OkHttp's CertificatePinner does. There is no handshake error to see.
 */
import { ask, connectTo, pinOfCertificate, runClient } from "./errand.ts"

await runClient(async (errand) => {
  const tls = await connectTo(errand)
  if (pinOfCertificate(tls.getPeerCertificate().raw) === errand.pin) return ask(tls, errand)
  tls.end()
  await new Promise((resolve) => tls.once("close", resolve))
  throw new Error("pin mismatch")
})
