import t from "tap"
import { canonicalHost, matchesHost, parseHostPattern } from "../../src/record/host-pattern.ts"

t.test("a pattern covers exactly the hosts it names", async (t) => {
  const rows: [pattern: string, host: string, covered: boolean][] = [
    ["example.org", "example.org", true],
    ["Example.ORG.", "example.org", true],
    ["example.org", "EXAMPLE.org.", true],
    ["example.org", "www.example.org", false],
    ["example.org", "example.org.evil.test", false],
    ["*.example.org", "www.example.org", true],
    ["*.example.org", "a.b.example.org", true],
    ["*.example.org", "example.org", false],
    ["*.example.org", "badexample.org", false],
    ["*.example.org", ".example.org", false],
    ["bücher.example", "xn--bcher-kva.example", true],
    ["xn--bcher-kva.example", "BÜCHER.example", true],
    ["*.bücher.example", "api.xn--bcher-kva.example", true],
    ["_sip._tls.example.org", "_sip._tls.example.org", true],
    ["*.example.org", "-a.example.org", true],
    ["*.example.org", "a-.example.org", true],
    ["a-.example.org", "A-.example.org", true],
    ["192.0.2.1", "192.0.2.1", true],
    ["192.0.2.1", "192.0.2.2", false],
    ["192.0.2.1", "::ffff:192.0.2.1", true],
    ["::ffff:192.0.2.1", "192.0.2.1", true],
    ["::ffff:192.0.2.0/120", "192.0.2.77", true],
    ["192.0.2.1", "::192.0.2.1", false],
    ["::/96", "::192.0.2.1", true],
    ["192.0.2.0/24", "192.0.2.255", true],
    ["192.0.2.0/24", "192.0.3.0", false],
    ["192.0.2.0/24", "2001:db8::1", false],
    ["192.0.2.0/24", "192.0.2.1.example.org", false],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["2001:db8::/32", "2001:DB8:0:1::5", true],
    ["2001:db8::/32", "[2001:db8::5]", true],
    ["2001:db8::/32", "192.0.2.1", false],
    ["example.org", "192.0.2.1", false],
    ["example.org", "", false],
    ["example.org", "http://example.org", false],
  ]
  for (const [pattern, host, covered] of rows)
    t.equal(matchesHost(parseHostPattern(pattern), host), covered, `${pattern} and "${host}"`)
})

t.test("a pattern that cannot be meant is refused with the way out", async (t) => {
  const rows: [pattern: string, says: RegExp][] = [
    ["", /empty/],
    ["  ", /empty/],
    [".example.org", /write \*\.example\.org/],
    ["*", /only stand first/],
    ["*.*.example.org", /only stand first/],
    ["www.*.org", /only stand first/],
    ["https://example.org", /not a network/],
    ["example.org:443", /no scheme or port/],
    ["example.org/24", /not a network/],
    ["192.0.2.0/33", /prefix of 0 to 32/],
    ["192.0.2.0/x", /prefix of 0 to 32/],
    ["2001:db8::/129", /prefix of 0 to 128/],
    ["192.0.2.256", /mistyped address/],
    ["127.1", /mistyped address/],
    ["exa mple.org", /not a host name/],
    ["-example.org", /not a host name/],
    ["example..org", /not a host name/],
  ]
  for (const [pattern, says] of rows)
    t.throws(() => parseHostPattern(pattern), { message: says }, `"${pattern}"`)
})

t.test("a host is written one way: lower case, A-labels, no trailing dot", async (t) => {
  t.equal(canonicalHost("WWW.Bücher.Example."), "www.xn--bcher-kva.example")
  t.equal(canonicalHost("a".repeat(64)), null)
  t.equal(canonicalHost("ü/evil"), null)
})
