import t from "tap"
import { libraryUserAgents, programUserAgent } from "../../src/analytics/library-user-agents.ts"

t.test("a library's User-Agent is never a program", async (t) => {
  const rows: [string | null, string | null][] = [
    ["okhttp/4.12.0", null],
    ["OkHttp/4.12.0", null],
    ["Dalvik/2.1.0 (Linux; U; Android 14; Pixel 8)", null],
    ["CFNetwork/1490.0.4 Darwin/23.2.0", null],
    ["Java/17.0.9", null],
    ["Apache-HttpClient/4.5 (Java/1.8)", null],
    ["Dart/3.4 (dart:io)", null],
    ["Go-http-client/1.1", null],
    ["python-requests/2.31", null],
    ["Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36", null],
    ["", null],
    ["  ", null],
    [null, null],
    ["curl/8.5.0", "curl/8.5.0"],
    ["BankApp/7 CFNetwork/1490.0.4 Darwin/23.2.0", "BankApp/7 CFNetwork/1490.0.4 Darwin/23.2.0"],
    ["com.example.bank/7.1 okhttp/4.12.0", "com.example.bank/7.1 okhttp/4.12.0"],
  ]
  for (const [userAgent, program] of rows)
    t.equal(programUserAgent(userAgent, libraryUserAgents), program, `${userAgent}`)
})
