/** Compares the pin while it verifies the certificate: a wrong one ends the connection at once. */
import { ask, connectTo, pinOfCertificate, runClient } from "./errand.ts"

await runClient(async (errand) => {
  const tls = await connectTo(errand, {
    checkServerIdentity: (_, { raw }) =>
      pinOfCertificate(raw) === errand.pin ? undefined : new Error("pin mismatch"),
  })
  return ask(tls, errand)
})
