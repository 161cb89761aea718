/**
 * What real TLS stacks do when they refuse, use or leave a connection: measured rows, typed in from
 * SIGNATURES.md (section b) and clients/expected.jsonl. It must not know outcomes or verdicts.
 *
 * Times are milliseconds on loopback from our Certificate flight to the end, as three runs gave them;
 * a phone's slowness and its round trip come on top. Rows marked "read" were read in source or field
 * reports and have the times of the nearest measured stack.
 */
import type { Spread } from "../random.ts"

export type TlsVersion = "12" | "13"

/** How a client that will not go on ends the connection. */
export interface Ending {
  alert: number | null
  /** The client's Finished came before it. */
  finished: boolean
  /** The alert was after Finished. */
  alertAfter?: boolean
  closeNotify: boolean
  /** One of these; with TLS 1.3 our unread tickets make a close a reset. */
  ends: readonly ("fin" | "rst")[]
  ms: Spread
  /** Ciphertext of the alert or close_notify, record header included. */
  bytes: number
  /** Lengths of the client's type-23 records (TLS 1.3) or of its data records (1.2), as a tap sees
   * them: what the rule of IMC 2022 counts. */
  records: readonly number[]
}

export interface Stack {
  name: string
  /** As FoxIO's JA4, and without what varies; made up, but one for each stack. */
  ja4: string
  key: string
  alpn: readonly string[]
  helloBytes: number
  /** Bytes of the client's Finished flight: ChangeCipherSpec and 53 or 69 (85 padded) in TLS 1.3. */
  finishedBytes: Record<TlsVersion, number>
  /** The Finished record's own length in TLS 1.3. */
  finishedRecord: number
  untrusted: Record<TlsVersion, Ending>
  /** The stack's or its library's own pin check. */
  pinned: Record<TlsVersion, Ending>
  /** Maps a certificate outside its time to alert 45 instead. */
  tellsExpired: boolean
  /** Connections of one failed request, dialled again at once. */
  redials: readonly number[]
  /** Share of requests beside which a spare connection is opened, and how long that lives. */
  spare: { share: number; ms: Spread }
  /** A bundle of roots of its own: the device's trust store is not asked. */
  ownAnchors: boolean
}

const shortLife: Spread = [4_642, 5_164, 6_413]
const none = { share: 0, ms: shortLife }

/** An alert before Finished. 7 bytes in the clear; 24 encrypted in TLS 1.3, 40 where padded. */
function alerts(
  alert: number,
  bytes13: 7 | 24 | 40,
  ends: Ending["ends"],
  ms12: Spread,
  ms13: Spread,
): Record<TlsVersion, Ending> {
  const both = { alert, finished: false, closeNotify: false, ends }
  const records = bytes13 === 7 ? [] : [bytes13 - 5]
  return {
    "12": { ...both, ms: ms12, bytes: 7, records: [] },
    "13": { ...both, ms: ms13, bytes: bytes13, records },
  }
}

/** Finished, then closed without a byte. */
function closes(
  over: Record<TlsVersion, Pick<Ending, "closeNotify" | "ends" | "ms">>,
  finishedRecord: number,
): Record<TlsVersion, Ending> {
  const padded = finishedRecord === 85
  const alert13 = padded ? 35 : 19
  const row = (tls: TlsVersion): Ending => {
    const { closeNotify } = over[tls]
    // JSSE says user_canceled and then close_notify.
    const said = closeNotify ? (padded ? 2 : 1) : 0
    return {
      ...over[tls],
      alert: null,
      finished: true,
      bytes: tls === "12" ? 31 * Math.min(said, 1) : (alert13 + 5) * said,
      records: tls === "12" ? [] : [finishedRecord, ...Array<number>(said).fill(alert13)],
    }
  }
  return { "12": row("12"), "13": row("13") }
}

const finish = (record: number): Record<TlsVersion, number> => ({ "12": 126, "13": record + 11 })

/** OkHttp's CertificatePinner and HostnameVerifier, after startHandshake(): measured on JSSE, where
 * close came 34 to 335 ms after the Certificate; 11 to 13 ms after secureConnection elsewhere. */
const okhttpPins = closes(
  {
    "12": { closeNotify: true, ends: ["fin"], ms: [38, 59, 335] },
    "13": { closeNotify: true, ends: ["fin", "rst"], ms: [34, 46, 86] },
  },
  53,
)

function ja4(name: string): Pick<Stack, "ja4" | "key"> {
  const digits = Buffer.from(name.padEnd(12, "-")).toString("hex")
  const [a, b] = [digits.slice(0, 12), digits.slice(12, 24)]
  return { ja4: `t13d1516h2_${a}_${b}`, key: `tx13x1516h00_${a}_${b}` }
}

const h2: readonly string[] = ["h2", "http/1.1"]

function stack(name: string, over: Omit<Stack, "name" | "ja4" | "key">): Stack {
  return { name, ...ja4(name), ...over }
}

/** Conscrypt: HttpsURLConnection, OkHttp's trust phase, Volley, React Native. Every failed check,
 * NSC pin-set and own X509TrustManager too, is 46 before Finished (read; times of JSSE). */
const conscryptUntrusted = alerts(46, 24, ["fin"], [10, 16, 19], [19, 23, 38])
const conscrypt = {
  alpn: h2,
  helloBytes: 517,
  finishedBytes: finish(53),
  finishedRecord: 53,
  untrusted: conscryptUntrusted,
  tellsExpired: false,
  redials: [1],
  spare: none,
  ownAnchors: false,
}

/** TLS 1.2: Finished first, then an encrypted 48; TLS 1.3: 48 before it. */
const nssUntrusted: Record<TlsVersion, Ending> = {
  "12": {
    alert: 48,
    finished: true,
    alertAfter: true,
    closeNotify: false,
    ends: ["fin"],
    ms: [2, 11, 68],
    bytes: 31,
    records: [],
  },
  "13": alerts(48, 24, ["fin"], [2, 11, 68], [5, 17, 23])["13"],
}

export const stacks = {
  conscrypt: stack("conscrypt", { ...conscrypt, pinned: conscryptUntrusted }),
  /** The same ClientHello; the pin is the library's. */
  okhttp: { ...stack("conscrypt", { ...conscrypt, pinned: okhttpPins }), name: "okhttp" },
  /** WebView, Chrome, Cronet: 46; dials again once or twice; a spare socket beside the used one. */
  chromium: stack("chromium", {
    alpn: h2,
    helloBytes: 1_800,
    finishedBytes: finish(53),
    finishedRecord: 53,
    untrusted: alerts(46, 24, ["fin"], [7, 25, 154], [5, 8, 21]),
    pinned: alerts(46, 24, ["fin"], [7, 25, 154], [5, 8, 21]),
    tellsExpired: false,
    redials: [2, 2, 3],
    spare: { share: 0.35, ms: shortLife },
    ownAnchors: false,
  }),
  /** NSURLSession and what is built on it: no alert, FIN before Finished (field reports; the times
   * of Node on TLS 1.3, which does the same). The challenge is answered "cancel" at the same point. */
  urlsession: stack("urlsession", {
    alpn: h2,
    helloBytes: 517,
    finishedBytes: finish(53),
    finishedRecord: 53,
    untrusted: silently([6, 8, 11], [5, 8, 9]),
    pinned: silently([8, 8, 24], [3, 4, 9]),
    tellsExpired: false,
    redials: [1, 1, 2],
    spare: { share: 0.08, ms: [5_000, 15_000, 30_000] },
    ownAnchors: false,
  }),
  /** Native code with OpenSSL and a bundle of roots: 48 in the clear, then RST; --pinnedpubkey after
   * Finished. */
  openssl: stack("openssl", {
    alpn: ["http/1.1"],
    helloBytes: 517,
    finishedBytes: finish(69),
    finishedRecord: 69,
    untrusted: alerts(48, 7, ["rst"], [2, 11, 68], [5, 17, 23]),
    pinned: closes(
      {
        "12": { closeNotify: true, ends: ["fin"], ms: [1, 3, 15] },
        "13": { closeNotify: true, ends: ["fin", "rst"], ms: [4, 9, 10] },
      },
      69,
    ),
    tellsExpired: true,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
  /** Dart on Android (BoringSSL's X.509 verifier, the system's roots): 48 (read; times of OpenSSL). */
  flutter: stack("flutter", {
    alpn: ["http/1.1"],
    helloBytes: 300,
    finishedBytes: finish(53),
    finishedRecord: 53,
    untrusted: alerts(48, 24, ["fin", "rst"], [2, 11, 68], [5, 17, 23]),
    pinned: alerts(48, 24, ["fin", "rst"], [2, 11, 68], [5, 17, 23]),
    tellsExpired: true,
    redials: [1],
    spare: none,
    ownAnchors: false,
  }),
  /** Go crypto/tls: 42, always. */
  go: stack("go", {
    alpn: h2,
    helloBytes: 300,
    finishedBytes: finish(53),
    finishedRecord: 53,
    untrusted: alerts(42, 24, ["fin"], [2, 6, 20], [2, 6, 20]),
    pinned: alerts(42, 24, ["fin"], [2, 6, 20], [2, 6, 20]),
    tellsExpired: false,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
  /** curl on BoringSSL: even the chain is judged after Finished, without an alert. */
  curlBoring: stack("curlboring", {
    alpn: h2,
    helloBytes: 1_700,
    finishedBytes: finish(53),
    finishedRecord: 53,
    untrusted: closes(
      {
        "12": { closeNotify: false, ends: ["fin"], ms: [6, 8, 11] },
        "13": { closeNotify: false, ends: ["rst"], ms: [1, 3, 10] },
      },
      53,
    ),
    pinned: closes(
      {
        "12": { closeNotify: false, ends: ["fin"], ms: [6, 8, 11] },
        "13": { closeNotify: false, ends: ["rst"], ms: [1, 3, 10] },
      },
      53,
    ),
    tellsExpired: false,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
  /** As SIGNATURES.md, section b, has them (measured there once each; times of OpenSSL). In apps they check pins
   * in the verification callback, so a pin ends like an unknown CA, but for wolfSSL's own. */
  nss: stack("nss", {
    alpn: h2,
    helloBytes: 650,
    finishedBytes: finish(53),
    finishedRecord: 53,
    untrusted: nssUntrusted,
    pinned: nssUntrusted,
    tellsExpired: false,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
  gnutls: stack("gnutls", {
    alpn: ["http/1.1"],
    helloBytes: 380,
    finishedBytes: finish(69),
    finishedRecord: 69,
    untrusted: alerts(42, 24, ["fin"], [2, 11, 68], [5, 17, 23]),
    pinned: alerts(42, 24, ["fin"], [2, 11, 68], [5, 17, 23]),
    tellsExpired: false,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
  /** Measured with TLS 1.2; for 1.3 the same is taken. */
  mbedtls: stack("mbedtls", {
    alpn: [],
    helloBytes: 240,
    finishedBytes: finish(69),
    finishedRecord: 69,
    untrusted: alerts(48, 24, ["fin"], [2, 11, 68], [5, 17, 23]),
    pinned: alerts(48, 24, ["fin"], [2, 11, 68], [5, 17, 23]),
    tellsExpired: false,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
  wolfssl: stack("wolfssl", {
    alpn: [],
    helloBytes: 260,
    finishedBytes: finish(69),
    finishedRecord: 69,
    untrusted: alerts(48, 24, ["rst"], [2, 11, 68], [5, 17, 23]),
    pinned: closes(
      {
        "12": { closeNotify: false, ends: ["rst"], ms: [1, 3, 15] },
        "13": { closeNotify: false, ends: ["rst"], ms: [4, 9, 10] },
      },
      69,
    ),
    tellsExpired: false,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
  /** JSSE as laptops run it: padded records, user_canceled before close_notify. */
  jsse: stack("jsse", {
    alpn: [],
    helloBytes: 450,
    finishedBytes: finish(85),
    finishedRecord: 85,
    untrusted: alerts(46, 40, ["fin"], [10, 16, 19], [19, 23, 38]),
    pinned: closes(
      {
        "12": { closeNotify: true, ends: ["fin"], ms: [38, 59, 335] },
        "13": { closeNotify: true, ends: ["fin"], ms: [34, 46, 86] },
      },
      85,
    ),
    tellsExpired: false,
    redials: [1],
    spare: none,
    ownAnchors: true,
  }),
} as const satisfies Record<string, Stack>
export type StackName = keyof typeof stacks

function silently(ms12: Spread, ms13: Spread): Record<TlsVersion, Ending> {
  const both = { alert: null, finished: false, closeNotify: false, bytes: 0, records: [] }
  return {
    "12": { ...both, ends: ["fin"], ms: ms12 },
    "13": { ...both, ends: ["fin"], ms: ms13 },
  }
}
