// A solenoid valve: it opens and lets go some time after its coil does, as spools and springs
// take. It knows nothing of what flows through it.

/** Gives whether the valve is open now; call it in each step. Times in s. */
export const createSolenoid = (onS: number, offS: number) => {
  let open = false
  let sinceS = 0
  return (powered: boolean, dtS: number): boolean => {
    if (powered === open) {
      sinceS = 0
      return open
    }
    sinceS += dtS
    // A sum of steps may miss a whole time by its last bits.
    if (sinceS > (powered ? onS : offS) - dtS / 2) {
      open = powered
      sinceS = 0
    }
    return open
  }
}
