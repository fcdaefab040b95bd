// Who holds the drill: takes one job after the other (holes, screws in, screws out, now and then a
// bit that jams), pulls the trigger like a hand, lets go when the chuck stands still, pauses, and
// swaps an empty pack. The work's torque is part of the job. All randomness is passed in.

export interface Hand {
  /** 0 to 100. */
  trigger: number
  /** 0 forward, 1 reverse. */
  direction: number
  /** N.m, 0 is off. */
  clutch: number
  /** Torque of the work at the chuck now, N.m. */
  loadNm: number
  /** The operator put in a fresh pack in this step. */
  swapped: boolean
}

export interface OperatorConstants {
  drilling_torque: number
  screw_torque: number
  jam_share: number
  swap_charge: number
}

interface Job {
  kind: 'hole' | 'screw' | 'unscrew' | 'jam'
  /** How far the trigger is pulled, and for how long at most. */
  pull: number
  lastsS: number
  torque: number
  /** Turns of the chuck after which a screw is seated, or a bit jams. */
  turns: number
}

type Random = () => number
const between = (random: Random, low: number, high: number): number => low + (high - low) * random()

const nextJob = (c: OperatorConstants, random: Random): Job => {
  const spread = between(random, 0.75, 1.25)
  const draw = random() * 100
  const pull = between(random, 55, 100)
  if (draw < c.jam_share) {
    const turns = between(random, 3, 12)
    return { kind: 'jam', pull: 100, lastsS: 6, torque: c.drilling_torque * spread, turns }
  }
  if (draw < 45) {
    const lastsS = between(random, 2.5, 7)
    return { kind: 'hole', pull, lastsS, torque: c.drilling_torque * spread, turns: 0 }
  }
  if (draw < 88) {
    const turns = between(random, 7, 12)
    return { kind: 'screw', pull, lastsS: 6, torque: c.screw_torque * spread, turns }
  }
  const turns = between(random, 7, 12)
  return { kind: 'unscrew', pull, lastsS: 3, torque: c.screw_torque * spread, turns }
}

/** Torque of a job after `turns` of the chuck, `rough` being the grain of the wood, 0 to 1. */
const loadOf = (job: Job, turns: number, rough: number): number => {
  const grain = 0.8 + 0.4 * rough
  const left = turns / Math.max(job.turns, 1)
  switch (job.kind) {
    case 'hole':
      return job.torque * grain
    case 'jam':
      return turns < job.turns ? job.torque * grain : 500
    case 'screw':
      // Thread friction grows with depth; at the head it rises steeply.
      return left < 1 ? job.torque * 0.6 * left * grain : job.torque * (0.6 + 8 * (left - 1))
    case 'unscrew':
      return job.torque * Math.max(1 - 1.5 * left, 0.05) * grain
  }
}

/** Seconds that the chuck stands still under a pulled trigger before a hand lets go. */
const patienceS = 0.45

/** An operator who starts with a short pause. `step` mutates and returns the same Hand. */
export const createOperator = (c: OperatorConstants, random: Random) => {
  const hand: Hand = { trigger: 0, direction: 0, clutch: 0, loadNm: 0, swapped: false }
  let job: Job | undefined
  let pauseS = 1.5
  let workedS = 0
  let stillS = 0
  let turns = 0
  let rough = 0.5

  const begin = (): void => {
    job = nextJob(c, random)
    workedS = 0
    stillS = 0
    turns = 0
    hand.direction = job.kind === 'unscrew' ? 1 : 0
    hand.clutch = job.kind === 'screw' ? job.torque * 1.4 : 0
  }
  const finish = (): void => {
    job = undefined
    // Mostly the next piece is at hand; sometimes there is something else to do.
    pauseS = random() < 0.1 ? between(random, 6, 12) : between(random, 0.8, 3.5)
  }
  const work = (current: Job, chuck: number, dtS: number): void => {
    workedS += dtS
    turns += (Math.abs(chuck) * dtS) / (2 * Math.PI)
    rough += (random() - 0.5) * 0.1 - (rough - 0.5) * 0.01
    stillS = workedS > 0.3 && Math.abs(chuck) < 0.5 ? stillS + dtS : 0
    // A finger takes a tenth of a second or two.
    hand.trigger = Math.min(hand.trigger + (dtS / 0.15) * current.pull, current.pull)
    hand.loadNm = loadOf(current, turns, Math.min(Math.max(rough, 0), 1))
    if (stillS > patienceS || workedS > current.lastsS) finish()
  }

  /** `chuck` in rad/s, `charge` 0 to 1; called every millisecond or so. */
  const step = (chuck: number, charge: number, dtS: number): Hand => {
    hand.swapped = false
    if (job !== undefined) {
      work(job, chuck, dtS)
      return hand
    }
    hand.trigger = Math.max(hand.trigger - (dtS / 0.08) * 100, 0)
    // The bit comes out of the work once it has stopped.
    if (Math.abs(chuck) < 1) hand.loadNm = 0
    pauseS -= dtS
    if (pauseS > 0) return hand
    if (charge * 100 < c.swap_charge) {
      hand.swapped = true
      pauseS = between(random, 6, 10)
    } else begin()
    return hand
  }
  return { hand, step }
}
