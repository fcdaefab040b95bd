// How far a unit's clock is from the gateway's. What arrives is late by its way here, never early:
// the greatest difference of a while is that of the quickest report, and nearest the truth. It is
// shown only; the mapping of a boot to the wall clock stays what its first record made it.

/** Part of the unit's state; null = not known yet. */
export interface SkewState {
  /** Receipt of the first report of this while, and the greatest difference in it. */
  fromUs: number
  bestUs: number
  /** Source clock minus gateway clock, microseconds, of the last full while, or of the first. */
  skewUs: number
}

const whileUs = 600_000_000

/**
 * Takes in one report: the time that its source says, or its uptime on the boot's mapping, and the
 * gateway's at receipt. A clock of the gateway that jumps back begins a new while at once.
 */
export const foldSkew = (
  known: SkewState | null | undefined,
  { sourceUs, receivedUs }: { sourceUs: number; receivedUs: number },
): SkewState => {
  const aheadUs = sourceUs - receivedUs
  if (known == null || receivedUs < known.fromUs) {
    return { fromUs: receivedUs, bestUs: aheadUs, skewUs: aheadUs }
  }
  if (receivedUs - known.fromUs >= whileUs) {
    // The first while may have begun with a report that was long on its way.
    return { fromUs: receivedUs, bestUs: aheadUs, skewUs: Math.max(known.bestUs, aheadUs) }
  }
  if (aheadUs <= known.bestUs) return known
  return { ...known, bestUs: aheadUs, skewUs: Math.max(known.skewUs, aheadUs) }
}
