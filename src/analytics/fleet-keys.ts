/** Under which keys the fleet's acceptances and stacks stand: the judge asks as the memory notes. */

/** The key of `accepted_elsewhere`: `app_id|app_version|destination`, unknown parts left empty. */
export function elsewhereKey(
  appId: string | null,
  version: string | null,
  destination: string,
): string {
  return appId === null ? "" : `${appId}|${version ?? ""}|${destination}`
}

/** The key of `stack_devices` under which the number of devices that show a stack stands. */
export function stackBaselineKey(stack: string): string {
  return `stack:${stack}`
}

/** The key of `accepted_elsewhere` under which acceptances by a stack stand, whichever app it was. */
export function elsewhereStackKey(stack: string, destination: string): string {
  return `stack:${stack}|${destination}`
}

/** So many other devices of one key are told at most: no threshold may ask for more. */
export const mostDevicesTold = 31
