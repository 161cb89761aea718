/** How long something took or is ago, as a person says it: 4d, 36h, 90s. */
import { durationText } from "../../record/duration.ts"

const units = [86_400_000, 3_600_000, 60_000, 1_000]

/** In the largest unit of which there are two at least; what is left over is left out. */
export function ageText(ms: number): string {
  const unit = units.find((each) => ms >= 2 * each) ?? 1
  return durationText(Math.floor(ms / unit) * unit)
}
