// Loaded into a gateway before anything else (--import), in each of its threads: its wall clock is
// off by the milliseconds that the file TENFOLD_CLOCK holds. Timers and the monotonic clock go on,
// as they do when somebody sets the time of a machine.
import { readFileSync } from 'node:fs'

const file = process.env['TENFOLD_CLOCK'] ?? ''
const real = Date.now
let offMs = 0
let lookedMs = Number.NEGATIVE_INFINITY

const look = (): void => {
  const nowMs = performance.now()
  if (nowMs - lookedMs < 20) return
  lookedMs = nowMs
  const written = Number(readFileSync(file, 'utf8'))
  if (Number.isFinite(written)) offMs = written
}

Date.now = () => {
  look()
  return real() + offMs
}
