/** Addresses of the network around the phones. */

/** Under which phones know the proxy. */
export const proxyAddress = "10.10.10.10"
/** From which the sensor reaches origins. */
export const upstreamAddress = "10.10.10.11"
/** What the site is outside its router. */
export const publicAddress = "198.51.100.7"
