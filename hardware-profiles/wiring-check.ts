// What of a machine's wiring is wrong without looking at the board: a signal that does not exist, a
// pin with two jobs, a multiplexer without such an input, a line of one point.
import type { ProfileData } from './profile.ts'
import { nearest } from './validate.ts'

type Report = (path: string, value: unknown, message: string) => void
type Wiring = NonNullable<ProfileData['boards']>[string]
type Wire = Wiring['pins'][string]

/** Everything wrong with the `boards` of a profile that fits the schema. */
export const checkWiring = (profile: ProfileData, report: Report): void => {
  const signals = Object.keys(profile.signals)
  for (const [board, wiring] of Object.entries(profile.boards ?? {})) {
    const path = `/boards/${board}`
    checkPins(wiring, (at, value, message) => report(`${path}/${at}`, value, message))
    for (const [signal, wire] of Object.entries(wiring.pins)) {
      const at = `${path}/pins/${signal}`
      if (!signals.includes(signal)) {
        report(at, signal, `"${signal}" is not a signal${nearest(signal, signals)}`)
      }
      checkWire(wire, wiring, (below, value, message) => report(`${at}/${below}`, value, message))
    }
    const timed = Object.entries(wiring.pins).filter(
      ([, { sample }]) => (sample ?? 'in_turn') !== 'in_turn',
    )
    for (const [signal] of timed.slice(1)) {
      const message = 'only one signal is sampled in the on-time, or in each step'
      report(`${path}/pins/${signal}/sample`, wiring.pins[signal]?.sample, message)
    }
  }
}

/** A pin does one thing; only inputs of the multiplexer share theirs. */
const checkPins = (wiring: Wiring, report: Report): void => {
  const jobs: { pin: string; position: number | undefined; job: string }[] = []
  const take = (pin: string, at: string, position?: number): void => {
    const before = jobs.find(
      (other) =>
        other.pin === pin &&
        (position === undefined || other.position === undefined || other.position === position),
    )
    if (before !== undefined) report(at, pin, `${pin} already carries ${before.job}`)
    jobs.push({ pin, position, job: at.replace(/^pins\/|\/pin$/g, '') })
  }
  take(wiring.gate, 'gate')
  wiring.select?.forEach((pin, i) => {
    take(pin, `select/${i}`)
  })
  for (const [signal, { pin, position }] of Object.entries(wiring.pins)) {
    take(pin, `pins/${signal}/pin`, position)
  }
}

const checkWire = ({ position, line }: Wire, { select }: Wiring, report: Report): void => {
  const inputs = select === undefined ? 0 : 2 ** select.length
  if (position !== undefined && position >= inputs) {
    const has = inputs === 0 ? 'there is no "select"' : `it has ${inputs}`
    report('position', position, `the multiplexer has no such input: ${has}`)
  }
  if (line !== undefined && (line[0][0] === line[1][0] || line[0][1] === line[1][1])) {
    report('line', line, 'two points with the same volts or value are no line')
  }
}
