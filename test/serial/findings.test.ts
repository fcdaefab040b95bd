// What doctor says of ports: one line for each thing that can be wrong, with what to do.
import { expect, test } from 'vitest'
import { serialFindings } from '../../gateway/sources/serial/findings.ts'
import type { SerialHealth } from '../../gateway/sources/serial/status.ts'

const atUs = 1_800_000_000_000_000
type Port = SerialHealth['ports'][number]
const port = (line: Partial<NonNullable<Port['line']>> = {}, more: Partial<Port> = {}): Port => ({
  ...{ name: '/dev/ttyACM0', path: '/dev/ttyACM0', isOpen: true, trouble: undefined },
  ...{ openings: 1, bytes: 9000, heldBack: 0 },
  line: {
    ...{ state: 'speaking', unit: 'drill-1', board: 'rp2040-pico', refusal: undefined },
    ...{ frames: 500, damaged: 1, malformed: 0, reports: 480, dropped: 0, items: 3 },
    ...{ boardDamaged: 0, boardLost: 0, ...line },
  },
  ...more,
})
const said = (ports: Port[], unit?: string, nowUs = atUs) =>
  serialFindings({ atUs, ports }, { unit, nowUs }).map(({ verdict, text }) => `${verdict}: ${text}`)

test('a unit that is heard, and how clean its line is', () => {
  expect(said([port()], 'drill-1')).toEqual([
    expect.stringMatching(/^good: drill-1 is heard on .*ACM0: 480 reports, 3 items; 1 frames dam/),
  ])
  expect(said([port()], 'drill-2')).toEqual([])
  expect(said([port({ boardLost: 40 })])[0]).toMatch(/^note: .* 40 bytes lost/)
  expect(said([port({}, { heldBack: 1 })])[0]).toMatch(/^note: /)
})

test('what is in the way: no port, no board, a board that is refused', () => {
  const closed = port({}, { isOpen: false, trouble: 'there is no serial port', line: undefined })
  expect(said([closed], 'drill-1')[0]).toMatch(/^bad: .* is not open: there is no serial port/)
  expect(said([port({ state: 'silent', unit: undefined })])[0]).toMatch(/^bad: .*no board answers/)
  const refusal = { code: 'profile_mismatch', detail: 'built for another' } as const
  const [found] = serialFindings(
    { atUs, ports: [port({ state: 'refused', refusal, unit: undefined })] },
    { unit: 'drill-1', nowUs: atUs },
  )
  expect(found).toMatchObject({ verdict: 'bad', remedy: expect.stringMatching(/Flash the board/) })
})

test('what a gateway said that no longer runs is not repeated', () => {
  expect(said([port()], undefined, atUs + 60e6)).toEqual([])
  expect(serialFindings(undefined, { unit: undefined, nowUs: atUs })).toEqual([])
})
