// A person at the bench who names no port, or the wrong one, is told which there are.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runOn as commission } from '../../gateway/cli/commission.ts'
import { runOn as selftest } from '../../gateway/cli/selftest.ts'
import { OperatingError } from '../../gateway/core/errors.ts'
import { type BenchPort, realPort } from '../../gateway/selftest/bench.ts'
import { portsFound } from '../../gateway/serial/port.ts'
import { desk, refusalOf } from './stand.ts'

const there = ['/dev/ttyACM3 (Raspberry Pi, serial number E6605838832D912A)', '/dev/ttyS0']
const silent: BenchPort = {
  onData: () => {},
  write: () => true,
  close: () => Promise.resolve(),
}
/** A clock that runs as fast as it is asked. */
const clock = { nowUs: () => 0, monotonicMs: () => 0, sleep: () => Promise.resolve() }

const commands = [
  { name: 'commission', run: commission, more: [] },
  { name: 'selftest', run: selftest, more: ['--motor-disconnected'] },
] as const

test.each(commands)('tenfold $name says which ports there are', async ({ name, run, more }) => {
  const io = await desk()
  const outside = {
    ...{ open: realPort, clock, ports: () => Promise.resolve(there) },
    ask: () => Promise.reject(new Error('nobody is asked')),
  }
  const folder = mkdtempSync(join(tmpdir(), 'tenfold-ports-'))
  const refused = async (open: typeof realPort, ...args: string[]): Promise<OperatingError> =>
    refusalOf(run([...args, ...more], io, { ...outside, open }))
  try {
    const none = await refused(realPort, '--key', io.key)
    expect([none.code, none.remedy]).toEqual([
      'usage',
      `Serial ports that are there now: ${there.join('; ')}. More: "tenfold help ${name}".`,
    ])
    // The real one, of a port that is not there.
    const absent = await refused(realPort, '--key', io.key, '--port', join(folder, 'none'))
    expect(absent.code).toBe('port_absent')
    expect(absent.remedy).toContain(there[0])
    const answers = await refused(() => Promise.resolve(silent), '--key', io.key, '--port', 'x')
    expect(answers.code).toBe('board_silent')
    expect(answers.remedy).toContain(there[0])
    // What another port would not mend is left as it is.
    const busy = (): Promise<BenchPort> =>
      Promise.reject(new OperatingError('port_busy', { message: 'm', remedy: 'r' }))
    expect((await refused(busy, '--key', io.key, '--port', 'x')).remedy).toBe('r')
    const outsideNone = { ...outside, ports: () => Promise.resolve([]) }
    const nowhere = await refusalOf(run(['--key', io.key, ...more], io, outsideNone))
    expect(nowhere.remedy).toMatch(/^There is no serial port now: plug the board in\./)
  } finally {
    rmSync(folder, { recursive: true, force: true })
    io.remove()
  }
})

test('the ports of this machine are listed without opening any', async () => {
  for (const line of await portsFound()) expect(line).toMatch(/^\S+( \(.+\))?$/)
})
