/**
 * CONNECT User-Agents that name a TLS or HTTP library and not one app, as beginnings of the header's
 * value. All apps built on the library send them, so they never say "the same app".
 *
 * A program's own name (`curl/8.5.0`, `BankApp/7 CFNetwork/1490 Darwin/23`) is not in the list. `Mozilla/`
 * is: every WebView of a device sends one string, whichever app embeds it.
 */
export const libraryUserAgents: readonly string[] = [
  "okhttp/",
  "Dalvik/",
  "CFNetwork/",
  "Cronet/",
  "Java/",
  "Java-http-client/",
  "Apache-HttpClient/",
  "Dart/",
  "Go-http-client/",
  "python-requests/",
  "python-urllib3/",
  "Python-urllib/",
  "Python/",
  "aiohttp/",
  "axios/",
  "node-fetch",
  "undici",
  "Alamofire/",
  "AFNetworking/",
  "React-Native/",
  "ktor-client",
  "libcurl/",
  "libcurl-agent/",
  "reqwest/",
  "hyper/",
  "UnityPlayer/",
  "BestHTTP",
  "Mozilla/",
]

/** The User-Agent if it can stand for one program, else null. Case does not matter. */
export function programUserAgent(
  userAgent: string | null,
  libraries: readonly string[],
): string | null {
  const text = userAgent?.trim() ?? ""
  if (text === "") return null
  const lower = text.toLowerCase()
  return libraries.some((library) => lower.startsWith(library.toLowerCase())) ? null : text
}
