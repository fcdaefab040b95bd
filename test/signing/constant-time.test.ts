// A signature takes the same number of cycles whatever the key and the message are, in the
// emulator's count; its time is within the goal; and its stack within the board's.
import { beforeAll, describe, expect, test } from 'vitest'
import { loadBoard } from '../../firmware/boards.ts'
import type { Built } from '../../firmware/compile.ts'
import { compilerInstalled } from '../boards/stand.ts'
import { askTimed, buildProbe, signLine, startPico } from './probe.ts'

const goalMs = 500

describe.runIf(compilerInstalled())('a signature on an RP2040', () => {
  let built: Built
  beforeAll(() => {
    built = buildProbe('rp2040-pico')
  })

  test('takes the same cycles for every key and message, and under 500 ms', () => {
    const pico = startPico(built)
    const filled = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value)
    const pseudo = Uint8Array.from({ length: 32 }, (_, i) => (i * 89 + 17) & 255)
    const cases: [seed: Uint8Array, message: Uint8Array][] = [
      [filled(0), filled(0, 100)],
      [pseudo, filled(0, 100)],
      [pseudo.toReversed(), pseudo.slice().fill(7)],
    ]
    const cycles = cases.map(
      ([seed, message]) => askTimed(pico, signLine(seed, filled(message[0] ?? 0, 100))).cycles,
    )
    expect(new Set(cycles).size, `${cycles}`).toBe(1)
    const { clockHz } = loadBoard('rp2040-pico')
    expect(((cycles[0] ?? clockHz) / clockHz) * 1000).toBeLessThan(goalMs)
  })

  test.each(['rp2040-pico', 'stm32f405', 'microbit'])('fits the stack of %s', (name) => {
    const { stackBytes } = buildProbe(name)
    expect(stackBytes).toBeGreaterThan(500)
    expect(stackBytes).toBeLessThanOrEqual(loadBoard(name).stackBytes)
  })
})
