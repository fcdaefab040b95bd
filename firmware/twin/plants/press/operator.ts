// Who makes blocks: holds the control until a block lies on the table, lets go, takes it away; now
// and then lets go half-way; when nothing moves any more lets go and clears the stone away. All
// randomness is passed in.

export interface Hand {
  held: boolean
  /** A stone lies in the drawer's way. */
  stone: boolean
}

export interface OperatorConstants {
  jam_share: number
}

/** What an operator sees of the press. */
export interface Sight {
  moving: boolean
  /** A block lies finished on the table. */
  done: boolean
}

/** Seconds without any motion after which a hand lets go; and from a block to letting go. */
const patienceS = 3
const reactionS = 0.4

/** Starts with a pause. `step` mutates and returns the same Hand. */
export const createOperator = (c: OperatorConstants, random: () => number) => {
  const between = (low: number, high: number): number => low + (high - low) * random()
  const hand: Hand = { held: false, stone: false }
  let pauseS = 1
  let stillS = 0
  let untilS = 0
  let doneS = 0
  let isTaken = false

  const begin = (): void => {
    hand.held = true
    stillS = 0
    untilS = random() < 0.08 ? between(1, 8) : Number.POSITIVE_INFINITY
    hand.stone = random() * 100 < c.jam_share
  }
  const letGo = (forS: number): void => {
    hand.held = false
    pauseS = forS
  }
  return {
    hand,
    /** Called every few milliseconds. */
    step: (sight: Sight, dtS: number): Hand => {
      doneS = sight.done ? doneS + dtS : 0
      if (!sight.done) isTaken = false
      if (!hand.held) {
        pauseS -= dtS
        if (pauseS <= 0) begin()
        return hand
      }
      stillS = sight.moving ? 0 : stillS + dtS
      untilS -= dtS
      if (doneS > reactionS && !isTaken) {
        isTaken = true
        letGo(between(0.8, 2.5))
      }
      if (untilS <= 0) letGo(between(0.4, 1.5))
      else if (stillS > patienceS) {
        hand.stone = false
        letGo(between(4, 8))
      }
      return hand
    },
  }
}
