/**
 * What is played: which client, which TLS, which origin, and what both do. A play is one session, or with
 * `times` several in a row that may resume each other.
 */
export interface Play {
  client: string
  version: "1.2" | "1.3"
  /** A port of origins.ts. */
  origin: string
  /** What the origin does: first label of the name. */
  does: string
  /** The story, for the table. */
  story: string
  /** `s300` send, `r` read something, `r64` read until 64 bytes are here, `e` read to the end, `w30` wait; of
   * openssl s_client also `k`, a key update. */
  steps?: string
  /** `close` as the stack does it; `fin` without a word; `rst`. */
  close?: "close" | "fin" | "rst"
  times?: number
  alpn?: string
  certificate?: boolean
  /** A pin inside the verification fails. */
  pin?: boolean
  /** The client does not trust the origin's CA. */
  distrusts?: boolean
  /** Further arguments of a program, in place of `steps`. */
  args?: string[]
  /** What s_client offers as early data, in bytes, from its second session on. */
  early?: number
}

type Part = Omit<Play, "client" | "version">

/** Played by every stack that can be scripted. */
const everyone: Part[] = [
  { story: "request and answer", does: "answer1000", steps: "s300,r" },
  { story: "h2-sized opening, small answer", does: "answer36", steps: "s64,r" },
  { story: "5 bytes, answered by 2", does: "answer2", steps: "s5,r" },
  { story: "18 bytes each way", does: "answer18", steps: "s18,r" },
  { story: "2 bytes each way, three times", does: "answer2", steps: "s2,r,s2,r,s2,r" },
  { story: "answer as long as a ticket", does: "answer265", steps: "s300,r" },
  { story: "large both ways", does: "answer60000", steps: "s100000,r60000" },
  { story: "talk", does: "answer50", steps: "s50,r,s50,r,s50,r" },
  { story: "connected, waits, closes", does: "silent", steps: "w40" },
  { story: "connected, closes at once", does: "silent" },
  { story: "connected, leaves by FIN", does: "silent", steps: "w20", close: "fin" },
  { story: "connected, leaves by RST", does: "silent", steps: "w20", close: "rst" },
  { story: "never answered", does: "silent", steps: "s300,w40" },
  { story: "never answered, sends 18 bytes", does: "silent", steps: "s18,w40" },
  { story: "origin leaves at the request", does: "drop", steps: "s300,e" },
  { story: "origin speaks first, used", does: "greet300", steps: "r64,s300,r" },
  { story: "origin speaks first, client leaves", does: "greetmute", steps: "r64" },
  { story: "origin speaks first, never answers", does: "greetmute", steps: "r64,s300,w40" },
  { story: "origin leaves at once", does: "slam", steps: "e" },
  { story: "pin in the verification", does: "answer1000", steps: "s300,r", pin: true },
  { story: "distrusts the CA", does: "answer1000", steps: "s300,r", distrusts: true },
  { story: "resumes and uses", does: "answer1000", steps: "s300,r,w20", times: 2 },
  { story: "resumes, closes at once", does: "answer300", steps: "w30", times: 2 },
  { story: "resumes, never answered", does: "silent", steps: "s300,w40", times: 2 },
].map((part) => ({ ...part, origin: "node.plain" }) as Part)

const certificates: Part[] = ["node.mtls", "go.mtls", "java.mtls"].flatMap((origin) => [
  {
    story: "client certificate, used",
    origin,
    does: "answer1000",
    steps: "s300,r",
    certificate: true,
  },
  { story: "client certificate, unused", origin, does: "silent", steps: "w40", certificate: true },
  {
    story: "client certificate, unanswered",
    origin,
    does: "silent",
    steps: "s300,w40",
    certificate: true,
  },
  { story: "client certificate missing", origin, does: "answer1000", steps: "s300,r" },
  { story: "client certificate missing, waits", origin, does: "answer1000", steps: "w40" },
])

const others: Part[] = [
  {
    story: "certificate asked for, none given, used",
    origin: "node.ask",
    does: "answer1000",
    steps: "s300,r",
  },
  {
    story: "certificate asked for, none given, unused",
    origin: "node.ask",
    does: "silent",
    steps: "w40",
  },
  { story: "HelloRetryRequest, used", origin: "node.hrr", does: "answer1000", steps: "s300,r" },
  { story: "HelloRetryRequest, unused", origin: "node.hrr", does: "silent", steps: "w40" },
  ...["node.sha256", "node.chacha", "go.plain", "go.notickets", "java.plain"].flatMap((origin) => [
    { story: `used (${origin})`, origin, does: "answer1000", steps: "s300,r" },
    { story: `18 bytes each way (${origin})`, origin, does: "answer18", steps: "s18,r" },
    { story: `unused (${origin})`, origin, does: "silent", steps: "w30" },
    { story: `unanswered (${origin})`, origin, does: "silent", steps: "s300,w40" },
    { story: `origin leaves at the request (${origin})`, origin, does: "drop", steps: "s300,e" },
    { story: `origin leaves at once (${origin})`, origin, does: "slam", steps: "e" },
    {
      story: `resumes and uses (${origin})`,
      origin,
      does: "answer1000",
      steps: "s300,r,w20",
      times: 2,
    },
  ]),
]

/** Not looked at while the judge was made better: a check on what it learned from the others. */
const heldOut: Part[] = ["gnutls.echo", "gnutls.noticket"].flatMap((origin) => [
  { story: `echo (${origin})`, origin, does: "echo", steps: "s300,r300" },
  { story: `echo of 18 bytes (${origin})`, origin, does: "echo", steps: "s18,r" },
  { story: `unused (${origin})`, origin, does: "echo", steps: "w30" },
  { story: `closes at once (${origin})`, origin, does: "echo" },
  { story: `resumes and uses (${origin})`, origin, does: "echo", steps: "s300,r300,w20", times: 2 },
])

const only12: Part[] = [
  { story: "CBC, used", origin: "node.cbc", does: "answer1000", steps: "s300,r" },
  { story: "CBC, unused", origin: "node.cbc", does: "silent", steps: "w30" },
]

const notTls: Part = {
  story: "origin speaks no TLS",
  origin: "node.not-tls",
  does: "answer1",
  steps: "s300,r",
}

const versions = ["1.2", "1.3"] as const

const scripted: Play[] = ["node", "go", "java", "python"].flatMap((client) =>
  versions.flatMap((version) =>
    [
      ...everyone,
      ...certificates,
      ...others,
      ...heldOut,
      ...(version === "1.2" ? only12 : []),
      notTls,
    ].map((part): Play => ({ client, version, ...part })),
  ),
)

const plain = "node.plain"
const web = { origin: plain, does: "http" }

/** curl and wget: what their arguments say. */
const fetchers: Play[] = versions.flatMap((version): Play[] => [
  { client: "curl", version, ...web, story: "h2 GET", args: ["--http2", "/2000"] },
  { client: "curl", version, ...web, story: "h2 GET, large", args: ["--http2", "/300000"] },
  { client: "curl", version, ...web, story: "http/1.1 GET", args: ["--http1.1", "/2000"] },
  { client: "curl", version, ...web, story: "http/1.1 HEAD", args: ["--http1.1", "-I", "/2000"] },
  {
    client: "curl",
    version,
    ...web,
    story: "http/1.1 POST",
    args: ["--http1.1", "--data-binary", "x".repeat(5000), "/10"],
  },
  {
    client: "curl",
    version,
    ...web,
    story: "two GETs on one connection",
    args: ["--http1.1", "/10", "/20"],
  },
  {
    client: "curl",
    version,
    ...web,
    story: "pin after the handshake",
    args: ["--pinnedpubkey", `sha256//${"A".repeat(43)}=`, "/10"],
  },
  { client: "curl", version, ...web, story: "distrusts the CA", distrusts: true, args: ["/10"] },
  {
    client: "curl",
    version,
    origin: plain,
    does: "drop",
    story: "origin leaves at the request",
    args: ["--http1.1", "/10"],
  },
  {
    client: "curl",
    version,
    origin: plain,
    does: "silent",
    story: "never answered",
    args: ["--http1.1", "--max-time", "0.5", "/10"],
  },
  {
    client: "curl",
    version,
    origin: "node.mtls",
    does: "http",
    story: "client certificate, used",
    certificate: true,
    args: ["--http1.1", "/2000"],
  },
  {
    client: "curl",
    version,
    origin: "node.mtls",
    does: "http",
    story: "client certificate missing",
    args: ["--http1.1", "/2000"],
  },
  {
    client: "curl",
    version,
    origin: "node.hrr",
    does: "http",
    story: "HelloRetryRequest, used",
    args: ["--http1.1", "/2000"],
  },
  { client: "wget", version, ...web, story: "GET", args: ["/2000"] },
  { client: "wget", version, ...web, story: "GET, large", args: ["/300000"] },
  { client: "wget", version, ...web, story: "distrusts the CA", distrusts: true, args: ["/10"] },
  {
    client: "wget",
    version,
    origin: plain,
    does: "drop",
    story: "origin leaves at the request",
    args: ["/10"],
  },
  {
    client: "wget",
    version,
    origin: "node.mtls",
    does: "http",
    story: "client certificate, used",
    certificate: true,
    args: ["/2000"],
  },
])

/** The command lines of OpenSSL and GnuTLS: what comes on their standard input. */
const consoles: Play[] = ["openssl", "gnutls"].flatMap((client) =>
  versions.flatMap((version): Play[] => [
    {
      client,
      version,
      origin: plain,
      does: "answer1000",
      story: "request and answer",
      steps: "s300,w80",
    },
    {
      client,
      version,
      origin: plain,
      does: "answer18",
      story: "18 bytes each way",
      steps: "s18,w80",
    },
    { client, version, origin: plain, does: "silent", story: "connected, closes", steps: "w30" },
    { client, version, origin: plain, does: "silent", story: "never answered", steps: "s300,w60" },
    {
      client,
      version,
      origin: plain,
      does: "answer1000",
      story: "distrusts the CA",
      steps: "s300,w80",
      distrusts: true,
    },
    {
      client,
      version,
      origin: "node.mtls",
      does: "answer1000",
      story: "client certificate, used",
      steps: "s300,w80",
      certificate: true,
    },
    {
      client,
      version,
      origin: "node.mtls",
      does: "answer1000",
      story: "client certificate missing",
      steps: "s300,w80",
    },
    {
      client,
      version,
      origin: "java.plain",
      does: "answer1000",
      story: "used (java.plain)",
      steps: "s300,w120",
    },
    {
      client,
      version,
      origin: "java.plain",
      does: "silent",
      story: "unused (java.plain)",
      steps: "w30",
    },
    {
      client,
      version,
      origin: "go.plain",
      does: "answer1000",
      story: "used (go.plain)",
      steps: "s300,w80",
    },
  ]),
)

const tls13: Play[] = [
  { story: "key update, then used", does: "answer1000", steps: "k,s300,w80" },
  { story: "used, then key update", does: "answer1000", steps: "s300,w80,k,w30" },
  { story: "key update and nothing else", does: "silent", steps: "k,w50" },
  { story: "key update, answered, then nothing", does: "silent", steps: "K,w50" },
  { story: "resumes and uses", does: "answer1000", steps: "s300,w80", times: 2 },
  { story: "resumes, closes", does: "silent", steps: "w30", times: 2 },
].map((part) => ({ client: "openssl", version: "1.3", origin: plain, ...part }) as Play)

const early: Play[] = [
  { story: "early data, then unanswered", does: "silent", steps: "s300,w60" },
  { story: "early data and nothing else", does: "silent", steps: "w40" },
].map(
  (part) =>
    ({
      client: "openssl",
      version: "1.3",
      origin: "s_server.early",
      times: 2,
      early: 200,
      ...part,
    }) as Play,
)

/** Chromium opens spare connections; each is a session of its own, and the origin says what came on it. */
const browsers: Play[] = versions.flatMap((version): Play[] => [
  { client: "chromium", version, ...web, story: "page over h2", args: ["/2000"] },
  {
    client: "chromium",
    version,
    ...web,
    story: "distrusts the CA",
    distrusts: true,
    args: ["/2000"],
  },
])

export const plays: readonly Play[] = [
  ...browsers,
  ...scripted,
  ...fetchers,
  ...consoles,
  ...tls13,
  ...early,
]
