/** Processes that a test starts are as their users start them.
 *
 * tap lays a loader hook and handlers of every signal (its list of loaded files, for coverage, which
 * we do not use) into each Node process below a test. A sensor under test must have its own
 * handling of signals only, and its start costs a fifth less. Loaded by .taprc before each test file. */

/** Where tap's `process-on-spawn` keeps who changes the environment of a process that starts. */
const spawned: unknown = Reflect.get(globalThis, Symbol.for("process-on-spawn@*:singletonId"))
const listeners: unknown =
  typeof spawned === "object" && spawned ? Reflect.get(spawned, "listeners") : null
if (Array.isArray(listeners)) listeners.length = 0

/** The hook, as tap writes it into NODE_OPTIONS. */
const hook = /"--import=[^"]*@tapjs\/processinfo[^"]*"|--import=\S*@tapjs\/processinfo\S*/g
const options = process.env["NODE_OPTIONS"]?.replace(hook, "").trim()
if (options) process.env["NODE_OPTIONS"] = options
else delete process.env["NODE_OPTIONS"]
